"""Evidence: what a learner sees of the log, as weighted counts by context and variant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from persx.experiments.probabilities import Context

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Trials(NamedTuple):
    """Visitors who were shown a variant by chance, and how many of them reached the goal.

    Attributes:
        period: When the probabilities were the same: the number of the artifact.
        visitors, reached: Counts.
    """

    context: Context
    variant: str
    period: int
    visitors: float
    reached: float


class Evidence(NamedTuple):
    """What is known, one row a context and one column a variant.

    Attributes:
        seen: Visitors, as many as there were.
        weight: Visitors, more of them for those who came when more reached the goal whatever
            they were shown. So neither a split that moved nor a better time looks like an effect.
        rate: The share of them who reached the goal; 0 where there were none.
    """

    by: tuple[str, ...]
    variants: tuple[str, ...]
    contexts: tuple[Context, ...]
    seen: Floats
    weight: Floats
    rate: Floats


PRIOR_REACHED: Final = 20.0
"""As many visitors who reach the goal speak for a period that is like the others."""

_ROUNDS: Final = 30


def gather(by: Sequence[str], variants: Sequence[str], trials: Iterable[Trials]) -> Evidence:
    """Add trials up, periods compared with each other; trials of other variants are left out."""
    columns = {name: at for at, name in enumerate(variants)}
    usable = [each for each in trials if each.variant in columns and each.visitors > 0]
    contexts = sorted({each.context for each in usable}, key=_order)
    rows = {context: at for at, context in enumerate(contexts)}
    periods = {period: at for at, period in enumerate(sorted({each.period for each in usable}))}
    shape = (len(contexts), len(columns))
    place = np.array(
        [rows[each.context] * shape[1] + columns[each.variant] for each in usable], dtype=np.int64
    )
    period = np.array([periods[each.period] for each in usable], dtype=np.int64)
    visitors = np.array([each.visitors for each in usable], dtype=np.float64)
    reached = np.array([each.reached for each in usable], dtype=np.float64)
    better = _periods(place, period, visitors, reached, shape[0] * shape[1], len(periods))

    def added(values: Floats) -> Floats:
        found = np.bincount(place, weights=values, minlength=shape[0] * shape[1])
        return found.reshape(shape).astype(np.float64)

    weight = added(visitors * better[period])
    total = added(reached)
    return Evidence(
        by=tuple(by),
        variants=tuple(variants),
        contexts=tuple(contexts),
        seen=added(visitors),
        # More cannot reach the goal than there were, however bad their time was.
        weight=np.maximum(weight, total),
        rate=np.divide(total, np.maximum(weight, total), out=np.zeros(shape), where=weight > 0),
    )


def _periods(
    place: Ints, period: Ints, visitors: Floats, reached: Floats, places: int, periods: int
) -> Floats:
    """Return how much more often visitors of a period reach the goal, all else alike.

    The expected number who do is visitors × rate of context and variant × factor of the period;
    both factors are fitted in turn (indirect standardisation, Breslow & Day 1987), that of the
    period towards 1.
    """
    better = np.ones(periods)
    if periods < 2:
        return better
    total = np.bincount(place, weights=reached, minlength=places)
    by_period = np.bincount(period, weights=reached, minlength=periods)
    for _ in range(_ROUNDS):
        exposed = np.bincount(place, weights=visitors * better[period], minlength=places)
        rate = np.divide(total, exposed, out=np.zeros(places), where=exposed > 0)
        expected = np.bincount(period, weights=visitors * rate[place], minlength=periods)
        better = (by_period + PRIOR_REACHED) / (expected + PRIOR_REACHED)
        better /= np.average(better, weights=np.bincount(period, weights=visitors))
    return better


def _order(context: Context) -> tuple[tuple[bool, str], ...]:
    return tuple((value is None, value or "") for value in context)
