"""The one form in which every statistic answers: a lift, its interval and p, or why not."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from persx.model.errors import BadInput

CONFIDENCE: Final = 0.95
"""The confidence of an interval unless another is asked for."""

_LARGEST: Final = 700.0
"""e to the power of more than this is no floating point number."""


class Lift(msgspec.Struct, frozen=True, kw_only=True):
    """A relative difference: arm ÷ control − 1, so that 0.15 means 15% more.

    Interval and p-value come from one inversion: ``p < 1 - confidence`` exactly when the interval
    excludes 0. What is undefined is `None`, and `reason` says why in plain words.

    Attributes:
        lift: The estimate; `None` where the control has nothing to divide by.
        low: Lower end of the interval, at least -1.
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


def low_end(log_ratio: float, *, better: bool) -> float:
    """Turn the lower end of a log-scale interval into a lift on the side of 0 that p demands.

    Rounding of a root must never make interval and p-value disagree: where the arm is
    significantly `better` the end lies above 0, by one step of the number line if need be, and
    otherwise not above it.
    """
    value = math.expm1(min(log_ratio, _LARGEST))
    return max(value, math.nextafter(0.0, 1.0)) if better else min(value, 0.0)


def high_end(log_ratio: float, *, worse: bool) -> float | None:
    """Turn the upper end into a lift: below 0 where the arm is significantly `worse`, else not.

    An end beyond all numbers is none.
    """
    if log_ratio > _LARGEST:
        return None
    value = math.expm1(log_ratio)
    return min(value, math.nextafter(0.0, -1.0)) if worse else max(value, 0.0)
