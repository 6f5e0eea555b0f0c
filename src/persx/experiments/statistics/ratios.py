"""Lift of means and of ratios of means: on the log scale, by Fieller, and always valid.

A *mean* is a number per visitor, such as revenue; a *ratio* is a quotient of two means, such as
revenue ÷ orders. Three intervals stand in `INTERVALS`; each p-value is its interval's own. Extreme
amounts are winsorised by whoever adds up the moments, for a sum cannot be cut afterwards.

Sources: Lehmann and Romano, "Testing Statistical Hypotheses" (2005), for the delta method; Fieller,
"Some problems in interval estimation", JRSS B 16 (1954); Waudby-Smith, Arbour, Sinha, Kennedy and
Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences", Annals of
Statistics 52 (2024).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from persx.experiments.statistics.interval import (
    CONFIDENCE,
    SPREAD,
    Lift,
    check_confidence,
    check_spread,
    log_ends,
    sided,
)
from persx.experiments.statistics.sides import (
    MEAN,
    RATIO,
    MomentPair,
    Shape,
    Side,
    satterthwaite,
    sides,
)


class Interval(StrEnum):
    """How a lift of means or ratios gets its interval."""

    LOG_SCALE = "log-scale t"
    """For one look at a time fixed in advance: Welch's t on the logarithm of the ratio."""
    FIELLER = "Fieller"
    """For one look, where refunds may make an arm's value negative."""
    ALWAYS_VALID = "always-valid log scale"
    """For as many looks as you like: an asymptotic confidence sequence."""


def mean_lift(
    pairs: Sequence[MomentPair],
    *,
    interval: Interval = Interval.LOG_SCALE,
    confidence: float = CONFIDENCE,
    spread: float = SPREAD,
) -> Lift:
    """Return the lift of a mean, adjusted by the covariates that the moments hold (CUPED).

    Args:
        pairs: Moments of (number, covariates …) of arm and control, one pair for each epoch.
        interval: For one look, or for many.
        confidence: Confidence of the interval.
        spread: For how large a lift an always-valid interval is tightest; see `SPREAD`.

    Raises:
        BadInput: Moments that do not belong together, or a confidence that is none.

    >>> from persx.experiments.moments import Moments
    >>> arm, control = Moments.of([5, 0, 3, 2]), Moments.of([2, 0, 3, 1])
    >>> result = mean_lift([MomentPair(arm, control)])
    >>> f"{result.lift:+.1%}, p = {result.p:.2f}"
    '+66.7%, p = 0.43'
    """
    return _lift(pairs, MEAN, interval, confidence, spread)


def ratio_lift(
    pairs: Sequence[MomentPair],
    *,
    interval: Interval = Interval.LOG_SCALE,
    confidence: float = CONFIDENCE,
    spread: float = SPREAD,
) -> Lift:
    """Return the lift of a ratio of means, such as revenue ÷ orders, adjusted by covariates.

    The visitor is the unit: both sums of a visitor may hang together.

    Args:
        pairs: Moments of (numerator, denominator, covariates …), one pair for each epoch.
        interval: For one look, or for many.
        confidence: Confidence of the interval.
        spread: For how large a lift an always-valid interval is tightest; see `SPREAD`.

    Raises:
        BadInput: Moments that do not belong together, or a confidence that is none.

    >>> from persx.experiments.moments import Moments
    >>> arm = Moments.of([50, 0, 30, 90], [1, 0, 1, 2])
    >>> control = Moments.of([40, 0, 30, 35], [1, 0, 1, 1])
    >>> f"{ratio_lift([MomentPair(arm, control)]).lift:+.1%}"
    '+21.4%'
    """
    return _lift(pairs, RATIO, interval, confidence, spread)


class _Question(NamedTuple):
    """What an interval is asked: both arms' values, and how it shall be."""

    arm: Side
    control: Side
    noun: str
    interval: Interval
    confidence: float
    spread: float

    @property
    def estimate(self) -> float:
        return self.arm.value / self.control.value - 1

    @property
    def log_ratio(self) -> float:
        return math.log(self.arm.value) - math.log(self.control.value)

    def undefined(self, reason: str, lift: float | None = None) -> Lift:
        return Lift(
            lift=lift, confidence=self.confidence, method=self.interval.value, reason=reason
        )

    def defined(self, low: float, high: float | None, p: float) -> Lift:
        return Lift(
            lift=self.estimate,
            low=low,
            high=high,
            p=p,
            confidence=self.confidence,
            method=self.interval.value,
        )


def _lift(
    pairs: Sequence[MomentPair],
    shape: Shape,
    interval: Interval,
    confidence: float,
    spread: float,
) -> Lift:
    check_confidence(confidence)
    check_spread(spread)
    arm, control, reason = sides(pairs, shape)
    question = _Question(arm, control, shape.noun, interval, confidence, spread)
    if reason:
        return question.undefined(reason)
    if control.value <= 0:
        return question.undefined(
            f"The control's {shape.noun} is {_plain(control.value)}: nothing to compare with."
        )
    if arm.variance + control.variance == 0:
        return question.undefined(_ALL_EQUAL, question.estimate)
    return INTERVALS[interval](question)


def undefined_on_log_scale(arm: Side, control: Side, noun: str) -> str:
    """Say why two values have no interval on the log scale; empty where they have one."""
    for name, side in (("arm", arm), ("control", control)):
        if side.value <= 0:
            return f"The {name}'s {noun} is {_plain(side.value)}: no interval on the log scale."
    if not math.isfinite(arm.spread + control.spread):
        return f"A {noun} is too near 0 for its spread: no interval on the log scale."
    return _ALL_EQUAL if arm.spread + control.spread == 0 else ""


def _log_scale(question: _Question) -> Lift:
    from scipy.special import stdtr, stdtrit

    arm, control = question.arm, question.control
    if reason := undefined_on_log_scale(arm, control, question.noun):
        return question.undefined(reason, question.estimate)
    parts = [arm.spread, control.spread]
    error = math.sqrt(sum(parts))
    freedom = satterthwaite(parts, [arm.freedom, control.freedom])
    p = 2 * float(stdtr(freedom, -abs(question.log_ratio) / error))
    reach = float(stdtrit(freedom, 1 - (1 - question.confidence) / 2)) * error
    return question.defined(*log_ends(question.log_ratio, reach, p, 1 - question.confidence), p)


def _always_valid(question: _Question) -> Lift:
    arm, control = question.arm, question.control
    if reason := undefined_on_log_scale(arm, control, question.noun):
        return question.undefined(reason, question.estimate)
    variance, alpha = arm.spread + control.spread, 1 - question.confidence
    p = always_valid_p(question.log_ratio, variance, question.spread)
    reach = always_valid_reach(variance, alpha, question.spread)
    return question.defined(*log_ends(question.log_ratio, reach, p, alpha), p)


def always_valid_reach(variance: float, alpha: float, spread: float) -> float:
    """Return how far an always-valid interval reaches to each side of the log ratio.

    Source: Waudby-Smith et al., theorem 2.2, with ρ² = spread² ÷ variance of one observation.
    """
    known = spread**2 / variance
    return math.sqrt(variance * (1 + 1 / known) * (math.log1p(known) - 2 * math.log(alpha)))


def always_valid_p(log_ratio: float, variance: float, spread: float) -> float:
    """Return the always-valid p-value of "no difference": 1 ÷ evidence, by the same inversion."""
    known = spread**2 / variance
    exponent = log_ratio**2 / (2 * variance) * known / (1 + known) - math.log1p(known) / 2
    return min(1.0, math.exp(-exponent)) if exponent > 0 else 1.0


def _fieller(question: _Question) -> Lift:
    from scipy.special import stdtr, stdtrit

    arm, control, alpha = question.arm, question.control, 1 - question.confidence
    difference, variance = arm.value - control.value, arm.variance + control.variance
    freedom = satterthwaite([arm.variance, control.variance], [arm.freedom, control.freedom])
    square = float(stdtrit(freedom, 1 - alpha / 2)) ** 2
    p = 2 * float(stdtr(freedom, -abs(difference) / math.sqrt(variance)))
    # The ratios r with (arm − r · control)² ≤ square · variance lie between a parabola's roots.
    a = control.value**2 - square * control.variance
    if a <= 0:
        return question.undefined(
            f"The control's {question.noun} cannot be told from 0: no interval by Fieller.",
            question.estimate,
        )
    half = arm.value * control.value
    c = arm.value**2 - square * arm.variance
    root = math.sqrt(max(half * half - a * c, 0.0))
    low, high = sided(
        (half - root) / a - 1,
        (half + root) / a - 1,
        better=p < alpha and difference > 0,
        worse=p < alpha and difference < 0,
    )
    if not (math.isfinite(low) and math.isfinite(high)):
        return question.undefined(
            f"A {question.noun} is too near 0 for its spread: no interval by Fieller.",
            question.estimate,
        )
    return question.defined(low, high, p)


def _plain(value: float) -> str:
    return "0" if value == 0 else f"{value:.6g}"


_ALL_EQUAL: Final = "All values of an arm are equal: chance cannot be told from a difference."

INTERVALS: Final[Mapping[Interval, Callable[[_Question], Lift]]] = {
    Interval.LOG_SCALE: _log_scale,
    Interval.FIELLER: _fieller,
    Interval.ALWAYS_VALID: _always_valid,
}
"""How each interval is computed from both arms' values."""
