"""What a readout says: arms, segments and lifts, as `persx report --json` prints them."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from persx.experiments.plan import Method
from persx.experiments.statistics.srm import RatioCheck


class Standing(StrEnum):
    """What an interval says of a target."""

    REACHED = "reached"
    NOT_REACHED = "not reached"
    OPEN = "cannot be told yet"


class Guard(StrEnum):
    """What an interval says of a guardrail."""

    HARMED = "harmed"
    """The whole interval is on the side that is not meant."""
    SAFE = "safe"
    """No loss as large as the margin is in the interval."""
    OPEN = "cannot be told yet"


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A lift with its interval; p is below 1 − confidence exactly when the interval excludes 0."""

    lift: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None


class Adjusted(msgspec.Struct, frozen=True, kw_only=True):
    """An interval that is adjusted for the number of segments.

    Of the segments of one attribute that are `found`, at most the share 1 − confidence is so by
    chance, on average; `p` is below it exactly when the interval excludes 0.
    """

    low: float | None
    high: float | None
    p: float | None
    found: bool


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """By how much the arm's rate is above the control's, in the metric's unit per visitor.

    It is the lift and its interval times the control's rate, so that both agree about 0.
    """

    value: float
    low: float | None
    high: float | None


class MetricReadout(msgspec.Struct, frozen=True, kw_only=True):
    """A metric in an arm. The control's lift is none: it is what others are compared with.

    Attributes:
        total: Visitors who converted, or the sum of the metric; none where it is refused.
        n: Visitors who are looked at: of a metric within a time, those whose time is over.
        per: In a ratio, what `total` is divided by.
        rate: `total` per visitor, or by `per`; none where there is nothing to divide by.
        lift, low, high, p: See `Lift`; a segment's are as if there were no other segment.
        reason: Why one of them is undefined.
        method: Name of the method of interval and p.
        difference: The same in absolute terms.
        adjusted: In segments: the interval adjusted for their number.
        pooled: In segments: with what the other segments tell.
        target: The lift that is meant to be reached, if any.
        standing: Whether it is.
        guard: Of a guardrail, whether it holds.
    """

    total: int | float | None
    rate: float | None
    n: int = 0
    per: int | float | None = None
    lift: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    reason: str = ""
    method: str = ""
    difference: Difference | None = None
    adjusted: Adjusted | None = None
    pooled: Estimate | None = None
    target: float | None = None
    standing: Standing | None = None
    guard: Guard | None = None


class ArmReadout(msgspec.Struct, frozen=True, kw_only=True):
    """An arm: its visitors and, by name, its metrics."""

    n: int
    metrics: dict[str, MetricReadout]


class Pli(msgspec.Struct, frozen=True, kw_only=True):
    """The Personalization Lift Index of an arm: its lift in the primary metric.

    Withheld, with every reason in `withheld`, where quoting it would mislead; the figures are
    none then. Numerators and denominators stand beside it, when the data were read, and the
    newest snapshot that they belong to. The other fields are those of `MetricReadout`.
    """

    arm: str
    metric: str
    lift: float | None
    low: float | None
    high: float | None
    p: float | None
    total: int | float | None
    n: int
    control_total: int | float | None
    control_n: int
    withheld: list[str] = []
    difference: Difference | None = None
    adjusted: Adjusted | None = None
    pooled: Estimate | None = None
    target: float | None = None
    standing: Standing | None = None
    as_of: str = ""
    snapshot: int | None = None


class SegmentReadout(msgspec.Struct, frozen=True, kw_only=True):
    """The visitors with one value of an attribute, by arm.

    Attributes:
        pli: One for each arm but the control.
        srm: Whether the visitor counts fit the plan, corrected for the number of segments.
    """

    arms: dict[str, ArmReadout]
    pli: list[Pli] = []
    srm: RatioCheck = RatioCheck()


class MetricHeading(msgspec.Struct, frozen=True, kw_only=True):
    """A metric as it was analysed; the last two are those of `MetricPlan`."""

    name: str
    kind: str
    label: str
    rate_label: str
    better: Literal["more", "less"] = "more"
    margin: float | None = None


class Contrast(msgspec.Struct, frozen=True, kw_only=True):
    """An arm compared with another one than the control, by metric.

    `withheld` says why the comparison would mislead; the lifts are none then.
    """

    arm: str
    over: str
    metrics: dict[str, MetricReadout]
    withheld: list[str] = []


class BestSingle(msgspec.Struct, frozen=True, kw_only=True):
    """An arm compared with the best of those that give everybody the same one content.

    `best` is the one that looks best in the data. The interval holds whichever of `among` is
    truly the best: its lower end is the lowest of all comparisons, each adjusted for their number.
    """

    arm: str
    metric: str
    best: str
    among: list[str]
    lift: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    withheld: list[str] = []


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """Whether visitors of the arms took their consent back alike after they entered.

    Attributes:
        withdrawn: Visitors by arm who did.
        p: p-value of "alike", the smallest of all arms against the control, corrected for their
            number; none where nobody did.
        differs: Whether `p` is below one in a thousand.
    """

    withdrawn: dict[str, int] = {}
    p: float | None = None
    differs: bool = False


class Readout(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment's analysis, as `persx report --json` prints it.

    Attributes:
        method: ``always_valid`` where it may be looked at every day, ``fixed`` for one look.
        arms: All arms by name, the control first.
        segments: Attribute → value → the same per arm.
        pli: One for each arm but the control.
        srm: Whether the visitor counts fit the planned weights.
        contaminated: Units seen in more than one arm.
        consent: Whether consent was taken back alike in all arms.
        layers: Where each arm adds a layer: each one against the one before it.
        best_single: Against the best single content, where arms give it to everybody.
        epochs: The epochs that were found; with several, lifts are stratified by epoch.
        as_of, first_exposure: ISO 8601 in UTC.
        simulated: Visitors among these were simulated: the figures say nothing of people.
    """

    experiment: str
    source: str
    control: str
    comparator: str
    confidence: float
    metrics: list[MetricHeading]
    arms: dict[str, ArmReadout]
    segments: dict[str, dict[str, SegmentReadout]]
    pli: list[Pli]
    srm: RatioCheck
    contaminated: int
    epochs: list[int]
    as_of: str
    first_exposure: str | None
    snapshot: int | None
    notes: list[str]
    simulated: bool = False
    method: Method = Method.FIXED
    consent: Consent = Consent()
    layers: list[Contrast] = []
    best_single: list[BestSingle] = []

    @property
    def visitors(self) -> int:
        """Visitors of all arms."""
        return sum(arm.n for arm in self.arms.values())
