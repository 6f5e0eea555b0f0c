"""The detector: rarely wrong where nothing is, and quick where something is."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persx.health.detector import (
    SUSPICION,
    Detector,
    Trials,
    advance,
    evidence,
    likely_rate,
    recover,
    threshold,
    worse_rates,
)
from persx.model.clock import DAY, SECOND

STEP = SECOND
YEAR = 365 * DAY / STEP
LIMITS = st.floats(0.001, 0.9)


@given(LIMITS, st.integers(1, 7), st.floats(0, 1))
def test_evidence_against_what_is_right_is_not_expected_to_grow(
    limit: float, n: int, share: float
) -> None:
    rate = limit * share
    expected = sum(
        math.prod(rate if bad else 1 - rate for bad in outcome)
        * math.exp(evidence(advance(Detector(), Trials(sum(outcome), n), limit, STEP)))
        for outcome in itertools.product((0, 1), repeat=n)
    )
    assert expected <= 1 + 1e-9


@given(LIMITS, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8))
def test_looking_more_often_within_a_step_changes_nothing(
    limit: float, pieces: list[tuple[int, int]]
) -> None:
    trials = [Trials(bad, bad + good, 2) for bad, good in pieces]
    often = Detector(stepped=1)
    for each in trials:
        often = advance(often, each, limit, STEP)
    total = Trials(sum(each.bad for each in trials), sum(each.total for each in trials), 2)
    once = advance(Detector(stepped=1), total, limit, STEP)
    assert often.scores == pytest.approx(once.scores, abs=1e-6)


def test_a_new_step_forgets_what_spoke_for_it() -> None:
    good = advance(Detector(), Trials(0, 1_000, STEP), 0.2, STEP)
    assert max(good.scores) < 0
    later = advance(good, Trials(0, 0, 2 * STEP), 0.2, STEP)
    assert later.scores == (0.0,) * len(later.scores)
    back = advance(good, Trials(0, 0, 0), 0.2, STEP)
    assert back.scores == later.scores, "a clock that was set back ends a step"


@pytest.mark.parametrize("limit", [0.001, 0.05, 0.2, 0.3])
@pytest.mark.parametrize("before", [0, 200, 20_000])
def test_what_breaks_altogether_is_confirmed_within_200(limit: float, before: int) -> None:
    detector = advance(Detector(), Trials(0, before, 1 * STEP), limit, STEP)
    found = next(
        n
        for n in range(1, 201)
        if evidence(advance(detector, Trials(n, n, 2 * STEP), limit, STEP)) >= threshold(YEAR, 500)
    )
    assert found <= 30
    broken = likely_rate(advance(detector, Trials(200, 200, 2 * STEP), limit, STEP), limit)
    assert limit < broken < 1


@pytest.mark.parametrize("limit", [0.001, 0.05, 0.2])
def test_what_breaks_in_the_middle_of_a_piece_is_confirmed_within_200(limit: float) -> None:
    """As many decisions went well in the same few seconds as went wrong after them."""
    detector = advance(Detector(), Trials(200, 400, STEP), limit, STEP)
    assert evidence(detector) >= threshold(YEAR, 500)


def test_a_variant_of_few_visitors_is_found_before_it_fails_200_times() -> None:
    """One decision in fifty shows it; all of these fail."""
    detector, failed = Detector(), 0
    for look in range(100):
        detector = advance(detector, Trials(2, 100, look * SECOND), 0.001, STEP)
        failed += 2
        if evidence(detector) >= threshold(YEAR, 500):
            break
    assert failed < 30


def test_what_is_at_its_limit_for_long_is_not_confirmed() -> None:
    random = np.random.default_rng(7)
    for limit in (0.001, 0.2):
        detector, most = Detector(), 0.0
        for look, bad in enumerate(random.binomial(30, limit, 20_000)):
            detector = advance(detector, Trials(int(bad), 30, look * STEP), limit, STEP)
            most = max(most, evidence(detector))
        assert most < threshold(YEAR, 1)


def test_recovery_is_said_after_good_ones_and_not_after_one() -> None:
    worst = worse_rates(0.001)[-1]
    assert recover(0.0, Trials(0, 1), 0.001, worst) < SUSPICION
    assert recover(0.0, Trials(0, 20), 0.001, worst) >= SUSPICION
    assert recover(0.0, Trials(10, 20), 0.001, worst) < 0


def test_more_detectors_need_more_evidence() -> None:
    assert threshold(YEAR, 500) - threshold(YEAR, 1) == pytest.approx(math.log(500))
