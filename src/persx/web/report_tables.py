"""The tables of a report's page: arms and segments, each line with its interval on one axis."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from persx.experiments import wording
from persx.experiments.readout import (
    ArmReadout,
    Contrast,
    MetricHeading,
    MetricReadout,
    Readout,
    SegmentReadout,
    Standing,
)
from persx.web.report_axis import Axis, Mark, Span, Tick


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a table: an arm, in everyone or in one segment.

    Attributes:
        group: What its first cell says; `span` lines share that cell, 0 for all but the first.
        base: The control's figures beside which these stand; empty in the control's own line.
        difference: The lift in absolute terms.
        pooled: The lift with what the other segments tell, and its interval.
        standing: What is said of the target, once it can be told.
    """

    group: str
    span: int
    arm: str
    rate: str
    detail: str
    base: str
    base_detail: str
    lift: str
    interval: str
    p: str
    verdict: str
    reason: str
    mark: Mark | None
    difference: str = ""
    pooled: str = ""
    pooled_interval: str = ""
    standing: str = ""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that share an axis.

    Attributes:
        base_label: What arms are compared with, as the column is headed.
        pooled: Whether lines say what the other segments tell.
    """

    title: str
    group_label: str
    rate_label: str
    rows: list[Row]
    ticks: list[Tick]
    zero: float
    base_label: str = "Control"
    pooled: bool = False


def everyone_table(readout: Readout, heading: MetricHeading) -> Table:
    """Return a metric in all arms, the control as a line of its own."""
    axis = Axis(_span(arm.metrics[heading.name]) for arm in readout.arms.values())
    return _table(
        heading,
        axis,
        [
            _row(heading, readout.arms, name, readout.control, axis, span=1)
            for name in readout.arms
        ],
    )  # fmt: skip


def segment_table(
    readout: Readout,
    heading: MetricHeading,
    attribute: str,
    segments: Mapping[str, SegmentReadout],
) -> Table:
    """Return a metric in all segments of an attribute, the control beside the arms.

    Intervals are those that are adjusted for the number of segments.
    """
    axis = Axis(
        _span(arm.metrics[heading.name]) for each in segments.values() for arm in each.arms.values()
    )
    primary = readout.metrics[:1] == [heading]
    general = {reason for pli in readout.pli for reason in pli.withheld}
    rows = []
    for value, segment in segments.items():
        names = [name for name in segment.arms if name != readout.control]
        own = {
            pli.arm: next((each for each in pli.withheld if each not in general), "")
            for pli in segment.pli
            if primary
        }
        rows += [
            _row(
                heading,
                segment.arms,
                name,
                readout.control,
                axis,
                group=value,
                span=0 if place else len(names),
                reason=own.get(name, ""),
            )
            for place, name in enumerate(names)
        ]
    table = _table(heading, axis, rows, group_label=attribute)
    return msgspec.structs.replace(table, pooled=any(row.pooled for row in rows))


def layer_table(
    readout: Readout, heading: MetricHeading, contrasts: list[Contrast]
) -> Table:  # fmt: skip
    """Return a metric layer by layer: each arm beside the one before it."""
    axis = Axis(_span(each.metrics[heading.name]) for each in contrasts if each.metrics)
    rows = []
    for each in contrasts:
        arms = {
            each.over: readout.arms[each.over],
            each.arm: ArmReadout(
                n=readout.arms[each.arm].n,
                metrics=each.metrics or {heading.name: MetricReadout(total=None, rate=None)},
            ),
        }
        if each.metrics:
            rows.append(_row(heading, arms, each.arm, each.over, axis, group=each.over, span=1))
    return _table(heading, axis, rows, group_label="over", base_label="Layer before")


def _table(
    heading: MetricHeading,
    axis: Axis,
    rows: list[Row],
    *,
    group_label: str = "",
    base_label: str = "Control",
) -> Table:
    return Table(
        title=heading.label,
        group_label=group_label,
        base_label=base_label,
        rate_label=heading.rate_label,
        rows=rows,
        ticks=axis.ticks,
        zero=axis.x(0.0),
    )


def _span(metric: MetricReadout) -> Span:
    """Return the interval to believe: the adjusted one where there are several segments."""
    if metric.adjusted is not None:
        return Span(metric.lift, metric.adjusted.low, metric.adjusted.high)
    return Span(metric.lift, metric.low, metric.high)


def _row(
    heading: MetricHeading,
    arms: Mapping[str, ArmReadout],
    name: str,
    control: str,
    axis: Axis,
    *,
    span: int,
    group: str = "",
    reason: str = "",
) -> Row:
    metric, base = (arms[each].metrics[heading.name] for each in (name, control))
    shown, pooled = _span(metric), metric.pooled
    p = metric.p if metric.adjusted is None else metric.adjusted.p
    is_control = name == control
    return Row(
        group=group,
        span=span,
        arm=name,
        detail=wording.per_visitors(heading.kind, metric.total, metric.n, metric.per),
        rate=wording.rate(heading.kind, metric.rate),
        base="" if is_control else wording.rate(heading.kind, base.rate),
        base_detail=wording.per_visitors(heading.kind, base.total, base.n, base.per),
        lift=wording.signed_percent(metric.lift),
        interval=wording.interval(shown.low, shown.high),
        p=wording.p_value(p),
        verdict="control" if is_control else wording.said(shown.low, shown.high, heading.better),
        reason=metric.reason or reason,
        mark=axis.mark(shown),
        difference=wording.difference(heading.kind, metric.difference),
        pooled=wording.signed_percent(pooled.lift) if pooled else "",
        pooled_interval=wording.interval(pooled.low, pooled.high) if pooled else "",
        # What cannot be told yet would stand in every line; the headline says it.
        standing=wording.guard(metric.guard, heading.margin)
        if metric.guard is not None
        else ""
        if metric.standing is Standing.OPEN
        else wording.standing(metric.target, metric.standing),
    )
