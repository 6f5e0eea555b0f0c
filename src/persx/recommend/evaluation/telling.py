"""Telling how pipelines did: means over visitors with their intervals, and differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

Z: Final = 1.96
"""Intervals have 95%: the mean of independent cases, by the normal distribution."""


class Estimate(msgspec.Struct, frozen=True):
    """A mean over visitors, and the interval in which it would be found with all of them."""

    mean: float
    low: float
    high: float


class PipelineFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How well something did.

    Attributes:
        metrics: By name and cut, such as ``ndcg@10``.
        against: The differences to popularity, visitor by visitor.
        together: Of all lists together, such as ``coverage@10``; none where there is none.
    """

    name: str
    metrics: dict[str, Estimate]
    against: dict[str, Estimate]
    together: dict[str, float | None] = {}


def estimate(values: NDArray[np.float64]) -> Estimate:
    """Return the mean of independent values with its interval; of one value, it is all numbers.

    >>> found = estimate(np.array([0.0, 1.0, 0.0, 1.0]))
    >>> found.mean, round(found.low, 3), round(found.high, 3)
    (0.5, -0.066, 1.066)
    """
    mean = float(values.mean())
    if len(values) < 2:
        return Estimate(mean, -np.inf, np.inf)
    half = Z * float(values.std(ddof=1)) / len(values) ** 0.5
    return Estimate(mean, mean - half, mean + half)


def compared(
    values: Mapping[str, Mapping[str, NDArray[np.float64]]],
    base: str,
    together: Mapping[str, Mapping[str, float | None]] | None = None,
) -> list[PipelineFigures]:
    """Return the figures of several, with the differences to one of them, case by case.

    Args:
        values: Name → metric → (c,) of each case.
        base: Whom the others are compared with.
        together: Name → metric of all lists together.
    """
    return [
        PipelineFigures(
            name=name,
            metrics={metric: estimate(each) for metric, each in found.items()},
            against={}
            if name == base
            else {metric: estimate(each - values[base][metric]) for metric, each in found.items()},
            together=dict((together or {}).get(name, {})),
        )
        for name, found in values.items()
    ]
