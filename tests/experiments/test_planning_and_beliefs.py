"""Power and sample sizes fit what the intervals do; the Bayesian view states its prior."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from persx.experiments.moments import Moments
from persx.experiments.statistics.beliefs import (
    BetaPrior,
    conversion_belief,
    effect_belief,
)
from persx.experiments.statistics.effects import Effect, count_effect
from persx.experiments.statistics.interval import Lift
from persx.experiments.statistics.planning import (
    Design,
    MeanBaseline,
    RateBaseline,
    expected_days,
    power,
    sample_size,
    smallest_lift,
)
from persx.experiments.statistics.proportions import Counts, lift
from persx.experiments.statistics.ratios import mean_lift
from persx.experiments.statistics.shares import always_valid_lift
from persx.experiments.statistics.sides import MomentPair
from persx.model.errors import BadInput


@pytest.mark.parametrize("always_valid", [False, True])
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_power_is_the_share_of_runs_that_see_the_lift(always_valid: bool, share: float) -> None:
    baseline, design = RateBaseline(0.05), Design(always_valid=always_valid, share=share)
    visitors = sample_size(baseline, 0.25, design)
    n1 = round(visitors * share)
    n0 = visitors - n1
    rng = np.random.default_rng(1)
    arms = rng.binomial(n1, 0.0625, 1_500), rng.binomial(n0, 0.05, 1_500)
    method = always_valid_lift if always_valid else lift
    seen = sum(
        method(int(x1), n1, int(x0), n0).p < 0.05 and x1 / n1 > x0 / n0
        for x1, x0 in zip(*arms, strict=True)
    )
    # 3 standard errors of a share of 80% in 1,500 runs are 3.1 points; the formula is no exact one.
    assert seen / 1_500 == pytest.approx(0.8, abs=0.045)


def test_power_of_a_mean() -> None:
    rng = np.random.default_rng(2)
    baseline = MeanBaseline(20.0, 15.0)
    visitors = sample_size(baseline, 0.2)
    half = visitors // 2
    shape = (20 / 15) ** 2
    seen = 0
    for _ in range(800):
        arm = rng.gamma(shape, 20 / shape * 1.2, half)
        control = rng.gamma(shape, 20 / shape, half)
        seen += mean_lift([MomentPair(Moments.of(arm), Moments.of(control))]).excludes_zero
    assert seen / 800 == pytest.approx(0.8, abs=0.045)


@given(
    st.floats(0.001, 0.4), st.floats(0.01, 1.0), st.booleans(), st.floats(0.05, 0.95),
    st.sampled_from([0.5, 0.8, 0.95]),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_size_power_and_smallest_lift_are_each_others_inverse(
    rate: float, effect: float, always_valid: bool, share: float, chance: float
) -> None:
    baseline, design = RateBaseline(rate), Design(always_valid=always_valid, share=share)
    visitors = sample_size(baseline, effect, design, chance=chance)
    assert visitors is not None
    assert power(baseline, effect, visitors, design) >= chance
    assert visitors <= 2 or power(baseline, effect, visitors - 1, design) < chance + 1e-9
    least = smallest_lift(baseline, visitors, design, chance=chance)
    assert least is not None
    assert least <= effect * (1 + 1e-6)


def test_always_valid_costs_visitors_and_cuped_saves_some() -> None:
    baseline = RateBaseline(0.03)
    once = sample_size(baseline, 0.1)
    assert 1.2 * once < sample_size(baseline, 0.1, Design(always_valid=True)) < 3 * once
    rng = np.random.default_rng(3)
    before = rng.gamma(2, 1, 5_000)
    now, orders = before + rng.gamma(2, 1, 5_000), rng.poisson(2, 5_000)
    plain = MeanBaseline.of_mean(Moments.of(now))
    assert plain.mean == pytest.approx(now.mean())
    assert plain.deviation == pytest.approx(now.std(ddof=1))
    adjusted = MeanBaseline.of_mean(Moments.of(now, before))
    assert adjusted.deviation == pytest.approx(plain.deviation * math.sqrt(0.5), rel=0.05)
    ratio = MeanBaseline.of_ratio(Moments.of(now, orders))
    assert ratio.mean == pytest.approx(now.mean() / orders.mean())
    influence = (now - ratio.mean * orders) / orders.mean()
    assert ratio.deviation == pytest.approx(influence.std(ddof=1))


def test_days_follow_the_traffic_of_the_week() -> None:
    baseline = MeanBaseline(10.0, 10.0)
    visitors = sample_size(baseline, 0.2)
    weekdays_only = [visitors // 5 + 1] * 5 + [0, 0]
    assert expected_days(baseline, 0.2, weekdays_only).days == 5
    assert expected_days(baseline, 0.2, [visitors // 6 + 1] * 5 + [0, 0]).days == 8


def test_out_of_reach_is_an_answer() -> None:
    baseline = RateBaseline(0.0001)
    assert sample_size(baseline, 1e-6) is None
    assert expected_days(baseline, 1e-6, [100]).reason.startswith("No number of visitors")
    assert expected_days(baseline, 0.05, [3] * 7).reason == "It would take more than 730 days."
    assert "Nobody came" in expected_days(baseline, 0.05, [0] * 7).reason
    assert smallest_lift(RateBaseline(0.9), 30) is None


@pytest.mark.parametrize(
    "ask",
    [
        lambda: RateBaseline(0.0),
        lambda: RateBaseline(2.0),
        lambda: MeanBaseline(-1.0, 3.0),
        lambda: MeanBaseline.of_mean(Moments()),
        lambda: Design(share=1.0),
        lambda: Design(confidence=95),
        lambda: power(RateBaseline(0.6), 0.9, 100),
        lambda: power(RateBaseline(0.6), -1.0, 100),
        lambda: power(RateBaseline(0.6), 0.1, 0),
        lambda: sample_size(RateBaseline(0.1), 0.0),
        lambda: sample_size(RateBaseline(0.1), 0.1, chance=1.0),
        lambda: expected_days(RateBaseline(0.1), 0.1, []),
        lambda: BetaPrior(0.0, 1.0),
        lambda: conversion_belief(3, 2, 1, 2),
        lambda: effect_belief(Effect(0.1, 0.1, Lift()), spread=-1),
    ],
)
def test_impossible_questions_are_refused(ask) -> None:
    with pytest.raises(BadInput):
        ask()


@st.composite
def counts(draw: st.DrawFn, most: int) -> tuple[int, int, int, int]:
    n1, n0 = draw(st.integers(1, most)), draw(st.integers(1, most))
    return draw(st.integers(0, n1)), n1, draw(st.integers(0, n0)), n0


@given(counts(10**6) | counts(30), st.sampled_from([0.8, 0.95]))
@settings(max_examples=50, deadline=None)
def test_p_and_credible_interval_never_disagree(data, confidence: float) -> None:
    for belief in (
        conversion_belief(*data, confidence=confidence),
        effect_belief(count_effect([Counts(*data)]), confidence=confidence),
    ):
        found = belief.lift
        assert (found.p < 1 - confidence) == found.excludes_zero
        assert found.low <= found.lift
        assert found.high is None or found.lift <= found.high
        assert 0 <= belief.better <= 1
        assert 0 <= belief.loss <= 1
        assert 0 <= belief.loss_of_control <= 1
        assert belief.prior


@pytest.mark.parametrize(
    "data", [(30, 900, 12, 800), (0, 20, 3, 25), (3_000, 90_000, 31, 900), (40, 40, 39, 40)]
)
def test_beliefs_are_those_of_a_million_draws(data: tuple[int, int, int, int]) -> None:
    prior = BetaPrior(2.0, 30.0)
    belief = conversion_belief(*data, prior=prior)
    rng = np.random.default_rng(4)
    x1, n1, x0, n0 = data
    ratio = rng.beta(2 + x1, 30 + n1 - x1, 10**6) / rng.beta(2 + x0, 30 + n0 - x0, 10**6)
    assert belief.better == pytest.approx((ratio > 1).mean(), abs=0.002)
    assert belief.loss == pytest.approx(np.maximum(1 - ratio, 0).mean(), abs=0.002)
    assert belief.loss_of_control == pytest.approx(np.maximum(1 - 1 / ratio, 0).mean(), abs=0.002)
    expected = np.quantile(ratio, [0.025, 0.5, 0.975]) - 1
    found = belief.lift
    assert [found.low, found.lift, found.high] == pytest.approx(list(expected), rel=0.02, abs=0.005)


def test_a_normal_belief_written_out() -> None:
    belief = effect_belief(Effect(0.2, 0.01, Lift()), spread=0.1)
    mean, deviation = 0.1, math.sqrt(0.005)
    assert belief.better == pytest.approx(norm.cdf(mean / deviation))
    assert belief.lift.low == pytest.approx(math.expm1(norm.ppf(0.025, mean, deviation)))
    draws = np.exp(np.random.default_rng(5).normal(mean, deviation, 10**6))
    assert belief.loss == pytest.approx(np.maximum(1 - draws, 0).mean(), rel=0.02)
    assert belief.loss_of_control == pytest.approx(np.maximum(1 - 1 / draws, 0).mean(), rel=0.02)


def test_a_firm_prior_holds_back() -> None:
    loose = conversion_belief(9, 50, 3, 50)
    firm = conversion_belief(9, 50, 3, 50, prior=BetaPrior(200, 1_800))
    assert firm.lift.lift < 0.3 * loose.lift.lift
    assert "200 conversions and 1800 others" in firm.prior


def test_without_visitors_there_is_no_belief() -> None:
    belief = conversion_belief(0, 0, 3, 50)
    assert belief.better is None
    assert belief.lift.reason == "The arm has no visitors."
    assert effect_belief(count_effect([])).lift.reason
