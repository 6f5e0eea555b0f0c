"""Learners: shares that add up, that find what works, pool, and are not fooled by better times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.experiments.learning import LEARNERS
from persx.experiments.learning.evidence import Trials, gather
from persx.experiments.learning.linear import inverse_gap
from persx.experiments.learning.publishing import probabilities

LEARNER_NAMES = pytest.mark.parametrize("name", LEARNERS.names)
VARIANTS = ("a", "b", "c")


def trial(
    context: tuple[str | None, ...], variant: str, n: float, k: float, period: int = 1
) -> Trials:
    """Some visitors of whom some reached the goal."""
    return Trials(context, variant, period, n, k)


@LEARNER_NAMES
@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["x", "y", None]),
            st.sampled_from(["p", None]),
            st.sampled_from([*VARIANTS, "gone"]),
            st.integers(0, 5_000),
            st.floats(0, 1),
            st.integers(0, 4),
        ),
        max_size=25,
    )
)
def test_shares_add_up_whatever_was_seen(
    name: str, seen: list[tuple[str | None, str | None, str, int, float, int]]
) -> None:
    trials = [
        trial((one, two), variant, n, round(n * rate), period)
        for one, two, variant, n, rate, period in seen
    ]
    evidence = gather(("i", "j"), VARIANTS, trials)
    for _ in range(2):
        found = LEARNERS[name].learn(evidence, seed=3)
        for shares in (*found.shares, found.overall):
            assert np.all(np.isfinite(shares))
            assert np.all(shares >= 0)
            assert shares.sum() == pytest.approx(1)
    again = LEARNERS[name].learn(evidence, seed=3)
    assert np.array_equal(found.shares, again.shares)


@LEARNER_NAMES
def test_before_anything_is_seen_all_are_alike(name: str) -> None:
    found = LEARNERS[name].learn(gather(("i",), VARIANTS, []), seed=1)
    assert found.overall == pytest.approx([1 / 3] * 3)


@LEARNER_NAMES
def test_what_works_is_found(name: str) -> None:
    trials = [
        trial((None,), "a", 20_000, 400), trial((None,), "b", 20_000, 800),
        trial((None,), "c", 20_000, 420),
    ]  # fmt: skip
    found = LEARNERS[name].learn(gather(("i",), VARIANTS, trials), seed=1)
    assert found.overall[1] > 0.8


@LEARNER_NAMES
def test_contexts_may_differ(name: str) -> None:
    trials = [
        trial((context,), variant, 20_000, 2_000 if variant == best else 1_000)
        for context, best in (("x", "a"), ("y", "b"))
        for variant in VARIANTS
    ]
    evidence = gather(("i",), VARIANTS, trials)
    found = LEARNERS[name].learn(evidence, seed=1)
    assert evidence.contexts == (("x",), ("y",))
    assert found.shares[0][0] > 0.8
    assert found.shares[1][1] > 0.8


def test_a_context_of_which_little_is_known_follows_the_others() -> None:
    trials = [
        trial((f"large{n}",), variant, 10_000, 1_300 if variant == "b" else 1_000)
        for n in range(4)
        for variant in VARIANTS
    ]
    # Chance was against b here: one of 25 instead of the others' two and three.
    trials += [trial(("small",), v, 25, k) for v, k in (("a", 3), ("b", 1), ("c", 2))]
    evidence = gather(("i",), VARIANTS, trials)
    found = LEARNERS["thompson"].learn(evidence, seed=1)
    small = evidence.contexts.index(("small",))
    assert found.shares[small].argmax() == 1
    assert found.shares[small][1] < found.shares[0][1]


def test_a_better_time_is_no_effect() -> None:
    # Simpson's paradox: both variants do alike in each period, the second is twice as good, and
    # most visitors saw b then. Added up, b looks better by two thirds.
    trials = [
        trial((None,), "a", 9_000, 180, 1), trial((None,), "b", 1_000, 20, 1),
        trial((None,), "a", 1_000, 40, 2), trial((None,), "b", 9_000, 360, 2),
    ]  # fmt: skip
    evidence = gather(("i",), ("a", "b"), trials)
    assert evidence.rate[0][1] / evidence.rate[0][0] == pytest.approx(1, abs=0.1)
    assert (380 / 10_000) / (220 / 10_000) > 1.7
    alike = gather(("i",), ("a", "b"), [each._replace(period=1) for each in trials])
    assert alike.rate[0][1] / alike.rate[0][0] > 1.7


def test_without_periods_counts_are_as_they_are() -> None:
    evidence = gather(("i",), ("a", "b"), [trial(("x",), "a", 10, 3), trial(("x",), "a", 10, 1)])
    assert evidence.weight.tolist() == [[20.0, 0.0]]
    assert evidence.rate.tolist() == [[0.2, 0.0]]


def test_the_gap_decides_the_share() -> None:
    rates = np.array([[0.5, 0.4, 0.1]])
    shares = inverse_gap(rates, 10.0)[0]
    assert shares[1] == pytest.approx(1 / (3 + 10 * 0.1))
    assert shares[2] == pytest.approx(1 / (3 + 10 * 0.4))
    assert shares[0] == pytest.approx(1 - shares[1] - shares[2])


def test_no_more_contexts_are_published_than_there_is_room() -> None:
    trials = [trial((f"i{n}",), "a", n + 1, 0) for n in range(30)]
    found = probabilities(
        gather(("i",), ("a", "b"), trials), LEARNERS["linear"], block="x", exploration=0.1,
        lanes={"b": 4}, most=10,
    )  # fmt: skip
    assert {cell.context for cell in found.cells} == {(f"i{n}",) for n in range(20, 30)}
    assert found.lanes == {"a": 0, "b": 4}


def test_a_context_of_a_few_visitors_is_not_published() -> None:
    trials = [trial(("few",), "a", 4, 1), trial(("enough",), "a", 5, 1)]
    found = probabilities(
        gather(("i",), ("a", "b"), trials), LEARNERS["thompson"], block="x", exploration=0.1,
        lanes={},
    )  # fmt: skip
    assert [cell.context for cell in found.cells] == [("enough",)]
    assert found.overall.visitors == 9


@LEARNER_NAMES
def test_learning_day_by_day_finds_the_best(name: str) -> None:
    random = np.random.default_rng(5)
    rates = {"a": 0.05, "b": 0.09, "c": 0.05}
    trials: list[Trials] = []
    shares = np.full(3, 1 / 3)
    for day in range(12):
        shown = random.multinomial(1_500, 0.1 / 3 + 0.9 * shares)
        trials += [
            trial((), variant, int(n), int(random.binomial(n, rates[variant])), day)
            for variant, n in zip(VARIANTS, shown, strict=True)
        ]
        shares = LEARNERS[name].learn(gather((), VARIANTS, trials), seed=1).overall
    assert shares[1] > 0.75
