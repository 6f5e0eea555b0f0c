"""The readout: from aggregates of arms and segments to lifts with intervals, pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from persx.experiments.groups import Group, GroupTable
from persx.experiments.metrics import METRICS
from persx.experiments.moments import Moments
from persx.experiments.statistics.interval import CONFIDENCE, Lift
from persx.experiments.statistics.srm import RatioCheck, sample_ratio
from persx.model.clock import DAY, Millis, iso
from persx.model.counting import counted

WEEK: Final = 7 * DAY

CONTAMINATION_ALARM: Final = 0.01
"""From this share of visitors in two arms on, the comparison is blurred."""


class MetricPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A metric that the readout analyses; `kind` is a name of the `METRICS` registry."""

    name: str
    kind: str
    label: str = ""


class ReadoutPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared with what, said before the data are looked at.

    Attributes:
        comparator: What the control is, in words; every lift is relative to it.
        weights: Planned share of each arm in the current epoch, the control among them.
        weights_assumed: The weights were not stated but taken to be equal.
        metrics: The first one is the primary metric, in which PLI is quoted.
    """

    experiment: str
    source: str
    control: str
    comparator: str
    weights: Mapping[str, float]
    weights_assumed: bool = False
    metrics: Sequence[MetricPlan] = ()
    confidence: float = CONFIDENCE


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What a source found.

    Attributes:
        contaminated: Units that were seen in more than one arm.
        as_of: When the data were read.
        first_exposure: When the first unit entered; none for an imported file.
        snapshot: The newest snapshot that an exposure came from.
        epoch: The current epoch, whose split the planned weights describe.
        notes: What the source wants said beside the figures.
    """

    groups: Sequence[Group]
    as_of: Millis
    contaminated: int = 0
    first_exposure: Millis | None = None
    snapshot: int | None = None
    epoch: int = 1
    notes: Sequence[str] = ()


class MetricReadout(msgspec.Struct, frozen=True, kw_only=True):
    """A metric in an arm. The control's lift is none: it is what others are compared with.

    Attributes:
        total: Visitors who converted, or the sum of the metric.
        rate: `total` per visitor; none where there are no visitors.
        lift, low, high, p: See `Lift`.
        reason: Why one of them is undefined.
    """

    total: int | float
    rate: float | None
    lift: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    reason: str = ""


class ArmReadout(msgspec.Struct, frozen=True, kw_only=True):
    """An arm: its visitors and, by name, its metrics."""

    n: int
    metrics: dict[str, MetricReadout]


class SegmentReadout(msgspec.Struct, frozen=True, kw_only=True):
    """The visitors with one value of an attribute, by arm."""

    arms: dict[str, ArmReadout]


class MetricHeading(msgspec.Struct, frozen=True, kw_only=True):
    """A metric as it was analysed."""

    name: str
    kind: str
    label: str
    rate_label: str


class Pli(msgspec.Struct, frozen=True, kw_only=True):
    """The Personalization Lift Index of an arm: its lift in the primary metric.

    Withheld, with every reason in `withheld`, where quoting it would mislead; the figures are
    none then. Numerators and denominators stand beside it.
    """

    arm: str
    metric: str
    lift: float | None
    low: float | None
    high: float | None
    p: float | None
    total: int | float
    n: int
    control_total: int | float
    control_n: int
    withheld: list[str] = []


class Readout(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment's analysis, as `persx report --json` prints it.

    Attributes:
        arms: All arms by name, the control first.
        segments: Attribute → value → the same per arm.
        pli: One for each arm but the control.
        srm: Whether the visitor counts fit the planned weights.
        contaminated: Units seen in more than one arm.
        epochs: The epochs that were found; with several, lifts are stratified by epoch.
        as_of, first_exposure: ISO 8601 in UTC.
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

    @property
    def visitors(self) -> int:
        """Visitors of all arms."""
        return sum(arm.n for arm in self.arms.values())


def read_out(plan: ReadoutPlan, observed: Observed) -> Readout:
    """Analyse an experiment.

    Visitors of arms that the plan does not know are left out. Where there are several epochs,
    each metric kind combines the epochs' comparisons, never their totals: a moved split must not
    look like an effect.

    Raises:
        NotFound: A metric's kind is not registered.
    """
    headings = [
        MetricHeading(
            name=metric.name,
            kind=metric.kind,
            label=metric.label or metric.name,
            rate_label=METRICS[metric.kind].rate_label,
        )
        for metric in plan.metrics
    ]
    names = [plan.control, *(arm for arm in plan.weights if arm != plan.control)]
    tables: dict[tuple[str, str], GroupTable] = {("", ""): GroupTable()}
    for group in observed.groups:
        if group.arm in names:
            tables.setdefault((group.attribute, group.segment), GroupTable()).add(group)
    everyone = tables[("", "")]
    segments: dict[str, dict[str, SegmentReadout]] = {}
    for (attribute, value), table in tables.items():
        if attribute:
            arms = _arms(plan, names, table)
            segments.setdefault(attribute, {})[value] = SegmentReadout(arms=arms)
    arms = _arms(plan, names, everyone)
    srm = sample_ratio(
        {name: everyone.visitors(name, observed.epoch) for name in names},
        plan.weights,
        assumed=plan.weights_assumed,
    )
    doubts = _doubts(plan, observed, srm, sum(arm.n for arm in arms.values()))
    return Readout(
        experiment=plan.experiment,
        source=plan.source,
        control=plan.control,
        comparator=plan.comparator,
        confidence=plan.confidence,
        metrics=headings,
        arms=arms,
        segments=segments,
        pli=[_pli(plan, everyone, arms, name, doubts) for name in names[1:] if plan.metrics],
        srm=srm,
        contaminated=observed.contaminated,
        epochs=everyone.epochs,
        as_of=iso(observed.as_of),
        first_exposure=None if observed.first_exposure is None else iso(observed.first_exposure),
        snapshot=observed.snapshot,
        notes=[*observed.notes, *_notes(plan, observed, srm, everyone, segments)],
    )


def _arms(plan: ReadoutPlan, names: Sequence[str], table: GroupTable) -> dict[str, ArmReadout]:
    return {
        name: ArmReadout(
            n=table.visitors(name),
            metrics={metric.name: _metric(plan, table, name, metric) for metric in plan.metrics},
        )
        for name in names
    }


def _metric(plan: ReadoutPlan, table: GroupTable, arm: str, metric: MetricPlan) -> MetricReadout:
    found = table.aggregate(arm, metric.name, table.epochs)
    lift = Lift()
    if arm != plan.control:
        lift = METRICS[metric.kind].compare(
            table.strata(arm, plan.control, metric.name), confidence=plan.confidence
        )
    return MetricReadout(
        total=_tidy(found.total),
        rate=found.mean if found.n else None,
        lift=lift.lift,
        low=lift.low,
        high=lift.high,
        p=lift.p,
        reason=lift.reason,
    )


def _tidy(total: float) -> int | float:
    """Write counts as whole numbers, and sums without the noise of adding in binary."""
    if float(total).is_integer():
        return int(total)
    return float(f"{total:.12g}")


def _pli(
    plan: ReadoutPlan,
    table: GroupTable,
    arms: Mapping[str, ArmReadout],
    name: str,
    doubts: Sequence[str],
) -> Pli:
    primary = plan.metrics[0]
    arm, control = (
        table.aggregate(each, primary.name, table.epochs) for each in (name, plan.control)
    )
    found = arms[name].metrics[primary.name]
    too_few = METRICS[primary.kind].too_few(
        Moments.from_aggregate(arm), Moments.from_aggregate(control)
    )
    withheld = [reason for reason in (*doubts, too_few or found.reason) if reason]
    return Pli(
        arm=name,
        metric=primary.name,
        lift=None if withheld else found.lift,
        low=None if withheld else found.low,
        high=None if withheld else found.high,
        p=None if withheld else found.p,
        total=_tidy(arm.total),
        n=arm.n,
        control_total=_tidy(control.total),
        control_n=control.n,
        withheld=withheld,
    )


def _doubts(plan: ReadoutPlan, observed: Observed, srm: RatioCheck, visitors: int) -> list[str]:
    """Why no figure of this experiment should be quoted now."""
    doubts = []
    if srm.mismatch and not srm.assumed:
        doubts.append(
            f"The arms' visitor counts do not fit their planned shares (p = {srm.p:.1e}): "
            "some visitors were lost or counted twice. Find out why before reading any lift."
        )
    if visitors and observed.contaminated / visitors > CONTAMINATION_ALARM:
        doubts.append(
            f"{observed.contaminated:,} of {counted(visitors, 'visitor')} seen in more than one "
            "arm."
        )
    start = observed.first_exposure
    if plan.source == "live" and (start is None or observed.as_of - start < WEEK):
        doubts.append(
            "A whole week has not passed since the first visitor entered: "
            "days of the week differ, so wait for seven."
        )
    return doubts


def _notes(
    plan: ReadoutPlan,
    observed: Observed,
    srm: RatioCheck,
    everyone: GroupTable,
    segments: Mapping[str, Mapping[str, SegmentReadout]],
) -> list[str]:
    notes = []
    if srm.assumed and srm.mismatch:
        notes.append(
            f"The arms are not equally large (p = {srm.p:.1e}). If they were planned so, "
            "something is wrong; if not, state the planned shares with --weight ARM=SHARE."
        )
    for arm, n in srm.left_out.items():
        notes.append(f"Arm '{arm}' has weight 0 but {counted(n, 'visitor')} from earlier.")
    if observed.contaminated:
        rule = "; each counts with the arm of its first exposure" if plan.source == "live" else ""
        notes.append(f"{counted(observed.contaminated, 'unit')} seen in more than one arm{rule}.")
    if len(everyone.epochs) > 1:
        notes.append(
            f"{len(everyone.epochs)} epochs: lifts are stratified by epoch, "
            "so they are not the quotient of the totals shown."
        )
    comparisons = (
        sum(len(values) for values in segments.values())
        * (len(plan.weights) - 1)
        * len(plan.metrics)
    )
    if comparisons > 1:
        by_chance = comparisons * (1 - plan.confidence)
        notes.append(
            f"{comparisons} segment comparisons, not adjusted for their number: about "
            f"{by_chance:.1f} intervals would exclude 0 by chance alone."
        )
    return notes
