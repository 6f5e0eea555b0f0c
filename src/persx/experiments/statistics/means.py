"""Lift of a mean, such as revenue per visitor: Welch's t on the logarithm of the ratio.

On the log scale the interval never reaches below −100% and its misses are balanced; several
strata are post-stratified: each arm's mean is weighted by the strata's shares of all visitors.

Source: Lehmann and Romano, "Testing Statistical Hypotheses" (2005), for the delta method;
Miratrix, Sekhon and Yu, "Adjusting treatment effect estimates by post-stratification",
JRSS B 75 (2013).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from persx.experiments.aggregates import Aggregate
from persx.experiments.statistics.interval import (
    CONFIDENCE,
    Lift,
    check_confidence,
    high_end,
    low_end,
)

METHOD: Final = "log-scale t"


class MeanPair(NamedTuple):
    """Aggregates of an arm and of the control in one stratum."""

    arm: Aggregate
    control: Aggregate


class _Estimate(NamedTuple):
    """A post-stratified mean, its variance, and Satterthwaite's degrees of freedom."""

    mean: float
    variance: float
    freedom: float


def log_interval_ratio(strata: Sequence[MeanPair], *, confidence: float = CONFIDENCE) -> Lift:
    """Return the lift of a mean with its interval and p-value from one t statistic.

    Strata in which an arm has fewer than two visitors have no variance and are left out. A
    control whose mean is not positive has no lift; an arm whose mean is not positive has a lift
    but, on the log scale, no interval.

    >>> arm, control = Aggregate(n=4, total=10, squares=30), Aggregate(n=4, total=6, squares=14)
    >>> result = log_interval_ratio([MeanPair(arm, control)])
    >>> f"{result.lift:+.1%}, p = {result.p:.2f}"
    '+66.7%, p = 0.36'
    """
    alpha = check_confidence(confidence)
    used = [pair for pair in strata if pair.arm.n >= 2 and pair.control.n >= 2]
    if not used:
        return Lift(
            confidence=confidence,
            method=METHOD,
            reason="A mean needs at least two visitors in each arm.",
        )
    shares = [pair.arm.n + pair.control.n for pair in used]
    arm = _post_stratified([pair.arm for pair in used], shares)
    control = _post_stratified([pair.control for pair in used], shares)
    if control.mean <= 0:
        return Lift(
            confidence=confidence,
            method=METHOD,
            reason=f"The control's mean is {_plain(control.mean)}: nothing to compare with.",
        )
    estimate = arm.mean / control.mean - 1
    if arm.mean <= 0:
        return Lift(
            lift=estimate,
            confidence=confidence,
            method=METHOD,
            reason=f"The arm's mean is {_plain(arm.mean)}: no interval on the log scale.",
        )
    spread = [(math.sqrt(each.variance) / each.mean) ** 2 for each in (arm, control)]
    error = math.sqrt(sum(spread))
    if not math.isfinite(error):
        return Lift(
            lift=estimate,
            confidence=confidence,
            method=METHOD,
            reason="A mean is too near 0 for its spread: no interval on the log scale.",
        )
    if error == 0:
        return Lift(
            lift=estimate,
            confidence=confidence,
            method=METHOD,
            reason="All values of an arm are equal: chance cannot be told from a difference.",
        )
    low, high, p = _interval(
        math.log(arm.mean) - math.log(control.mean),
        error,
        _satterthwaite(spread, (arm.freedom, control.freedom)),
        alpha,
    )
    return Lift(lift=estimate, low=low, high=high, p=p, confidence=confidence, method=METHOD)


def _interval(
    log_ratio: float, error: float, freedom: float, alpha: float
) -> tuple[float, float | None, float]:
    from scipy.special import stdtr, stdtrit

    quantile = float(stdtrit(freedom, 1 - alpha / 2))
    p = 2 * float(stdtr(freedom, -abs(log_ratio) / error))
    better, worse = p < alpha and log_ratio > 0, p < alpha and log_ratio < 0
    low = low_end(log_ratio - quantile * error, better=better)
    high = high_end(log_ratio + quantile * error, worse=worse)
    return low, high, p


def _post_stratified(arms: Sequence[Aggregate], shares: Sequence[int]) -> _Estimate:
    everyone = sum(shares)
    mean = variance = 0.0
    parts: list[float] = []
    for arm, share in zip(arms, shares, strict=True):
        weight = share / everyone
        mean += weight * arm.mean
        parts.append(weight**2 * arm.variance / arm.n)
    variance = sum(parts)
    return _Estimate(mean, variance, _satterthwaite(parts, [arm.n - 1 for arm in arms]))


def _satterthwaite(variances: Sequence[float], freedoms: Sequence[float]) -> float:
    below = sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))
    return sum(variances) ** 2 / below if below else math.inf


def _plain(value: float) -> str:
    return "0" if value == 0 else f"{value:.6g}"
