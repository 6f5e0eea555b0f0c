"""Partial pooling: segments learn from each other, so that small ones do not shout.

Each segment's log ratio is taken to be drawn around a common one. How far segments really differ is
learned from all of them: where no more than chance would, every segment is moved to what is common;
where they differ a lot, hardly. Small segments move most. The uncertainty about how far they differ
is kept, so that intervals of few segments are honest too.

Sources: Rubin, "Estimation in parallel randomized experiments", Journal of Educational Statistics 6
(1981); Gelman, "Prior distributions for variance parameters in hierarchical models", Bayesian
Analysis 1 (2006), for the half-normal prior of the differences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from persx.experiments.statistics.effects import Effect
from persx.experiments.statistics.interval import (
    CONFIDENCE,
    SPREAD,
    Lift,
    check_confidence,
    check_spread,
    high_end,
    low_end,
)

METHOD: Final = "partially pooled"

_GRID: Final = 80
"""The differences between segments are weighed at so many values."""

Key = TypeVar("Key")


class PooledLift(NamedTuple):
    """A segment's lift by itself, and with what the other segments tell."""

    raw: Lift
    pooled: Lift


class Pooled(NamedTuple, Generic[Key]):
    """All segments, what is common to them, and how far they differ.

    Attributes:
        segments: Raw and pooled lift of each.
        common: The lift around which segments lie.
        differences: Expected standard deviation of the segments' log ratios around it.
    """

    segments: dict[Key, PooledLift]
    common: Lift
    differences: float


class _Normal(NamedTuple):
    weight: float
    mean: float
    deviation: float


def pooled(
    effects: Mapping[Key, Effect],
    *,
    confidence: float = CONFIDENCE,
    spread: float = SPREAD,
) -> Pooled[Key]:
    """Return the lift of every segment, raw and with what the other segments tell.

    The pooled interval holds the middle of what is then believed, and its p-value is twice the
    smaller belief to one side of 0, so that p < 1 − confidence exactly when it excludes 0.

    Args:
        effects: Segments that do not overlap, such as the industries.
        confidence: Probability that an interval holds.
        spread: Prior of the differences between segments: the deviation of a half-normal. The
            common log ratio has a flat one.

    >>> from persx.experiments.statistics.effects import count_effect
    >>> from persx.experiments.statistics.proportions import Counts
    >>> found = pooled({
    ...     "large": count_effect([Counts(1_050, 10_000, 1_000, 10_000)]),
    ...     "small": count_effect([Counts(9, 50, 3, 50)]),
    ... })
    >>> small = found.segments["small"]
    >>> f"{small.raw.lift:+.0%} alone, {small.pooled.lift:+.0%} among others"
    '+200% alone, +23% among others'
    """
    alpha = check_confidence(confidence)
    check_spread(spread)
    known = [(each.log_ratio, each.variance) for each in effects.values() if _tells(each)]
    if not known:
        nothing = Lift(confidence=confidence, method=METHOD, reason="No segment tells anything.")
        lifts = {key: PooledLift(each.raw, nothing) for key, each in effects.items()}
        return Pooled(lifts, nothing, 0.0)
    grid = _common(known, spread)
    return Pooled(
        {
            key: PooledLift(each.raw, _believed(_segment(each, grid), alpha, confidence))
            for key, each in effects.items()
        },
        _believed([common for _, common in grid], alpha, confidence),
        sum(difference * common.weight for difference, common in grid),
    )


def _tells(effect: Effect) -> bool:
    return math.isfinite(effect.variance)


def _common(known: Sequence[tuple[float, float]], spread: float) -> list[tuple[float, _Normal]]:
    """Return the belief in the common log ratio for each size of the differences."""
    found = []
    for place in range(_GRID):
        difference = 4 * spread * (place + 0.5) / _GRID
        weights = [1 / (variance + difference**2) for _, variance in known]
        total = sum(weights)
        mean = sum(w * y for w, (y, _) in zip(weights, known, strict=True)) / total
        log_weight = (
            sum(math.log(w) - w * (y - mean) ** 2 for w, (y, _) in zip(weights, known, strict=True))
            - math.log(total)
            - (difference / spread) ** 2
        ) / 2
        found.append((difference, log_weight, mean, math.sqrt(1 / total)))
    top = max(each[1] for each in found)
    total = sum(math.exp(each[1] - top) for each in found)
    return [
        (difference, _Normal(math.exp(log_weight - top) / total, mean, deviation))
        for difference, log_weight, mean, deviation in found
    ]


def _segment(effect: Effect, grid: Sequence[tuple[float, _Normal]]) -> list[_Normal]:
    found = []
    for difference, (weight, mean, deviation) in grid:
        pull = 1.0
        own = difference**2
        if _tells(effect):
            pull = effect.variance / (effect.variance + difference**2)
            own = effect.variance * (1 - pull)
        found.append(
            _Normal(
                weight,
                pull * mean + (1 - pull) * effect.log_ratio,
                math.sqrt(own + (pull * deviation) ** 2),
            )
        )
    return found


def _believed(mixture: Sequence[_Normal], alpha: float, confidence: float) -> Lift:
    below = _below(mixture, 0.0)
    above = _below([_Normal(w, -mean, deviation) for w, mean, deviation in mixture], 0.0)
    p = min(1.0, 2 * min(below, above))
    middle = _quantile(mixture, 0.5)
    return Lift(
        lift=math.expm1(middle),
        low=low_end(_quantile(mixture, alpha / 2), better=p < alpha and above > below),
        high=high_end(_quantile(mixture, 1 - alpha / 2), worse=p < alpha and below > above),
        p=p,
        confidence=confidence,
        method=METHOD,
    )


def _below(mixture: Sequence[_Normal], value: float) -> float:
    return sum(
        weight * math.erfc((mean - value) / (deviation * math.sqrt(2))) / 2
        for weight, mean, deviation in mixture
    )


def _quantile(mixture: Sequence[_Normal], share: float) -> float:
    low = min(mean - 40 * deviation for _, mean, deviation in mixture)
    high = max(mean + 40 * deviation for _, mean, deviation in mixture)
    while high - low > 1e-12 * (1 + abs(low)):
        middle = (low + high) / 2
        low, high = (middle, high) if _below(mixture, middle) < share else (low, middle)
    return (low + high) / 2
