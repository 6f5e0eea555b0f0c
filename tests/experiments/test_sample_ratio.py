"""Sample ratio mismatch: finds lost visitors, and closed arms do not crash it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from persx.experiments.statistics.srm import sample_ratio
from persx.model.errors import BadInput


def test_a_lost_share_is_found() -> None:
    check = sample_ratio({"a": 50_000, "b": 48_500}, {"a": 0.5, "b": 0.5})
    assert check.mismatch


def test_unequal_weights_are_respected() -> None:
    assert not sample_ratio({"a": 1_003, "b": 8_997}, {"a": 0.1, "b": 0.9}).mismatch
    assert sample_ratio({"a": 5_000, "b": 5_000}, {"a": 0.1, "b": 0.9}).mismatch


def test_an_arm_of_weight_zero_takes_no_part() -> None:
    check = sample_ratio({"a": 500, "b": 510, "old": 9_000}, {"a": 1, "b": 1, "old": 0})
    assert not check.mismatch
    assert check.left_out == {"old": 9_000}


@pytest.mark.parametrize(
    ("observed", "weights", "said"),
    [
        ({}, {"a": 1, "b": 1}, "No visitors yet."),
        ({"a": 5}, {"a": 1, "b": 0}, "Fewer than two arms have a weight."),
        ({}, {}, "Fewer than two arms have a weight."),
        ({"a": 1, "b": 2, "c": 1}, {"a": 1, "b": 1, "c": 1}, "Too few visitors to check."),
    ],
)
def test_what_cannot_be_checked_says_so(
    observed: dict[str, int], weights: dict[str, float], said: str
) -> None:
    check = sample_ratio(observed, weights)
    assert check.p is None
    assert not check.mismatch
    assert check.reason == said


@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf")])
def test_impossible_weights_are_refused(weight: float) -> None:
    with pytest.raises(BadInput, match="weight of arm 'a'"):
        sample_ratio({"a": 1}, {"a": weight, "b": 1})


@given(st.lists(st.integers(5_000, 10**7), min_size=2, max_size=6))
@settings(max_examples=50, deadline=None)
def test_many_visitors_are_tested_by_chi_square(counts: list[int]) -> None:
    observed = {str(place): n for place, n in enumerate(counts)}
    check = sample_ratio(observed, dict.fromkeys(observed, 1.0))
    if sum(counts) > 10_000:
        assert check.p == pytest.approx(chisquare(counts).pvalue, abs=1e-12)


def test_healthy_experiments_raise_few_alarms() -> None:
    rng = np.random.default_rng(5)
    for n in (40, 3_000):
        arms = rng.binomial(n, 0.1, 5_000)
        alarms = sum(
            sample_ratio({"a": int(a), "b": n - int(a)}, {"a": 0.1, "b": 0.9}).mismatch
            for a in np.unique(arms).repeat(1)
            for _ in range(int((arms == a).sum()))
        )
        assert alarms <= 12
