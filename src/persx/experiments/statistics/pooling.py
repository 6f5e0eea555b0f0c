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
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

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

if TYPE_CHECKING:
    import numpy as np

METHOD: Final = "partially pooled"

_GRID: Final = 80
"""The differences between segments are weighed at so many values."""

_EXACT: Final = 1e-13
"""An end is found when it moves by no more than this share of 1 + itself."""

_MOST_STEPS: Final = 200
"""By then halving alone has found every end; Newton's method takes about six."""

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
    import numpy as np

    known = [each for each in effects.values() if math.isfinite(each.variance)]
    if not known:
        nothing = Lift(confidence=confidence, method=METHOD, reason="No segment tells anything.")
        lifts = {key: PooledLift(each.raw, nothing) for key, each in effects.items()}
        return Pooled(lifts, nothing, 0.0)
    differences = 4 * spread * (np.arange(_GRID) + 0.5) / _GRID
    common = _common(known, differences, spread)
    found, *lifts_among = _believed(
        _beliefs(list(effects.values()), differences, common), alpha, confidence
    )
    return Pooled(
        {
            key: PooledLift(each.raw, among)
            for (key, each), among in zip(effects.items(), lifts_among, strict=True)
        },
        found,
        float(common.weights @ differences),
    )


class _Beliefs(NamedTuple):
    """Mixtures of normals, one in each row, that has a part for each size of the differences.

    Attributes:
        weights: Probability of each part, the same in every row.
        means: Of shape (rows, parts).
        deviations: The same.
    """

    weights: np.ndarray
    means: np.ndarray
    deviations: np.ndarray


def _common(known: Sequence[Effect], differences: np.ndarray, spread: float) -> _Beliefs:
    """Return the belief in the common log ratio, and so in the sizes of the differences."""
    import numpy as np

    found = np.array([each.log_ratio for each in known])
    told = 1 / (np.array([each.variance for each in known]) + differences[:, None] ** 2)
    total = told.sum(axis=1)
    means = told @ found / total
    logs = (
        (np.log(told) - told * (found - means[:, None]) ** 2).sum(axis=1)
        - np.log(total)
        - (differences / spread) ** 2
    ) / 2
    weights = np.exp(logs - logs.max())
    return _Beliefs(weights / weights.sum(), means[None], np.sqrt(1 / total)[None])


def _beliefs(effects: Sequence[Effect], differences: np.ndarray, common: _Beliefs) -> _Beliefs:
    """Return the belief in what is common, and below it that in each segment's log ratio."""
    import numpy as np

    variances = np.array([each.variance for each in effects])[:, None]
    tells = np.isfinite(variances)
    # A segment that tells nothing is pulled all the way, and lies anywhere around.
    finite = np.where(tells, variances, 1.0)
    pull = np.where(tells, finite / (finite + differences**2), 1.0)
    own = np.where(tells, finite * (1 - pull), differences**2)
    found = np.array([each.log_ratio for each in effects])[:, None]
    return _Beliefs(
        common.weights,
        np.vstack([common.means, pull * common.means + (1 - pull) * found]),
        np.vstack([common.deviations, np.sqrt(own + (pull * common.deviations) ** 2)]),
    )


def _believed(beliefs: _Beliefs, alpha: float, confidence: float) -> list[Lift]:
    import numpy as np

    rows = len(beliefs.means)
    nothing = np.zeros((rows, 1))
    below = _below(beliefs, nothing)[:, 0]
    above = _below(beliefs._replace(means=-beliefs.means), nothing)[:, 0]
    ends = _quantiles(beliefs, np.array([alpha / 2, 0.5, 1 - alpha / 2]))
    lifts = []
    for worse, better, (low, middle, high) in zip(
        below.tolist(), above.tolist(), ends.tolist(), strict=True
    ):
        p = min(1.0, 2 * min(worse, better))
        lifts.append(
            Lift(
                lift=math.expm1(middle),
                low=low_end(low, better=p < alpha and better > worse),
                high=high_end(high, worse=p < alpha and worse > better),
                p=p,
                confidence=confidence,
                method=METHOD,
            )
        )
    return lifts


def _below(beliefs: _Beliefs, values: np.ndarray) -> np.ndarray:
    """Return the probability to lie below values of the shape (rows, any)."""
    from scipy.special import ndtr

    found: np.ndarray = ndtr(_standardised(beliefs, values)) @ beliefs.weights
    return found


def _density(beliefs: _Beliefs, values: np.ndarray) -> np.ndarray:
    import numpy as np

    parts = np.exp(-(_standardised(beliefs, values) ** 2) / 2) / beliefs.deviations[:, None]
    density: np.ndarray = parts @ beliefs.weights / math.sqrt(2 * math.pi)
    return density


def _standardised(beliefs: _Beliefs, values: np.ndarray) -> np.ndarray:
    away: np.ndarray = (values[:, :, None] - beliefs.means[:, None]) / beliefs.deviations[:, None]
    return away


def _quantiles(beliefs: _Beliefs, shares: np.ndarray) -> np.ndarray:
    """Return for each row where the shares lie below: by Newton's method between known bounds."""
    import numpy as np
    from scipy.special import ndtri

    weights, means, deviations = beliefs
    middle = means @ weights
    spread = np.sqrt((deviations**2 + (means - middle[:, None]) ** 2) @ weights)
    found = middle[:, None] + spread[:, None] * ndtri(shares)
    low = np.broadcast_to((means - 40 * deviations).min(axis=1)[:, None], found.shape)
    high = np.broadcast_to((means + 40 * deviations).max(axis=1)[:, None], found.shape)
    for _ in range(_MOST_STEPS):
        excess = _below(beliefs, found) - shares
        low, high = np.where(excess < 0, found, low), np.where(excess < 0, high, found)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = excess / _density(beliefs, found)
        next_ = found - step
        exact = _EXACT * (1 + abs(found))
        arrived = abs(step) <= exact
        found = np.where(arrived | ((low < next_) & (next_ < high)), next_, (low + high) / 2)
        if (arrived | (high - low <= exact)).all():
            break
    ends: np.ndarray = np.clip(found, low, high)
    return ends
