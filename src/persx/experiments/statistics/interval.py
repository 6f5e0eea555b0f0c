"""The one form in which every statistic answers: a lift, its interval and p, or why not."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from persx.model.errors import BadInput

CONFIDENCE: Final = 0.95
"""The confidence of an interval unless another is asked for."""

SPREAD: Final = 0.3
"""How large true lifts usually are: the standard deviation of their logarithm before any data.

An always-valid interval is tightest for lifts of about this size, and valid for every other; the
same figure is the default prior of the Bayesian view.
"""

_LARGEST: Final = 700.0
"""e to the power of more than this is no floating point number."""


class Lift(msgspec.Struct, frozen=True, kw_only=True):
    """A relative difference: arm ÷ control − 1, so that 0.15 means 15% more.

    Interval and p-value come from one inversion: ``p < 1 - confidence`` exactly when the interval
    excludes 0. What is undefined is `None`, and `reason` says why in plain words.

    Attributes:
        lift: The estimate; `None` where the control has nothing to divide by.
        low: Lower end of the interval, at least -1 unless refunds make an arm's value negative.
        high: Upper end; `None` where there is none (a control without conversions).
        p: Two-sided p-value of "no difference".
        confidence: Confidence of the interval.
        method: Name of the method, as reports print it.
        reason: Why a part is undefined; empty where everything is defined.
    """

    lift: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    confidence: float = CONFIDENCE
    method: str = ""
    reason: str = ""

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies wholly above or below 0."""
        return (self.low is not None and self.low > 0) or (self.high is not None and self.high < 0)


def check_confidence(confidence: float) -> float:
    """Return the significance level 1 − `confidence`, or refuse what is not a probability."""
    if not 0 < confidence < 1:
        raise BadInput(
            f"A confidence of {confidence} is not possible.",
            value=confidence,
            hint="Write a number between 0 and 1, such as 0.95.",
        )
    return 1 - confidence


def check_spread(spread: float) -> None:
    """Refuse a spread of lifts that is not a positive number."""
    if not 0 < spread < math.inf:
        raise BadInput(
            f"A spread of lifts of {spread} is not possible.",
            value=spread,
            hint="Write a positive number: 0.3 where lifts of up to ±60% are plausible.",
        )


def sided(low: float, high: float, *, better: bool, worse: bool) -> tuple[float, float]:
    """Move the ends of an interval of the lift to the sides of 0 that p demands.

    Rounding must never make interval and p-value disagree.
    """
    low = max(low, math.nextafter(0.0, 1.0)) if better else min(low, 0.0)
    high = min(high, math.nextafter(0.0, -1.0)) if worse else max(high, 0.0)
    return low, high


def low_end(log_ratio: float, *, better: bool) -> float:
    """Turn the lower end of a log-scale interval into a lift on the side of 0 that p demands.

    Rounding of a root must never make interval and p-value disagree: where the arm is
    significantly `better` the end lies above 0, by one step of the number line if need be, and
    otherwise not above it.
    """
    return sided(math.expm1(min(log_ratio, _LARGEST)), 0, better=better, worse=False)[0]


def high_end(log_ratio: float, *, worse: bool) -> float | None:
    """Turn the upper end into a lift: below 0 where the arm is significantly `worse`, else not.

    An end beyond all numbers is none.
    """
    if log_ratio > _LARGEST:
        return None
    return sided(0, math.expm1(log_ratio), better=False, worse=worse)[1]


def log_ends(log_ratio: float, reach: float, p: float, alpha: float) -> tuple[float, float | None]:
    """Return both ends of an interval that reaches equally far to each side of a log ratio."""
    return (
        low_end(log_ratio - reach, better=p < alpha and log_ratio > 0),
        high_end(log_ratio + reach, worse=p < alpha and log_ratio < 0),
    )
