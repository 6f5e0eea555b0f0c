"""Evidence: what a learner sees of the log, as weighted counts by context and variant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from persx.experiments.probabilities import Context

Floats = NDArray[np.float64]


class Trials(NamedTuple):
    """Visitors who were shown a variant by chance, and how many of them reached the goal.

    Attributes:
        propensity: The probability with which each of them was shown it.
        visitors, reached: Counts.
    """

    context: Context
    variant: str
    propensity: float
    visitors: float
    reached: float


class Evidence(NamedTuple):
    """What is known, one row a context and one column a variant.

    A variant that was rarely drawn counts for more where it was, so that neither a split that
    moved nor other visitors at another time look like an effect (the ratio estimator of inverse
    propensities, Hájek 1971).

    Attributes:
        seen: Visitors, as many as there were.
        weight: Effective visitors: fewer where propensities differed.
        rate: The share of them who reached the goal; 0 where there were none.
    """

    by: tuple[str, ...]
    variants: tuple[str, ...]
    contexts: tuple[Context, ...]
    seen: Floats
    weight: Floats
    rate: Floats


def gather(by: Sequence[str], variants: Sequence[str], trials: Iterable[Trials]) -> Evidence:
    """Add trials up. Those of other variants, or without a propensity, are left out."""
    columns = {name: at for at, name in enumerate(variants)}
    usable = [each for each in trials if each.variant in columns and 0 < each.propensity <= 1]
    contexts = sorted({each.context for each in usable}, key=_order)
    rows = {context: at for at, context in enumerate(contexts)}
    shape = (len(contexts), len(columns))
    seen, first, second, reached = (np.zeros(shape) for _ in range(4))
    for each in usable:
        place = rows[each.context], columns[each.variant]
        seen[place] += each.visitors
        first[place] += each.visitors / each.propensity
        second[place] += each.visitors / each.propensity**2
        reached[place] += each.reached / each.propensity
    some = second > 0
    return Evidence(
        by=tuple(by),
        variants=tuple(variants),
        contexts=tuple(contexts),
        seen=seen,
        weight=np.divide(first**2, second, out=np.zeros(shape), where=some),
        rate=np.divide(reached, first, out=np.zeros(shape), where=some),
    )


def _order(context: Context) -> tuple[tuple[bool, str], ...]:
    return tuple((value is None, value or "") for value in context)
