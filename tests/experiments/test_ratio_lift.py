"""Lift of means and ratios from moments: three intervals, CUPED, epochs, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t, ttest_ind

from persx.experiments.moments import Moments
from persx.experiments.statistics.ratios import Interval, mean_lift, ratio_lift
from persx.experiments.statistics.sides import MomentPair
from persx.model.errors import BadInput

numbers = st.floats(-1e5, 1e5).filter(lambda x: x == 0 or abs(x) > 1e-6)


@st.composite
def moments(draw: st.DrawFn, size: int) -> Moments:
    rows = draw(st.lists(st.tuples(*[numbers] * size), min_size=2, max_size=20))
    return Moments.of(*zip(*rows, strict=True))


@pytest.mark.parametrize("interval", Interval)
@pytest.mark.parametrize("compare", [mean_lift, ratio_lift])
@given(data=st.data())
@settings(max_examples=120, deadline=None)
def test_p_and_interval_never_disagree(interval, compare, data) -> None:
    pairs = data.draw(
        st.lists(st.builds(MomentPair, moments(3), moments(3)), min_size=1, max_size=2)
    )
    confidence = data.draw(st.sampled_from([0.5, 0.9, 0.95, 0.999]))
    result = compare(pairs, interval=interval, confidence=confidence)
    assert result.method == interval.value
    if result.p is None:
        assert result.reason
        assert result.low is result.high is None
        return
    assert 0 <= result.p <= 1
    assert (result.p < 1 - confidence) == result.excludes_zero


def sample(
    rng: np.random.Generator, n: int, lift: float, *, again: float = 0.0
) -> tuple[np.ndarray, ...]:
    """Revenue and orders of visitors with their revenue and orders of before."""
    keen = rng.lognormal(0, 0.6, n)
    before, orders = rng.poisson(0.5 * keen), rng.poisson(0.5 * keen)
    then = before * rng.lognormal(3, 0.3, n) * keen
    revenue = orders * rng.lognormal(3, 0.3, n) * keen * (1 + lift) + again
    return revenue, orders.astype(float), then, before.astype(float)


def test_fieller_against_welch_and_the_formula() -> None:
    rng = np.random.default_rng(5)
    arm, control = rng.normal(11, 4, 300), rng.normal(10, 5, 200)
    found = mean_lift([MomentPair(Moments.of(arm), Moments.of(control))], interval=Interval.FIELLER)
    assert found.p == pytest.approx(ttest_ind(arm, control, equal_var=False).pvalue)
    v1, v0 = arm.var(ddof=1) / 300, control.var(ddof=1) / 200
    quantile = t.ppf(0.975, (v1 + v0) ** 2 / (v1**2 / 299 + v0**2 / 199))
    for end in (found.low, found.high):
        ratio = 1 + end
        statistic = (arm.mean() - ratio * control.mean()) / np.sqrt(v1 + ratio**2 * v0)
        assert abs(statistic) == pytest.approx(quantile)


def test_ratio_against_the_delta_method_written_out() -> None:
    rng = np.random.default_rng(6)
    arms = [sample(rng, n, lift)[:2] for n, lift in ((400, 0.2), (300, 0.0))]
    found = ratio_lift([MomentPair(*(Moments.of(*arm) for arm in arms))])
    logs, spreads, freedoms = [], [], []
    for numerator, denominator in arms:
        influence = numerator / numerator.mean() - denominator / denominator.mean()
        logs.append(np.log(numerator.mean() / denominator.mean()))
        spreads.append(influence.var(ddof=1) / len(influence))
        freedoms.append(len(influence) - 1)
    freedom = sum(spreads) ** 2 / sum(s**2 / f for s, f in zip(spreads, freedoms, strict=True))
    error, ratio = np.sqrt(sum(spreads)), logs[0] - logs[1]
    assert found.lift == pytest.approx(np.expm1(ratio))
    assert found.low == pytest.approx(np.expm1(ratio - t.ppf(0.975, freedom) * error))
    assert found.p == pytest.approx(2 * t.sf(abs(ratio) / error, freedom))


@pytest.mark.parametrize("compare", [mean_lift, ratio_lift])
def test_cuped_narrows_without_moving_the_truth(compare) -> None:
    rng = np.random.default_rng(7)
    plain, adjusted, widths = [], [], []
    for _ in range(60):
        arm, control = sample(rng, 2_000, 0.1), sample(rng, 2_000, 0.0)
        order = (0, 2, 3) if compare is mean_lift else (0, 1, 2, 3)
        size = 1 if compare is mean_lift else 2
        whole = MomentPair(
            *(Moments.of(*(each[place] for place in order)) for each in (arm, control))
        )
        bare = MomentPair(*(each.chosen(*range(size)) for each in whole))
        raw, better = compare([bare]), compare([whole])
        plain.append(raw.lift)
        adjusted.append(better.lift)
        widths.append((better.high - better.low) / (raw.high - raw.low))
    assert np.mean(widths) < 0.95
    assert np.std(adjusted) < 0.95 * np.std(plain)
    assert np.mean(adjusted) == pytest.approx(0.1, abs=4 * np.std(adjusted) / np.sqrt(60))


def test_a_covariate_without_spread_changes_nothing() -> None:
    rng = np.random.default_rng(8)
    arm, control = rng.gamma(2, 1, 100), rng.gamma(2, 1, 90)
    bare = mean_lift([MomentPair(Moments.of(arm), Moments.of(control))])
    useless = [
        MomentPair(Moments.of(arm, np.ones(100)), Moments.of(control, np.ones(90))),
        MomentPair(Moments.of(arm, np.zeros(100)), Moments.of(control, np.zeros(90))),
    ]
    for pair in useless:
        found = mean_lift([pair])
        assert found.low == pytest.approx(bare.low)
        assert found.p == pytest.approx(bare.p)
    twice = [Moments.of(arm, arm**2, 3 * arm**2), Moments.of(control, control**2, 3 * control**2)]
    once = mean_lift([MomentPair(*(each.chosen(0, 1) for each in twice))])
    assert mean_lift([MomentPair(*twice)]).low == pytest.approx(once.low)


@pytest.mark.parametrize("interval", Interval)
def test_a_moved_split_is_no_effect(interval: Interval) -> None:
    """A/A in which orders get dearer while the split moves from 50 to 90%."""
    rng = np.random.default_rng(9)
    early, late = sample(rng, 20_000, 0.0), sample(rng, 20_000, 2.0)
    pairs = [
        MomentPair(
            Moments.of(*(each[:cut] for each in part[:2])),
            Moments.of(*(each[cut:] for each in part[:2])),
        )
        for part, cut in ((early, 10_000), (late, 18_000))
    ]
    pooled = MomentPair(pairs[0].arm + pairs[1].arm, pairs[0].control + pairs[1].control)
    assert ratio_lift([pooled], interval=interval).low > 0.2
    assert not ratio_lift(pairs, interval=interval).excludes_zero


def test_refunds_have_an_interval_by_fieller_only() -> None:
    rng = np.random.default_rng(10)
    pair = MomentPair(Moments.of(rng.normal(-2, 1, 100)), Moments.of(rng.normal(5, 1, 100)))
    found = mean_lift([pair], interval=Interval.FIELLER)
    assert found.low < found.lift < found.high < -1
    for interval in (Interval.LOG_SCALE, Interval.ALWAYS_VALID):
        undefined = mean_lift([pair], interval=interval)
        assert undefined.lift == found.lift
        assert undefined.low is None
        assert "no interval on the log scale" in undefined.reason


@pytest.mark.parametrize(
    ("arm", "control", "said"),
    [
        ([[1.0], [1.0]], [[1.0, 2.0], [1.0, 1.0]], "at least two visitors"),
        ([[1.0, 2.0], [0.0, 0.0]], [[1.0, 2.0], [1.0, 1.0]], "arm's denominator is not above 0"),
        ([[1.0, 2.0], [1.0, 1.0]], [[1.0, 2.0], [0.0, 0.0]], "control's denominator"),
        ([[1.0, 2.0], [1.0, 1.0]], [[0.0, 0.0], [1.0, 1.0]], "control's ratio is 0"),
        ([[1.0, 2.0], [1.0, 2.0]], [[2.0, 2.0], [2.0, 2.0]], "All values of an arm are equal"),
    ],
)
def test_undefined_is_an_answer(arm, control, said: str) -> None:
    for interval in Interval:
        result = ratio_lift([MomentPair(Moments.of(*arm), Moments.of(*control))], interval=interval)
        assert said in result.reason
        assert result.low is result.high is result.p is None


def test_a_control_that_may_be_zero_has_no_interval_by_fieller() -> None:
    pair = MomentPair(Moments.of([1.0, 2.0, 3.0]), Moments.of([-5.0, 6.0, 0.5]))
    assert "cannot be told from 0" in mean_lift([pair], interval=Interval.FIELLER).reason


def test_moments_of_too_few_numbers_are_refused() -> None:
    one = Moments.of([1.0, 2.0])
    with pytest.raises(BadInput, match="ratio cannot be made"):
        ratio_lift([MomentPair(one, one)])
    with pytest.raises(BadInput, match="mean cannot be made"):
        mean_lift([MomentPair(one, Moments.of([1.0, 2.0], [1.0, 0.0]))])
    with pytest.raises(BadInput, match="spread"):
        mean_lift([MomentPair(one, one)], spread=float("nan"))


def test_who_looks_every_day_is_rarely_misled() -> None:
    rng = np.random.default_rng(12)
    runs, fooled, missed = 150, 0, 0
    for _ in range(runs):
        total = [Moments(), Moments()]
        once = always = False
        for _ in range(28):
            total = [
                each + Moments.of(rng.lognormal(3, 0.8, 300) * (rng.random(300) < 0.1))
                for each in total
            ]
            pair = [MomentPair(*total)]
            once |= mean_lift(pair).excludes_zero
            always |= mean_lift(pair, interval=Interval.ALWAYS_VALID).excludes_zero
        fooled, missed = fooled + once, missed + always
    assert missed / runs <= 0.05
    assert fooled / runs > 0.12
