"""Before an experiment: power, visitors needed, the smallest lift that would be seen, and days.

The figures fit the intervals of the readout: for rates the score test, for means Welch's t on the
log scale, and for experiments that are looked at every day the boundary of the always-valid
intervals. There, power is that of the last look, so that the chance to have seen the lift at some
look is a little greater.

Sources: Fleiss, Levin and Paik, "Statistical Methods for Rates and Proportions" (2003), chapter 4;
Waudby-Smith et al., Annals of Statistics 52 (2024), for the boundary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final, NamedTuple

import msgspec

from persx.experiments.moments import Moments
from persx.experiments.statistics.interval import CONFIDENCE, SPREAD, check_confidence, check_spread
from persx.experiments.statistics.ratios import always_valid_reach
from persx.experiments.statistics.sides import MEAN, RATIO, MomentPair, Shape, sides
from persx.model.errors import BadInput

POWER: Final = 0.8
"""The usual chance to see a lift that is there."""

MOST_VISITORS: Final = 10**12
"""What needs more visitors than this is called out of reach."""

MOST_DAYS: Final = 730
"""What takes longer than two years is called out of reach."""

_NORMAL: Final = NormalDist()


class RateBaseline(msgspec.Struct, frozen=True):
    """Conversions as they are today: the control's expected rate, between 0 and 1."""

    rate: float

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise BadInput(
                f"A conversion rate of {self.rate} cannot be planned with.",
                value=self.rate,
                hint="Write a number between 0 and 1, such as 0.02 for 2%.",
            )


class MeanBaseline(msgspec.Struct, frozen=True):
    """A number per visitor as it is today: its mean and standard deviation between visitors.

    `of_mean` and `of_ratio` take both from the moments of visitors of the last weeks.
    """

    mean: float
    deviation: float

    def __post_init__(self) -> None:
        if not (0 < self.mean < math.inf and 0 < self.deviation < math.inf):
            raise BadInput(
                f"A mean of {self.mean} with a deviation of {self.deviation} cannot be planned "
                "with.",
                value=self.mean,
                hint="Both are positive numbers, taken from visitors of the last weeks.",
            )

    @classmethod
    def of_mean(cls, moments: Moments) -> MeanBaseline:
        """Return the baseline of (number, covariates …); CUPED's share is taken off."""
        return cls._of(moments, MEAN)

    @classmethod
    def of_ratio(cls, moments: Moments) -> MeanBaseline:
        """Return the baseline of (numerator, denominator, covariates …), by the delta method."""
        return cls._of(moments, RATIO)

    @classmethod
    def _of(cls, moments: Moments, shape: Shape) -> MeanBaseline:
        found = sides([MomentPair(moments, moments)], shape)
        if found.reason:
            raise BadInput(found.reason, value=moments.n, hint="Take more visitors.")
        return cls(found.arm.value, math.sqrt(found.arm.variance * moments.n))


Baseline = RateBaseline | MeanBaseline


class Design(msgspec.Struct, frozen=True, kw_only=True):
    """How an experiment will be read.

    Attributes:
        share: The arm's share of the visitors of both arms.
        confidence: Confidence of its interval.
        always_valid: Whether it will be looked at as often as one likes.
        spread: What an always-valid interval is made for; see `SPREAD`.
    """

    share: float = 0.5
    confidence: float = CONFIDENCE
    always_valid: bool = False
    spread: float = SPREAD

    def __post_init__(self) -> None:
        check_confidence(self.confidence)
        check_spread(self.spread)
        if not 0 < self.share < 1:
            raise BadInput(
                f"An arm with a share of {self.share} has nothing to be compared with.",
                value=self.share,
                hint="Write the arm's share of both arms, between 0 and 1.",
            )


class Duration(NamedTuple):
    """How long an experiment takes with real traffic.

    Attributes:
        days: Days until it has the visitors; none where that is out of reach.
        visitors: Visitors that it needs, both arms together; none where no number is enough.
        reason: Why there are no days.
    """

    days: int | None
    visitors: int | None
    reason: str = ""


def power(baseline: Baseline, lift: float, visitors: float, design: Design | None = None) -> float:
    """Return the chance that the interval excludes 0 on the right side.

    Args:
        baseline: What the control does.
        lift: The true lift, such as 0.1 or -0.05.
        visitors: Of both arms together.
        design: How it will be read.

    Raises:
        BadInput: A lift that the baseline cannot have, or no visitors.

    >>> f"{power(RateBaseline(0.02), 0.15, 73_386):.3f}"
    '0.800'
    """
    design = design or Design()
    _check_lift(baseline, lift)
    if not visitors > 0:
        raise BadInput(
            f"{visitors} visitors have no power.", value=visitors, hint="Count both arms together."
        )
    n1, n0 = visitors * design.share, visitors * (1 - design.share)
    alpha = 1 - design.confidence
    quantile = _NORMAL.inv_cdf(1 - alpha / 2)
    if isinstance(baseline, RateBaseline) and not design.always_valid:
        p0, p1 = baseline.rate, baseline.rate * (1 + lift)
        both = (n1 * p1 + n0 * p0) / visitors
        bar = quantile * math.sqrt(both * (1 - both) * (1 / n1 + 1 / n0))
        error = math.sqrt(p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0)
        return _NORMAL.cdf((abs(p1 - p0) - bar) / error)
    arm, control = _relative_variances(baseline, lift)
    variance = arm / n1 + control / n0
    bar = quantile * math.sqrt(variance)
    if design.always_valid:
        bar = always_valid_reach(variance, alpha, design.spread)
    return _NORMAL.cdf((abs(math.log1p(lift)) - bar) / math.sqrt(variance))


def sample_size(
    baseline: Baseline, lift: float, design: Design | None = None, *, chance: float = POWER
) -> int | None:
    """Return the visitors of both arms together that see a lift with this chance.

    None where not even a million million are enough.

    Raises:
        BadInput: A lift that the baseline cannot have, or a power that is none.

    >>> sample_size(RateBaseline(0.02), 0.15)
    73386
    """
    design = design or Design()
    _check_chance(chance)
    if not lift:
        raise BadInput(
            "A lift of 0 cannot be seen.", value=lift, hint="Name the least that counts."
        )
    least, most = 1, 2
    while power(baseline, lift, most, design) < chance:
        least, most = most, most * 2
        if most > MOST_VISITORS:
            return None
    while most - least > 1:
        middle = (least + most) // 2
        if power(baseline, lift, middle, design) < chance:
            least = middle
        else:
            most = middle
    return most


def smallest_lift(
    baseline: Baseline, visitors: float, design: Design | None = None, *, chance: float = POWER
) -> float | None:
    """Return the smallest positive lift that so many visitors see with this chance.

    None where no lift that the baseline can have is large enough.

    >>> f"{smallest_lift(RateBaseline(0.02), 73_386):.4f}"
    '0.1500'
    """
    design = design or Design()
    _check_chance(chance)
    most = 1 / baseline.rate - 1 if isinstance(baseline, RateBaseline) else 1e6
    low, high = 0.0, most * (1 - 1e-9)
    if power(baseline, high, visitors, design) < chance:
        return None
    while high - low > 1e-10 * high:
        middle = (low + high) / 2
        if power(baseline, middle, visitors, design) < chance:
            low = middle
        else:
            high = middle
    return high


def expected_days(
    baseline: Baseline,
    lift: float,
    traffic: Sequence[int],
    design: Design | None = None,
    *,
    chance: float = POWER,
) -> Duration:
    """Return how many days an experiment takes, from the visitors who really come.

    Args:
        baseline: What the control does.
        lift: The lift that shall be seen.
        traffic: Visitors of each past day who would have entered for the first time, in order;
            whole weeks, so that weekends count. They are taken to come again and again.
        design: How it will be read.
        chance: The power: how likely it shall be seen.

    Raises:
        BadInput: No traffic, or a lift that the baseline cannot have.

    >>> expected_days(RateBaseline(0.02), 0.15, [3_000, 3_000, 3_000, 3_000, 3_000, 1_500, 1_500])
    Duration(days=29, visitors=73386, reason='')
    """
    if not traffic or min(traffic) < 0:
        raise BadInput(
            "Without the visitors of past days the days to come are unknown.",
            value=str(list(traffic)),
            hint="Give the new visitors of at least one whole week.",
        )
    needed = sample_size(baseline, lift, design, chance=chance)
    if needed is None:
        return Duration(None, None, "No number of visitors is enough to see this lift.")
    if not sum(traffic):
        return Duration(None, needed, "Nobody came on the days of which you told.")
    came = 0
    for day in range(MOST_DAYS):
        came += traffic[day % len(traffic)]
        if came >= needed:
            return Duration(day + 1, needed)
    return Duration(None, needed, f"It would take more than {MOST_DAYS} days.")


def _relative_variances(baseline: Baseline, lift: float) -> tuple[float, float]:
    """Return the squared coefficient of variation of one visitor, in the arm and the control."""
    if isinstance(baseline, MeanBaseline):
        relative = (baseline.deviation / baseline.mean) ** 2
        return relative, relative
    p1 = baseline.rate * (1 + lift)
    return (1 - p1) / p1, (1 - baseline.rate) / baseline.rate


def _check_lift(baseline: Baseline, lift: float) -> None:
    most = 1 / baseline.rate - 1 if isinstance(baseline, RateBaseline) else math.inf
    if not -1 < lift < most:
        raise BadInput(
            f"A lift of {lift} is not possible here.",
            value=lift,
            hint=f"Write a number above -1 and below {most:g}, such as 0.1 for 10% more.",
        )


def _check_chance(chance: float) -> None:
    if not 0 < chance < 1:
        raise BadInput(
            f"A power of {chance} is not possible.",
            value=chance,
            hint="Write a number between 0 and 1, such as 0.8.",
        )
