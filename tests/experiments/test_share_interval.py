"""The always-valid lift of a rate: agrees with its p-value, holds while one peeks, any split."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln

from persx.experiments.statistics import lift
from persx.experiments.statistics.proportions import Counts
from persx.experiments.statistics.shares import (
    always_valid_lift,
    share_evidence,
    share_interval_ratio,
)
from persx.model.errors import BadInput


@st.composite
def counts(draw: st.DrawFn, most: int = 10**9) -> Counts:
    n1, n0 = draw(st.integers(1, most)), draw(st.integers(1, most))
    return Counts(draw(st.integers(0, n1)), n1, draw(st.integers(0, n0)), n0)


@given(
    counts() | counts(40),
    st.sampled_from([0.5, 0.8, 0.95, 0.999]),
    st.sampled_from([None, 0.5, 0.9]),
    st.sampled_from([0.05, 0.3, 2.0]),
)
@settings(max_examples=300, deadline=None)
def test_p_and_interval_never_disagree(
    data: Counts, confidence: float, planned: float | None, spread: float
) -> None:
    result = always_valid_lift(*data, planned=planned, confidence=confidence, spread=spread)
    if result.p is None:
        assert data.conversions == data.control_conversions == 0
        assert result.low is result.high is result.lift is None
        assert result.reason
        return
    assert 0 <= result.p <= 1
    assert (result.p < 1 - confidence) == result.excludes_zero
    assert result.low is not None
    assert result.low >= -1
    if result.lift is not None:
        high = math.inf if result.high is None else result.high
        assert result.low <= result.lift + 1e-6 * (1 + abs(result.lift))
        assert result.lift <= high + 1e-6 * (1 + abs(result.lift))


@given(
    st.lists(counts(10**6) | counts(40), min_size=1, max_size=3),
    st.sampled_from([0.5, 0.95, 0.9999]),
)
@settings(max_examples=100, deadline=None)
def test_at_its_ends_the_bet_has_won_what_the_confidence_asks(
    strata: list[Counts], confidence: float
) -> None:
    result = share_interval_ratio(strata, confidence=confidence)
    for end in (result.low, result.high):
        # An end at 0 was moved there, where p demands it.
        if end is not None and end > -1 and abs(end) > 1e-300:
            won = share_evidence(strata, math.log1p(end))
            # Near -1 a lift has not the digits of the ratio that it is one less than.
            slack = 1e-6 + 1e-12 / (1 + end)
            assert won == pytest.approx(-math.log(1 - confidence), abs=slack)


@given(st.lists(counts(3000), min_size=2, max_size=3))
@settings(max_examples=40, deadline=None)
def test_p_and_interval_never_disagree_over_epochs(strata: list[Counts]) -> None:
    result = share_interval_ratio(strata)
    if result.p is not None:
        assert (result.p < 0.05) == result.excludes_zero


def test_the_exact_bet_written_out() -> None:
    """Lindon and Malek's beta-binomial Bayes factor, with a planned split of 30 to 70."""
    share, spread, treated, controlled = 0.3, 0.4, 57, 90
    imagined = 1 / (spread**2 * share * (1 - share))
    a, b = imagined * share, imagined * (1 - share)
    for lift_ in (-0.2, 0.0, 0.6):
        odds = share * (1 + lift_) / (1 - share)
        coin = odds / (1 + odds)
        expected = betaln(a + treated, b + controlled) - betaln(a, b)
        expected -= treated * math.log(coin) + controlled * math.log(1 - coin)
        found = share_evidence(
            [Counts(treated, 3_000, controlled, 7_000)], math.log1p(lift_),
            planned=[share], spread=spread,
        )  # fmt: skip
        assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("planned", [0.5, 0.9])
def test_the_exact_bet_is_fair(planned: float) -> None:
    """Over all that may happen, evidence against what is true is worth 1 on average: exactly."""
    conversions, true_lift = 14, 0.5
    odds = planned * (1 + true_lift) / (1 - planned)
    coin = odds / (1 + odds)
    worth = sum(
        math.comb(conversions, x) * coin**x * (1 - coin) ** (conversions - x)
        * math.exp(
            share_evidence(
                [Counts(x, 100, conversions - x, 100)], math.log1p(true_lift), planned=[planned]
            )
        )
        for x in range(conversions + 1)
    )  # fmt: skip
    assert worth == pytest.approx(1, abs=1e-9)


def test_quadrature_and_closed_form_agree() -> None:
    """Two halves with all but the same split are almost one stratum."""
    whole = share_interval_ratio([Counts(402, 20_000, 350, 20_000)])
    halves = share_interval_ratio(
        [Counts(201, 10_000, 175, 10_000), Counts(201, 10_000, 175, 9_999)]
    )
    for name in ("lift", "low", "high", "p"):
        assert getattr(halves, name) == pytest.approx(getattr(whole, name), rel=2e-3)


def test_a_moved_split_is_no_effect() -> None:
    """A/A with 2% and then 4%, while the split moves from 50 to 90%."""
    strata = [Counts(200, 10_000, 200, 10_000), Counts(720, 18_000, 80, 2_000)]
    assert always_valid_lift(920, 28_000, 280, 12_000).excludes_zero
    stratified = share_interval_ratio(strata)
    assert stratified.lift == pytest.approx(0, abs=1e-9)
    assert stratified.p == 1
    planned = share_interval_ratio(strata, planned=[0.5, 0.9])
    assert planned.lift == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("planned", [None, [0.5]])
def test_swapping_arms_inverts_the_ratio(planned: list[float] | None) -> None:
    there = share_interval_ratio([Counts(30, 900, 12, 900)], planned=planned)
    back = share_interval_ratio([Counts(12, 900, 30, 900)], planned=planned)
    assert there.p == pytest.approx(back.p)
    assert there.low is not None
    assert back.high is not None
    assert (1 + there.low) * (1 + back.high) == pytest.approx(1)


def test_it_is_wider_than_for_one_look_and_tells_more_where_rates_are_high() -> None:
    data = (330, 1_000, 300, 1_000)
    once, always = lift(*data), always_valid_lift(*data)
    exact = always_valid_lift(*data, planned=0.5)
    assert exact.low < always.low < once.low
    assert once.high < always.high < exact.high


@pytest.mark.parametrize(
    ("data", "low", "high"),
    [
        (Counts(0, 100, 10, 100), -1.0, True),
        (Counts(10, 100, 0, 100), True, None),
        (Counts(100, 100, 100, 100), True, True),
        (Counts(0, 1, 1, 1), -1.0, True),
        (Counts(10**9, 10**9, 1, 10**9), True, True),
    ],
)
def test_edges(data: Counts, low: float | bool, high: bool | None) -> None:
    result = always_valid_lift(*data)
    assert result.p is not None
    assert (result.low == -1) == (low == -1.0)
    assert (result.high is None) == (high is None)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (Counts(0, 0, 5, 10), "The arm has no visitors."),
        (Counts(5, 10, 0, 0), "The control has no visitors."),
        (Counts(0, 10, 0, 10), "Nobody has converted in either arm."),
    ],
)
def test_undefined_is_an_answer(data: Counts, said: str) -> None:
    result = always_valid_lift(*data)
    assert (result.lift, result.low, result.high, result.p) == (None, None, None, None)
    assert result.reason == said


def test_impossible_input_is_refused() -> None:
    with pytest.raises(BadInput, match="not possible"):
        always_valid_lift(11, 10, 1, 10)
    with pytest.raises(BadInput, match="planned shares"):
        always_valid_lift(1, 10, 1, 10, planned=1.0)
    with pytest.raises(BadInput, match="planned shares"):
        share_interval_ratio([Counts(1, 10, 1, 10)] * 2, planned=[0.5])
    with pytest.raises(BadInput, match="spread"):
        always_valid_lift(1, 10, 1, 10, spread=0)


@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_who_looks_every_day_is_rarely_misled(rate: float) -> None:
    """28 looks at no difference: the score interval, made for one look, misses in a quarter."""
    rng = np.random.default_rng(20261122)
    runs, days, a_day, missed, fooled = 300, 28, 200, 0, 0
    for _ in range(runs):
        treated, controlled = rng.binomial(a_day, rate, (2, days)).cumsum(axis=1)
        looks = [
            Counts(int(x1), a_day * (day + 1), int(x0), a_day * (day + 1))
            for day, (x1, x0) in enumerate(zip(treated, controlled, strict=True))
        ]
        missed += any(share_evidence([look]) > math.log(20) for look in looks)
        fooled += any(lift(*look).excludes_zero for look in looks)
    assert missed / runs <= 0.03
    assert fooled / runs > 0.12
