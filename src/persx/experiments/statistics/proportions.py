"""Lift of a proportion: Koopman's score interval for a ratio, stratified after Gart and Nam.

At 1,000 visitors an arm and a 1% rate the score interval covers 95% where the delta method covers
91%, and it needs no correction for zero counts.

Sources: Koopman, "Confidence intervals for the ratio of two binomial proportions", Biometrics 40
(1984); Gart and Nam, "Approximate interval estimation of the ratio of binomial parameters",
Biometrics 44 (1988), whose common ratio over strata reduces to Koopman's for one stratum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Final, NamedTuple

from persx.experiments.statistics.interval import (
    CONFIDENCE,
    Lift,
    check_confidence,
    high_end,
    low_end,
)
from persx.experiments.statistics.roots import root
from persx.model.errors import BadInput

METHOD: Final = "score"

NO_UPPER_END: Final = "The control has no conversions: there is no upper end."

_FARTHEST: Final = 300.0
"""Ratios are looked for between e^-300 and e^300; beyond that an end counts as absent."""


_ROUNDING: Final = 1e-12
"""A score that is a smaller share of its parts is rounding."""


class Counts(NamedTuple):
    """Conversions and visitors of an arm and of the control, in one stratum."""

    conversions: int
    visitors: int
    control_conversions: int
    control_visitors: int


def lift(
    conversions: int,
    visitors: int,
    control_conversions: int,
    control_visitors: int,
    *,
    confidence: float = CONFIDENCE,
) -> Lift:
    """Return the lift of a conversion rate with its score interval and p-value.

    Args:
        conversions: Visitors of the arm who converted.
        visitors: Visitors of the arm.
        control_conversions: Visitors of the control who converted.
        control_visitors: Visitors of the control.
        confidence: Confidence of the interval.

    Raises:
        BadInput: A count is negative, or there are more conversions than visitors.

    >>> result = lift(267, 21_307, 122, 21_306)
    >>> f"{result.lift:+.1%} [{result.low:.1%}, {result.high:.1%}] p = {result.p:.1g}"
    '+118.8% [76.9%, 170.8%] p = 2e-13'
    """
    counts = Counts(conversions, visitors, control_conversions, control_visitors)
    return score_interval_ratio([counts], confidence=confidence)


def score_interval_ratio(strata: Sequence[Counts], *, confidence: float = CONFIDENCE) -> Lift:
    """Return the lift common to all strata, with its score interval and p-value.

    For each candidate ratio the rates are fitted under the constraint that arm ÷ control equals
    it; the interval holds the ratios that a score test does not reject, and the p-value is that
    same test's for the ratio 1. A stratum in which an arm has no visitors says nothing and is
    left out.

    Raises:
        BadInput: A count is negative, or there are more conversions than visitors.
    """
    alpha = check_confidence(confidence)
    for counts in strata:
        check_counts(counts)
    used = [counts for counts in strata if counts.visitors and counts.control_visitors]
    reason = undefined_counts(strata, used)
    if reason:
        return Lift(confidence=confidence, method=METHOD, reason=reason)

    def score(log_ratio: float) -> float:
        return _score(math.exp(log_ratio), used)

    quantile = NormalDist().inv_cdf(1 - alpha / 2)
    at_one = score(0.0)
    p = math.erfc(abs(at_one) / math.sqrt(2))
    better = p < alpha and at_one > 0
    worse = p < alpha and at_one < 0
    treated = sum(counts.conversions for counts in used)
    controlled = sum(counts.control_conversions for counts in used)
    low = low_end(_root(score, quantile, rising=better), better=better) if treated else -1.0
    high = high_end(_root(score, -quantile, rising=not worse), worse=worse) if controlled else None
    return Lift(
        lift=_estimate(score, used, treated, controlled),
        low=low,
        high=high,
        p=p,
        confidence=confidence,
        method=METHOD,
        reason="" if controlled else NO_UPPER_END,
    )


def check_counts(counts: Counts) -> None:
    """Refuse counts that cannot be, such as more conversions than visitors."""
    for conversions, visitors in (counts[:2], counts[2:]):
        if not 0 <= conversions <= visitors:
            raise BadInput(
                f"{conversions} conversions of {visitors} visitors are not possible.",
                value=conversions,
                hint="Count each visitor once, however often they convert.",
            )


def undefined_counts(strata: Sequence[Counts], used: Sequence[Counts]) -> str:
    """Say why counts tell nothing; empty where those of the `used` strata tell something."""
    if not used:
        if not any(counts.visitors for counts in strata):
            return "The arm has no visitors."
        if not any(counts.control_visitors for counts in strata):
            return "The control has no visitors."
        return "No epoch has visitors in both the arm and the control."
    if not any(counts.conversions or counts.control_conversions for counts in used):
        return "Nobody has converted in either arm."
    return ""


def _estimate(
    score: Callable[[float], float], used: Sequence[Counts], treated: int, controlled: int
) -> float | None:
    if not controlled:
        return None
    if not treated:
        return -1.0
    if len(used) == 1:
        only = used[0]
        return (only.conversions * only.control_visitors) / (
            only.visitors * only.control_conversions
        ) - 1
    return math.expm1(_root(score, 0.0, rising=score(0.0) > 0))


def _score(ratio: float, strata: Sequence[Counts]) -> float:
    """Return the standardised score of a ratio: positive where the data speak for a larger one.

    Under the constraint p1 = ratio · p0 the likelihood equation is a quadratic. It is solved in
    the form without cancellation, and of the two equal expressions of a stratum's score the one
    with the larger 1 − p is taken, so that rates of 100% need no special case. A sum that is no
    more than rounding is 0: small strata that contradict each other may cancel over a whole range.
    """
    total = variance = size = 0.0
    for x1, n1, x0, n0 in strata:
        left, right = ratio * (n1 + x0), n0 + x1
        root = math.sqrt((left - right) ** 2 + 4 * ratio * (n1 - x1) * (n0 - x0))
        p0 = min(2 * (x1 + x0) / (left + right + root), 1.0)
        p1 = min(ratio * p0, 1.0)
        q0, q1 = 1 - p0, 1 - p1
        if p0 == 0 or p1 == 0 or (q0 == 0 and q1 == 0):
            continue
        total += (x1 - n1 * p1) / q1 if q1 >= q0 else (n0 * p0 - x0) / q0
        size += (x1 + n1 * p1) / q1 if q1 >= q0 else (n0 * p0 + x0) / q0
        variance += 1 / (q1 / (n1 * p1) + q0 / (n0 * p0))
    if abs(total) <= _ROUNDING * size:
        return 0.0
    return total / math.sqrt(variance) if variance else 0.0


def _root(score: Callable[[float], float], level: float, *, rising: bool) -> float:
    """Return the log ratio above 0 (`rising`) or below it at which the score falls to `level`.

    Where it is farther off than is looked, the farthest place.
    """
    near, far = 0.0, 0.5 if rising else -0.5
    while (score(far) > level) == rising:
        if abs(far) >= _FARTHEST:
            return far
        near, far = far, max(-_FARTHEST, min(_FARTHEST, far * 2))
    return root(lambda log_ratio: score(log_ratio) - level, near, far)
