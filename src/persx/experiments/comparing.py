"""Comparing: an arm's figure in a metric, its lift over another arm, and what it means."""

from __future__ import annotations

from collections.abc import Sequence

from persx.experiments.figures import Difference, Guard, MetricReadout, Pli, Standing
from persx.experiments.groups import GroupTable
from persx.experiments.metrics import METRICS
from persx.experiments.metrics.kind import MetricKind, Stratum
from persx.experiments.moments import Moments
from persx.experiments.plan import Method, MetricPlan, ReadoutPlan
from persx.experiments.statistics.interval import Lift
from persx.model.clock import iso
from persx.model.target import target_for

INDUSTRY = "industry"
"""The segment attribute whose values have targets of their own."""


def lift_of(
    kind: MetricKind, strata: Sequence[Stratum], *, method: Method, confidence: float
) -> Lift:
    """Return the lift of an arm as often as the method allows to look."""
    compare = kind.compare_always if method is Method.ALWAYS_VALID else kind.compare
    return compare(strata, confidence=confidence)


def metric_readout(
    plan: ReadoutPlan,
    table: GroupTable,
    arm: str,
    control: str,
    metric: MetricPlan,
    lift: Lift | None = None,
) -> MetricReadout:
    """Return a metric of an arm, with its lift over `control` unless it is that arm.

    Args:
        lift: Where it is known already.
    """
    kind = METRICS[metric.kind]
    found = sums_of(table, arm, metric)
    if metric.refused:
        return MetricReadout(total=None, rate=None, n=found.n, reason=metric.refused)
    if arm == control:
        lift = Lift()
    elif lift is None:
        lift = lift_of(
            kind,
            table.strata(arm, control, metric.name),
            method=plan.method,
            confidence=plan.confidence,
        )
    return MetricReadout(
        total=tidy(found.sums[0] if found.sums else 0.0),
        n=found.n,
        per=tidy(found.sums[1]) if kind.divides and found.sums else None,
        rate=kind.rate(found) if found.n else None,
        lift=lift.lift,
        low=lift.low,
        high=lift.high,
        p=lift.p,
        reason=lift.reason,
        method=lift.method,
        difference=_difference(lift, kind.rate(sums_of(table, control, metric))),
        guard=guard(metric, lift) if arm != control else None,
    )


def sums_of(table: GroupTable, arm: str, metric: MetricPlan) -> Moments:
    """Return the sums of a metric in an arm over all epochs."""
    return table.moments(arm, metric.name, table.epochs)


def guard(metric: MetricPlan, lift: Lift) -> Guard | None:
    """Return what an interval says of a guardrail; none where the metric is none."""
    if metric.margin is None:
        return None
    # With less being better, the interval is read from its other end.
    low, high = lift.low, lift.high
    if metric.better == "less":
        low, high = (None if each is None else -each for each in (high, low))
    if lift.p is None:
        return Guard.OPEN
    if high is not None and high < 0:
        return Guard.HARMED
    return Guard.SAFE if low is not None and low > -metric.margin else Guard.OPEN


def _difference(lift: Lift, rate: float | None) -> Difference | None:
    if lift.lift is None or rate is None:
        return None
    return Difference(
        value=lift.lift * rate,
        low=None if lift.low is None else lift.low * rate,
        high=None if lift.high is None else lift.high * rate,
    )


def meant(
    plan: ReadoutPlan, metric: MetricPlan, *, attribute: str = "", value: str = ""
) -> float | None:
    """Return the lift that a metric is meant to reach among these visitors; none for no target."""
    return target_for(
        plan.targets,
        metric.name,
        value if attribute == INDUSTRY else "",
        primary=plan.metrics[0].name,
        default=plan.default_target,
    )


def standing(target: float | None, low: float | None, high: float | None) -> Standing | None:
    """Return what an interval says of a target; none where there is no target.

    >>> [standing(0.15, *each).value for each in [(0.2, 0.4), (0.01, 0.1), (-0.1, 0.4)]]
    ['reached', 'not reached', 'cannot be told yet']
    """
    if target is None:
        return None
    if low is not None and low >= target:
        return Standing.REACHED
    if high is not None and high < target:
        return Standing.NOT_REACHED
    return Standing.OPEN


def pli_of(
    plan: ReadoutPlan,
    table: GroupTable,
    arm: str,
    found: MetricReadout,
    doubts: Sequence[str],
    *,
    as_of: int,
    snapshot: int | None,
) -> Pli:
    """Return the lift of an arm in the primary metric, or why it is not quoted."""
    primary = plan.metrics[0]
    sums, control = (sums_of(table, each, primary) for each in (arm, plan.control))
    too_few = METRICS[primary.kind].too_few(sums, control)
    withheld = [
        reason for reason in (*doubts, primary.refused or too_few or found.reason) if reason
    ]
    figures = MetricReadout(total=None, rate=None) if withheld else found
    return Pli(
        arm=arm,
        metric=primary.name,
        lift=figures.lift,
        low=figures.low,
        high=figures.high,
        p=figures.p,
        total=found.total,
        n=sums.n,
        control_total=None if primary.refused else tidy(control.sums[0] if control.sums else 0.0),
        control_n=control.n,
        withheld=withheld,
        difference=figures.difference,
        adjusted=figures.adjusted,
        pooled=figures.pooled,
        target=found.target,
        standing=Standing.OPEN if withheld and found.standing else found.standing,
        as_of=iso(as_of),
        snapshot=snapshot,
    )


def tidy(total: float) -> int | float:
    """Write counts as whole numbers, and sums without the noise of adding in binary."""
    if float(total).is_integer():
        return int(total)
    return float(f"{total:.12g}")
