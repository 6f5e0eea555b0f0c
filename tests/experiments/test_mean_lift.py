"""Lift of a mean: agrees with its p-value, stratifies, and says when it is undefined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from persx.experiments.aggregates import Aggregate
from persx.experiments.statistics.means import MeanPair, log_interval_ratio
from persx.model.errors import BadInput

amounts = st.lists(st.floats(0, 1e6) | st.just(0.0), min_size=2, max_size=30)


def of(values: list[float] | np.ndarray) -> Aggregate:
    array = np.asarray(values, dtype=float)
    return Aggregate(n=len(array), total=float(array.sum()), squares=float((array**2).sum()))


@given(amounts, amounts)
@settings(max_examples=300, deadline=None)
def test_p_and_interval_never_disagree(arm: list[float], control: list[float]) -> None:
    result = log_interval_ratio([MeanPair(of(arm), of(control))])
    if result.p is None:
        assert result.reason
        assert result.low is result.high is None
        return
    assert (result.p < 0.05) == result.excludes_zero


@given(amounts, amounts)
@settings(max_examples=100, deadline=None)
def test_aggregates_add_up(left: list[float], right: list[float]) -> None:
    both = of(left) + of(right)
    together = of(left + right)
    assert both.n == together.n
    assert both.total == pytest.approx(together.total)
    assert both.squares == pytest.approx(together.squares)


def test_variance_is_the_unbiased_one() -> None:
    values = np.random.default_rng(1).lognormal(3, 1, 500)
    assert of(values).variance == pytest.approx(values.var(ddof=1), rel=1e-9)


def test_impossible_aggregates_are_refused() -> None:
    with pytest.raises(BadInput):
        Aggregate(n=3, total=float("nan"))
    with pytest.raises(BadInput):
        Aggregate(n=-1)


def test_against_the_formula_written_out() -> None:
    rng = np.random.default_rng(7)
    arm, control = rng.gamma(2, 11, 400), rng.gamma(2, 10, 300)
    result = log_interval_ratio([MeanPair(of(arm), of(control))])
    parts = [x.var(ddof=1) / len(x) / x.mean() ** 2 for x in (arm, control)]
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 399 + parts[1] ** 2 / 299)
    ratio, error = np.log(arm.mean() / control.mean()), np.sqrt(sum(parts))
    quantile = t.ppf(0.975, freedom)
    assert result.lift == pytest.approx(np.expm1(ratio))
    assert result.low == pytest.approx(np.expm1(ratio - quantile * error))
    assert result.high == pytest.approx(np.expm1(ratio + quantile * error))
    assert result.p == pytest.approx(2 * t.sf(abs(ratio) / error, freedom))


def test_stratified_does_not_fall_for_a_moved_split() -> None:
    rng = np.random.default_rng(3)
    early, late = rng.gamma(2, 1, 20_000), rng.gamma(2, 3, 20_000)
    strata = [
        MeanPair(of(early[:10_000]), of(early[10_000:])),
        MeanPair(of(late[:18_000]), of(late[18_000:])),
    ]
    pooled = MeanPair(strata[0].arm + strata[1].arm, strata[0].control + strata[1].control)
    assert (log_interval_ratio([pooled]).low or 0) > 0.2
    result = log_interval_ratio(strata)
    assert result.low is not None
    assert result.high is not None
    assert result.low < 0 < result.high


@pytest.mark.parametrize(
    ("arm", "control", "said"),
    [
        ([1.0], [1.0, 2.0], "at least two visitors"),
        ([1.0, 2.0], [0.0, 0.0], "control's mean is 0"),
        ([1.0, 2.0], [-3.0, 1.0], "control's mean is -1"),
        ([-3.0, 1.0], [1.0, 2.0], "arm's mean is -1"),
        ([0.1] * 1000, [0.1] * 1000, "All values of an arm are equal"),
    ],
)
def test_undefined_is_an_answer(arm: list[float], control: list[float], said: str) -> None:
    result = log_interval_ratio([MeanPair(of(arm), of(control))])
    assert said in result.reason
    assert result.low is result.high is result.p is None


def test_covers_skewed_revenue() -> None:
    """5% of visitors buy, for log-normal amounts: the usual shape of revenue per visitor."""
    rng = np.random.default_rng(11)
    truth, runs, missed = 0.0, 400, 0
    for _ in range(runs):
        arm, control = (rng.lognormal(3, 0.8, 5_000) * (rng.random(5_000) < 0.05) for _ in range(2))
        result = log_interval_ratio([MeanPair(of(arm), of(control))])
        assert result.low is not None
        assert result.high is not None
        missed += not result.low <= truth <= result.high
    assert missed / runs <= 0.085
