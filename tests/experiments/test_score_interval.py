"""The score interval of a lift: agrees with its p-value, covers, and survives every edge."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import chi2, chi2_contingency

from persx.experiments.statistics.proportions import Counts, lift, score_interval_ratio
from persx.model.errors import BadInput


@st.composite
def counts(draw: st.DrawFn, most: int = 10**9) -> Counts:
    n1, n0 = draw(st.integers(1, most)), draw(st.integers(1, most))
    return Counts(draw(st.integers(0, n1)), n1, draw(st.integers(0, n0)), n0)


@given(counts() | counts(40), st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999]))
@settings(max_examples=400, deadline=None)
def test_p_and_interval_never_disagree(data: Counts, confidence: float) -> None:
    result = lift(*data, confidence=confidence)
    if result.p is None:
        assert data.conversions == data.control_conversions == 0
        assert result.low is result.high is result.lift is None
        assert result.reason
        return
    assert (result.p < 1 - confidence) == result.excludes_zero
    assert result.low is not None
    assert result.low >= -1
    high = math.inf if result.high is None else result.high
    if result.lift is not None:
        assert result.low <= result.lift + 1e-9 * (1 + abs(result.lift))
        assert result.lift <= high + 1e-9 * (1 + abs(result.lift))


@given(st.lists(counts(3000), min_size=2, max_size=4))
@settings(max_examples=150, deadline=None)
def test_p_and_interval_never_disagree_over_strata(strata: list[Counts]) -> None:
    result = score_interval_ratio(strata)
    if result.p is not None:
        assert (result.p < 0.05) == result.excludes_zero


@given(counts(5000))
@settings(max_examples=100, deadline=None)
def test_p_is_pearsons(data: Counts) -> None:
    x1, n1, x0, n0 = data
    if not 0 < x1 + x0 < n1 + n0:
        return
    expected = chi2_contingency([[x1, n1 - x1], [x0, n0 - x0]], correction=False).pvalue
    assert lift(*data).p == pytest.approx(expected, rel=1e-6, abs=1e-300)


@pytest.mark.parametrize(
    "data", [Counts(267, 21_307, 122, 21_306), Counts(12, 300, 4, 300), Counts(3, 9, 8, 11)]
)
def test_ends_are_where_the_score_statistic_reaches_its_quantile(data: Counts) -> None:
    """Against Koopman's definition, with the constrained rates found by a general optimiser."""
    x1, n1, x0, n0 = data

    def statistic(ratio: float) -> float:
        def likelihood(p0: float) -> float:
            p1 = ratio * p0
            return -(
                x1 * math.log(p1)
                + (n1 - x1) * math.log1p(-p1)
                + x0 * math.log(p0)
                + (n0 - x0) * math.log1p(-p0)
            )

        top = min(1, 1 / ratio)
        fit = minimize_scalar(
            likelihood, bounds=(1e-9, top - 1e-9), method="bounded", options={"xatol": 1e-13}
        )
        p0, p1 = fit.x, ratio * fit.x
        return (x1 - n1 * p1) ** 2 / (n1 * p1 * (1 - p1)) + (x0 - n0 * p0) ** 2 / (
            n0 * p0 * (1 - p0)
        )

    result = lift(*data)
    assert result.low is not None
    assert result.high is not None
    for end in (result.low, result.high):
        assert statistic(1 + end) == pytest.approx(chi2.ppf(0.95, 1), rel=1e-4)


def test_the_example_on_which_others_disagree() -> None:
    """12/300 against 4/300: p is .043, so the interval must exclude 0."""
    result = lift(12, 300, 4, 300)
    assert result.p == pytest.approx(0.0426, abs=5e-5)
    assert result.low is not None
    assert result.low > 0


def test_swapping_arms_inverts_the_ratio() -> None:
    there, back = lift(30, 900, 12, 800), lift(12, 800, 30, 900)
    assert there.p == pytest.approx(back.p)
    assert there.low is not None
    assert back.high is not None
    assert (1 + there.low) * (1 + back.high) == pytest.approx(1)


@pytest.mark.parametrize(
    ("data", "low", "high"),
    [
        (Counts(0, 100, 10, 100), -1.0, True),
        (Counts(10, 100, 0, 100), True, None),
        (Counts(100, 100, 100, 100), True, True),
        (Counts(1, 1, 1, 1), True, True),
        (Counts(0, 1, 1, 1), -1.0, True),
        (Counts(10**15, 10**16, 10**15, 10**16), True, True),
    ],
)
def test_edges(data: Counts, low: float | bool, high: float | bool | None) -> None:
    result = lift(*data)
    assert result.p is not None
    assert 0 <= result.p <= 1
    assert (result.low == -1) == (low == -1.0)
    assert (result.high is None) == (high is None)
    if data.control_conversions == 0:
        assert result.lift is None
        assert "no upper end" in result.reason


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (Counts(0, 0, 5, 10), "The arm has no visitors."),
        (Counts(5, 10, 0, 0), "The control has no visitors."),
        (Counts(0, 10, 0, 10), "Nobody has converted in either arm."),
    ],
)
def test_undefined_is_an_answer(data: Counts, said: str) -> None:
    result = lift(*data)
    assert (result.lift, result.low, result.high, result.p) == (None, None, None, None)
    assert result.reason == said


@pytest.mark.parametrize("data", [(-1, 10, 1, 10), (11, 10, 1, 10), (1, 10, 1, -10)])
def test_impossible_counts_are_refused(data: tuple[int, int, int, int]) -> None:
    with pytest.raises(BadInput, match="not possible"):
        lift(*data)


@pytest.mark.parametrize("confidence", [0, 1, -1, 95, math.nan])
def test_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(BadInput, match="confidence"):
        lift(1, 10, 1, 10, confidence=confidence)


def test_stratified_does_not_fall_for_a_moved_split() -> None:
    """A/A with 2% and then 4%, while the split moves from 50 to 90%: pooled it looks like +41%."""
    strata = [Counts(200, 10_000, 200, 10_000), Counts(720, 18_000, 80, 2_000)]
    pooled = lift(920, 28_000, 280, 12_000)
    assert pooled.lift == pytest.approx(0.408, abs=0.001)
    stratified = score_interval_ratio(strata)
    assert stratified.lift == pytest.approx(0, abs=1e-9)
    assert stratified.p == pytest.approx(1)


def test_one_stratum_is_the_plain_interval_and_empty_strata_say_nothing() -> None:
    plain = lift(30, 900, 12, 800)
    assert score_interval_ratio([Counts(0, 0, 5, 9), Counts(30, 900, 12, 800)]) == plain


def test_covers_about_95_per_cent_at_a_thousand_visitors_and_one_per_cent() -> None:
    """The delta method covers 90.6% here, with every miss on one side."""
    rng = np.random.default_rng(20261121)
    truth, runs = 0.2, 4_000
    treated = rng.binomial(1_000, 0.01 * (1 + truth), runs)
    controlled = rng.binomial(1_000, 0.01, runs)
    above = below = 0
    for pair, times in _distinct(treated, controlled):
        result = lift(int(pair[0]), 1_000, int(pair[1]), 1_000)
        if result.low is not None and result.low > truth:
            above += times
        if result.high is not None and result.high < truth:
            below += times
    # 3 standard errors of a share of 95% in 4,000 runs are 1.0 points.
    assert 0.94 <= 1 - (above + below) / runs <= 0.965
    assert above > 0.01 * runs
    assert below > 0.01 * runs


def _distinct(left: np.ndarray, right: np.ndarray) -> list[tuple[tuple[int, int], int]]:
    """Pairs with the number of times that they came up: equal data have equal intervals."""
    pairs, times = np.unique(np.stack([left, right], axis=1), axis=0, return_counts=True)
    return [((int(a), int(b)), int(n)) for (a, b), n in zip(pairs, times, strict=True)]
