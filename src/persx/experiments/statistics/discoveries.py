"""Many comparisons at once: which ones to believe, with intervals that are adjusted too.

Of all that is found, at most a share `level` is false on average (the false discovery rate), and of
the intervals of what is found, at most that share misses (the false coverage rate). One choice
gives both: a lift is found exactly when its adjusted interval excludes 0.

Sources: Benjamini and Hochberg, "Controlling the false discovery rate", JRSS B 57 (1995); Benjamini
and Yekutieli, "The control of the false discovery rate in multiple testing under dependency",
Annals of Statistics 29 (2001); the same, "False discovery rate-adjusted multiple confidence
intervals for selected parameters", JASA 100 (2005); Wang and Ramdas, "False discovery rate control
with e-values", JRSS B 84 (2022), for always-valid p-values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from persx.experiments.statistics.interval import CONFIDENCE, Lift, check_confidence

Key = TypeVar("Key")


class Comparison(Protocol):
    """Any statistic with its data bound, such as ``partial(lift, 12, 300, 4, 300)``."""

    def __call__(self, *, confidence: float) -> Lift:
        """Return the lift with an interval of this confidence."""
        ...


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison among many.

    Attributes:
        lift: With the adjusted interval; its p is the one before the adjustment.
        p_adjusted: Least false discovery rate at which it would be found; none where it is
            undefined.
        found: Whether to believe it: exactly when the adjusted interval excludes 0.
    """

    lift: Lift
    p_adjusted: float | None = None
    found: bool = False


def discoveries(
    comparisons: Mapping[Key, Comparison],
    *,
    confidence: float = CONFIDENCE,
    dependent: bool = False,
) -> dict[Key, Discovery]:
    """Choose what to believe among many comparisons, and adjust every interval to the choice.

    Comparisons that are undefined take no part and are not counted. Those that are not found are
    shown with the same adjusted confidence, so that all of them can be compared.

    Args:
        comparisons: Statistics with their data bound; the confidence is asked for here.
        confidence: 1 − the share of false ones among what is found.
        dependent: Also where comparisons may hang together in any way (Yekutieli), which costs
            width. Segments of one attribute do not overlap and do not need it, nor do always-valid
            p-values, which are evidence turned upside down.

    >>> from functools import partial
    >>> from persx.experiments.statistics.proportions import lift
    >>> segments = {"new": partial(lift, 90, 900, 50, 900), "old": partial(lift, 61, 900, 50, 900)}
    >>> {name: each.found for name, each in discoveries(segments).items()}
    {'new': True, 'old': False}
    """
    level = check_confidence(confidence)
    plain = {key: ask(confidence=confidence) for key, ask in comparisons.items()}
    values = {key: each.p for key, each in plain.items() if each.p is not None}
    if not values:
        return {key: Discovery(lift=each) for key, each in plain.items()}
    per_test = level / (len(values) * (_harmonic(len(values)) if dependent else 1))
    # As the methods will see them: rounding must not part the choice from the intervals.
    alphas = [1 - (1 - rank * per_test) for rank in range(1, len(values) + 1)]
    ordered = sorted(values.values())
    chosen = max((rank for rank, p in enumerate(ordered, 1) if p < alphas[rank - 1]), default=0)
    alpha = alphas[max(chosen, 1) - 1]
    adjusted = dict(
        zip(values, adjusted_p(list(values.values()), dependent=dependent), strict=True)
    )
    return {
        key: Discovery(
            lift=comparisons[key](confidence=1 - max(chosen, 1) * per_test),
            p_adjusted=adjusted.get(key),
            found=key in values and values[key] < alpha and chosen > 0,
        )
        for key in comparisons
    }


def adjusted_p(values: Sequence[float], *, dependent: bool = False) -> list[float]:
    """Return for each p-value the least false discovery rate at which it would be found.

    >>> adjusted_p([0.01, 0.04, 0.03])
    [0.03, 0.04, 0.04]
    """
    number = len(values)
    factor = number * (_harmonic(number) if dependent else 1)
    found = [0.0] * number
    least = 1.0
    ranked = sorted(range(number), key=values.__getitem__)
    for rank in range(number, 0, -1):
        place = ranked[rank - 1]
        least = min(least, values[place] * factor / rank)
        found[place] = least
    return found


def _harmonic(number: int) -> float:
    return sum(1 / rank for rank in range(1, number + 1))
