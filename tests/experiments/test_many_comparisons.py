"""Many comparisons: SRM by segment and over time, false discoveries, and partial pooling."""

from __future__ import annotations

import math
from functools import partial
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from persx.experiments.moments import Moments
from persx.experiments.statistics.discoveries import adjusted_p, discoveries
from persx.experiments.statistics.effects import Effect, count_effect, mean_effect, ratio_effect
from persx.experiments.statistics.interval import Lift
from persx.experiments.statistics.pooling import pooled
from persx.experiments.statistics.proportions import Counts, lift
from persx.experiments.statistics.shares import always_valid_lift
from persx.experiments.statistics.sides import MomentPair
from persx.experiments.statistics.srm_many import (
    Split,
    sample_ratio_by,
    sequential_sample_ratio,
)
from persx.model.errors import BadInput

HALF = {"a": 1, "b": 1}


def test_the_bet_on_the_split_is_fair() -> None:
    """Over all that may happen under the planned weights, the evidence is worth 1 on average."""
    worth = 0.0
    n, shares = 12, {"a": 0.2, "b": 0.3, "c": 0.5}
    for a in range(n + 1):
        for b in range(n + 1 - a):
            counts = {"a": a, "b": b, "c": n - a - b}
            check = sequential_sample_ratio([Split(counts, shares)], concentration=2)
            chance = math.factorial(n)
            for arm, x in counts.items():
                chance *= shares[arm] ** x / math.factorial(x)
            # p is cut at 1, so the evidence that it stands for is at most 1 ÷ p.
            worth += chance * (1 / check.p if check.p < 1 else 0)
    assert 0.2 < worth <= 1


def test_looking_every_day_raises_few_alarms() -> None:
    rng = np.random.default_rng(2)
    alarms = daily = 0
    for _ in range(300):
        days = rng.binomial(500, 0.5, 40).cumsum()
        looks = [{"a": int(a), "b": 500 * (day + 1) - int(a)} for day, a in enumerate(days)]
        alarms += any(sequential_sample_ratio([Split(look, HALF)]).p < 0.05 for look in looks)
        daily += any(sample_ratio_by({"": look}, HALF)[""].p < 0.05 for look in looks)
    assert alarms / 300 <= 0.05
    assert daily / 300 > 0.15


def test_a_lost_share_is_found_over_epochs() -> None:
    healthy = [
        Split({"a": 5_000, "b": 5_050}, HALF),
        Split({"a": 9_040, "b": 980}, {"a": 9, "b": 1}),
    ]
    assert not sequential_sample_ratio(healthy).mismatch
    lost = [
        Split({"a": 50_000, "b": 48_500}, HALF),
        Split({"a": 9_000, "b": 970}, {"a": 9, "b": 1}),
    ]
    check = sequential_sample_ratio(lost)
    assert check.mismatch
    assert check.expected == {"a": 49_250 + 8_973, "b": 49_250 + 997}


@pytest.mark.parametrize(
    ("epochs", "said"),
    [
        ([], "Fewer than two arms have a weight."),
        ([Split({"a": 5}, {"a": 1, "b": 0})], "Fewer than two arms have a weight."),
        ([Split({}, HALF)], "No visitors yet."),
        ([Split({"old": 3}, {**HALF, "old": 0})], "No visitors yet."),
    ],
)
def test_what_cannot_be_checked_says_so(epochs: list[Split], said: str) -> None:
    check = sequential_sample_ratio(epochs)
    assert check.p is None
    assert not check.mismatch
    assert check.reason == said


@pytest.mark.parametrize(("a", "share"), [(501_800, 0.5), (50_785, 0.05), (136, 1e-4)])
def test_a_million_visitors_cost_no_digits(a: int, share: float) -> None:
    """Against what each visitor adds, in an order in which all of it is small."""
    counts, shares = {"a": a, "b": 1_000_000 - a}, {"a": share, "b": 1 - share}
    gains = np.sort(np.concatenate([1_000 + np.arange(n) / shares[x] for x, n in counts.items()]))
    expected = math.exp(-math.fsum(np.log(gains / (1_000 + np.arange(1_000_000)))))
    check = sequential_sample_ratio([Split(counts, shares)])
    assert check.p is not None
    assert 1e-3 < check.p < 0.5
    assert check.p == pytest.approx(expected, abs=1e-10)


def test_an_arm_of_weight_zero_takes_no_part() -> None:
    observed, weights = {"a": 500, "b": 510, "old": 9_000}, {**HALF, "old": 0}
    check = sequential_sample_ratio([Split(observed, weights)] * 2)
    assert check.p == 1
    assert check.left_out == {"old": 18_000}
    by = sample_ratio_by({"phone": observed, "none": {}}, weights)
    assert not by["phone"].mismatch
    assert by["none"].reason == "No visitors yet."


def test_impossible_weights_are_refused() -> None:
    with pytest.raises(BadInput, match="weight of arm 'a'"):
        sequential_sample_ratio([Split({"a": 1}, {"a": -1, "b": 1})])


def test_many_healthy_segments_raise_few_alarms_and_a_broken_one_is_found() -> None:
    segments: dict[tuple[str, str], dict[str, int]] = {}
    rng = np.random.default_rng(3)
    for number in range(200):
        a = int(rng.binomial(2_000, 0.5))
        segments["browser", str(number)] = {"a": a, "b": 2_000 - a}
    assert not any(check.mismatch for check in sample_ratio_by(segments, HALF).values())
    segments["browser", "broken"] = {"a": 1_000, "b": 700}
    found = [key for key, check in sample_ratio_by(segments, HALF).items() if check.mismatch]
    assert found == [("browser", "broken")]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.booleans())
@settings(max_examples=100, deadline=None)
def test_adjusted_p_values_are_the_known_ones(values: list[float], dependent: bool) -> None:
    expected = false_discovery_control(values, method="by" if dependent else "bh")
    assert adjusted_p(values, dependent=dependent) == pytest.approx(list(expected))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 60), st.integers(60, 300), st.integers(0, 60), st.integers(60, 300)
        ),
        max_size=8,
    ),
    st.sampled_from([lift, always_valid_lift]),
    st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_found_exactly_when_the_adjusted_interval_excludes_0(data, method, dependent) -> None:
    asked = {place: partial(method, *counts) for place, counts in enumerate(data)}
    for each in discoveries(asked, dependent=dependent).values():
        assert each.found == each.lift.excludes_zero
        if each.p_adjusted is None:
            assert not each.found
        elif abs(each.p_adjusted - 0.05) > 1e-9:
            assert each.found == (each.p_adjusted < 0.05)


def test_false_discoveries_and_the_intervals_of_what_is_found() -> None:
    """40 segments, 8 with an effect: naive intervals of what looks significant miss far more."""
    rng = np.random.default_rng(4)
    lifts = [0.4] * 8 + [0.0] * 32
    false_shares, missed_shares, naive_shares = [], [], []
    for _ in range(60):
        found = false = missed = naive = naive_missed = 0
        asked = {
            place: partial(
                lift, int(rng.binomial(2_000, 0.05 * (1 + each))), 2_000,
                int(rng.binomial(2_000, 0.05)), 2_000,
            )
            for place, each in enumerate(lifts)
        }  # fmt: skip
        for place, each in discoveries(asked).items():
            truth = lifts[place]
            if each.found:
                found += 1
                false += truth == 0
                missed += not each.lift.low <= truth <= each.lift.high
            plain = asked[place]()
            if plain.excludes_zero:
                naive += 1
                naive_missed += not plain.low <= truth <= plain.high
        false_shares.append(false / max(found, 1))
        missed_shares.append(missed / max(found, 1))
        naive_shares.append(naive_missed / max(naive, 1))
    assert np.mean(false_shares) <= 0.05
    assert np.mean(missed_shares) <= 0.06
    assert np.mean(naive_shares) > 0.15


def test_undefined_comparisons_take_no_part() -> None:
    asked = {"none": partial(lift, 0, 10, 0, 10), "some": partial(lift, 60, 300, 20, 300)}
    found = discoveries(asked)
    assert found["some"].found
    assert found["some"].lift.confidence == pytest.approx(0.95)
    assert found["none"].p_adjusted is None
    assert found["none"].lift.reason
    assert discoveries({}) == {}
    assert not discoveries({"none": asked["none"]})["none"].found


@given(
    st.dictionaries(
        st.integers(0, 9),
        st.tuples(st.floats(-2, 2), st.floats(1e-5, 4) | st.just(math.inf)),
        max_size=6,
    ),
    st.sampled_from([0.8, 0.95, 0.999]),
)
@settings(max_examples=60, deadline=None)
def test_pooled_p_and_interval_never_disagree(data, confidence: float) -> None:
    effects = {key: Effect(value, variance, Lift()) for key, (value, variance) in data.items()}
    result = pooled(effects, confidence=confidence)
    for each in (result.common, *(found.pooled for found in result.segments.values())):
        if each.p is None:
            assert all(math.isinf(variance) for _, variance in data.values())
            continue
        assert (each.p < 1 - confidence) == each.excludes_zero
        assert each.low <= each.lift <= each.high


@given(
    st.lists(
        st.tuples(st.floats(-2, 2), st.floats(1e-6, 4) | st.just(math.inf)),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from([0.8, 0.95, 0.999]),
    st.sampled_from([0.05, 0.3, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_pooled_lifts_are_those_of_the_mixture_written_out(data, confidence, spread) -> None:
    """Each size of the differences is one normal belief; an end leaves its share below it."""
    known = [each for each in data if math.isfinite(each[1])]
    result = pooled(
        {key: Effect(*each, Lift()) for key, each in enumerate(data)},
        confidence=confidence,
        spread=spread,
    )
    mixtures = [_mixture(known, each, spread) for each in data] if known else []
    for parts, found in zip(mixtures, result.segments.values(), strict=bool(known)):

        def below(value: float, parts=parts) -> float:
            return sum(w * NormalDist(mean, sd).cdf(value) for w, mean, sd in parts)

        lift_, alpha = found.pooled, 1 - confidence
        worse = below(0.0)
        better = sum(w * NormalDist(-mean, sd).cdf(0.0) for w, mean, sd in parts)
        assert lift_.p == pytest.approx(min(1, 2 * min(worse, better)), abs=1e-9)
        shares = {lift_.low: alpha / 2, lift_.lift: 0.5, lift_.high: 1 - alpha / 2}
        for end, share in shares.items():
            assert below(math.log1p(end)) == pytest.approx(share, abs=1e-9)


def _mixture(known, segment, spread: float) -> list[tuple[float, float, float]]:
    """Return weight, mean and deviation of the belief in a segment, for 80 sizes."""
    parts = []
    for size in [spread * (place + 0.5) / 20 for place in range(80)]:
        told = [1 / (variance + size**2) for _, variance in known]
        mean = sum(w * y for w, (y, _) in zip(told, known, strict=True)) / sum(told)
        likely = -math.log(sum(told)) / 2 - (size / spread) ** 2 / 2
        for weight, (y, _) in zip(told, known, strict=True):
            likely += math.log(weight) / 2 - weight * (y - mean) ** 2 / 2
        found, variance = segment
        pull = variance / (variance + size**2) if math.isfinite(variance) else 1.0
        own = 1 / (1 / variance + 1 / size**2)
        deviation = math.sqrt(own + pull**2 / sum(told))
        parts.append((likely, pull * mean + (1 - pull) * found, deviation))
    top = max(likely for likely, _, _ in parts)
    total = sum(math.exp(likely - top) for likely, _, _ in parts)
    return [(math.exp(likely - top) / total, mean, sd) for likely, mean, sd in parts]


def test_pooled_segments_lie_nearer_to_the_truth_and_their_intervals_hold() -> None:
    rng = np.random.default_rng(5)
    raw, shrunk, held, asked = 0.0, 0.0, 0, 0
    for _ in range(40):
        truths = rng.normal(0.1, 0.1, 12)
        visitors = rng.integers(300, 4_000, 12)
        effects = {
            place: count_effect(
                [
                    Counts(
                        int(rng.binomial(n, 0.05 * math.exp(truth))), int(n),
                        int(rng.binomial(n, 0.05)), int(n),
                    )
                ]
            )
            for place, (truth, n) in enumerate(zip(truths, visitors, strict=True))
        }  # fmt: skip
        for place, found in pooled(effects).segments.items():
            raw += (effects[place].log_ratio - truths[place]) ** 2
            shrunk += (math.log1p(found.pooled.lift) - truths[place]) ** 2
            held += found.pooled.low <= math.expm1(truths[place]) <= found.pooled.high
            asked += 1
    assert shrunk < 0.5 * raw
    assert held / asked >= 0.93


def test_segments_that_differ_clearly_are_left_apart() -> None:
    effects = {
        "up": count_effect([Counts(30_000, 100_000, 20_000, 100_000)]),
        "down": count_effect([Counts(10_000, 100_000, 20_000, 100_000)]),
        "silent": count_effect([Counts(0, 0, 0, 0)]),
    }
    found = pooled(effects)
    assert found.segments["up"].pooled.lift == pytest.approx(0.5, abs=0.02)
    assert found.segments["down"].pooled.lift == pytest.approx(-0.5, abs=0.02)
    assert found.differences > 0.3
    silent = found.segments["silent"]
    assert silent.raw.reason == "The arm has no visitors."
    assert silent.pooled.low < found.segments["down"].pooled.lift
    assert silent.pooled.high > found.segments["up"].pooled.lift


def test_nothing_known_is_said() -> None:
    found = pooled({"a": count_effect([])})
    assert found.common.reason == found.segments["a"].pooled.reason == "No segment tells anything."


def test_effects_carry_their_raw_lift() -> None:
    pair = MomentPair(
        Moments.of([3.0, 4.0, 6.0], [1, 1, 2]), Moments.of([2.0, 4.0, 3.0], [1, 2, 1])
    )
    mean, ratio = mean_effect([pair]), ratio_effect([pair])
    assert ratio.log_ratio == pytest.approx(math.log1p(ratio.raw.lift))
    assert ratio.raw.method == mean.raw.method == "log-scale t"
    nothing = MomentPair(Moments.of([0.0, 0.0], [1, 1]), Moments.of([0.0, 0.0], [1, 1]))
    assert math.isinf(ratio_effect([nothing]).variance)
    assert math.isinf(mean_effect([MomentPair(Moments(), Moments())]).variance)
