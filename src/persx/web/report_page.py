"""The report of an experiment as one self-contained page, without scripts or outside files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from persx.experiments import wording
from persx.experiments.readout import ArmReadout, MetricHeading, MetricReadout, Pli, Readout
from persx.experiments.wording import verdict
from persx.model.counting import counted
from persx.web.site.views import asset

_FARTHEST_LOW: Final = -0.9
_FARTHEST_HIGH: Final = 9.0
"""Axes end here at most; an interval that goes on has an arrow."""

_TICKS: Final = (-0.9, -0.8, -0.65, -0.5, -0.35, -0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.25, 0.5, 1.0,
                 2.0, 4.0, 9.0)  # fmt: skip
_MARGIN: Final = 3.0
_LEAST_GAP: Final = 14.0
"""Per cent of the axis between two labels, so that they never run into each other."""


class Tick(msgspec.Struct, frozen=True):
    """A labelled place on an axis; `x` is per cent of its width."""

    x: float
    label: str


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """An interval on an axis, in per cent of its width.

    Attributes:
        x: Where the estimate is; none where it is undefined or off the axis.
        off_left, off_right: The interval goes on beyond the axis.
        zero: Where no difference is.
    """

    low: float
    high: float
    x: float | None
    off_left: bool
    off_right: bool
    zero: float


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a table: an arm, in everyone or in one segment.

    Attributes:
        group: What its first cell says; `span` lines share that cell, 0 for all but the first.
        base: The control's figures beside which these stand; empty in the control's own line.
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


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that share an axis."""

    title: str
    group_label: str
    rate_label: str
    rows: list[Row]
    ticks: list[Tick]
    zero: float


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """The headline of an arm: its PLI, or why it is withheld."""

    arm: str
    metric: str
    lift: str
    interval: str
    p: str
    verdict: str
    evidence: str
    withheld: list[str]
    mark: Mark | None


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """The tables of one attribute: the primary metric's first, the others folded away."""

    title: str
    tables: list[Table]


class ReportPage(msgspec.Struct, frozen=True, kw_only=True):
    """All that the template shows."""

    title: str
    eyebrow: str
    summary: str
    facts: list[tuple[str, str]]
    cards: list[Card]
    overall: list[Table]
    sections: list[Section]
    notes: list[str]
    method: str


class _Axis:
    """A logarithmic scale, on which doubling and halving are equally far from 0."""

    def __init__(self, metrics: Iterable[MetricReadout]) -> None:
        low, high = -0.1, 0.1
        for metric in metrics:
            if metric.low is not None:
                # An interval without an upper end gets room for its arrow.
                top = 2 * (1 + metric.low) - 1 if metric.high is None else metric.high
                ends = [metric.low, top, metric.lift]
                low = min([low, *(end for end in ends if end is not None)])
                high = max([high, *(end for end in ends if end is not None)])
        self.low, self.high = max(low, _FARTHEST_LOW), min(high, _FARTHEST_HIGH)

    def x(self, lift: float) -> float:
        share = (math.log1p(lift) - math.log1p(self.low)) / (
            math.log1p(self.high) - math.log1p(self.low)
        )
        return round(_MARGIN + share * (100 - 2 * _MARGIN), 2)

    @property
    def ticks(self) -> list[Tick]:
        """0, and as many labels to both sides as have room."""
        places = [Tick(self.x(0.0), "0%")]
        for tick in sorted(_TICKS, key=abs, reverse=True):
            if self.low <= tick <= self.high:
                x = self.x(tick)
                if all(abs(x - place.x) >= _LEAST_GAP for place in places):
                    places.append(Tick(x, wording.signed_percent(tick).replace(".0", "")))
        return sorted(places, key=lambda place: place.x)

    def mark(self, metric: MetricReadout) -> Mark | None:
        if metric.low is None:
            return None
        high = math.inf if metric.high is None else metric.high
        lift = metric.lift
        return Mark(
            low=self.x(min(max(metric.low, self.low), self.high)),
            high=self.x(max(min(high, self.high), self.low)),
            x=self.x(lift) if lift is not None and self.low <= lift <= self.high else None,
            off_left=metric.low < self.low,
            off_right=high > self.high,
            zero=self.x(0.0),
        )


def render_report(readout: Readout, *, studio: str = "") -> str:
    """Return the whole HTML page of a report.

    Args:
        studio: The workspace's name, where the page is shown in its studio and shall lead back
            to it; empty for a file, which leads nowhere.
    """
    environment = Environment(
        loader=PackageLoader("persx.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = asset
    return environment.get_template("report/page.html").render(
        page=report_page(readout), studio=studio
    )


def report_page(readout: Readout) -> ReportPage:
    """Arrange a readout for the template."""
    live = readout.source == "live"
    arms = len(readout.arms)
    primary = readout.metrics[:1]
    return ReportPage(
        title=readout.experiment,
        eyebrow="Live experiment" if live else "Imported experiment",
        summary=(
            f"{counted(readout.visitors, 'visitor')} in {arms} arms, "
            f"compared with {readout.comparator}."
        ),
        facts=_facts(readout),
        cards=[card for heading in primary for card in _cards(readout, heading)],
        overall=[_table(readout, heading, "", {"": readout.arms}) for heading in readout.metrics],
        sections=[
            Section(
                title=attribute,
                tables=[
                    _table(
                        readout,
                        heading,
                        attribute,
                        {value: segment.arms for value, segment in segments.items()},
                    )
                    for heading in readout.metrics
                ],
            )
            for attribute, segments in readout.segments.items()
        ],
        notes=readout.notes,
        method=_method(readout),
    )


def _facts(readout: Readout) -> list[tuple[str, str]]:
    def moment(text: str) -> str:
        return text[:16].replace("T", " ") + " UTC"

    facts = [("As of", moment(readout.as_of))]
    if readout.first_exposure:
        facts.append(("First visitor", moment(readout.first_exposure)))
    if readout.snapshot is not None:
        facts.append(("Snapshot", str(readout.snapshot)))
    srm = readout.srm
    if srm.p is None:
        check = srm.reason
    else:
        found = "does not fit" if srm.mismatch else "fits"
        planned = "equal shares" if srm.assumed else "the plan"
        check = f"{found} {planned} (p = {wording.p_value(srm.p)})".replace("= <", "< ")
    facts.append(("Split of visitors", check))
    facts.append(("In two arms", f"{readout.contaminated:,}"))
    return facts


def _cards(readout: Readout, heading: MetricHeading) -> list[Card]:
    """The headlines of all arms, on one axis."""
    quoted = {
        pli.arm: MetricReadout(
            total=pli.total, rate=None, lift=pli.lift, low=pli.low, high=pli.high, p=pli.p
        )
        for pli in readout.pli
    }
    axis = _Axis(quoted.values())
    return [_card(readout, pli, heading, quoted[pli.arm], axis) for pli in readout.pli]


def _card(
    readout: Readout, pli: Pli, heading: MetricHeading, metric: MetricReadout, axis: _Axis
) -> Card:
    return Card(
        arm=pli.arm,
        metric=heading.label,
        lift=wording.signed_percent(pli.lift),
        interval=wording.interval(pli.low, pli.high),
        p=wording.p_value(pli.p),
        verdict=verdict(metric),
        evidence=(
            f"{wording.per_visitors(heading.kind, pli.total, pli.n)} visitors, against "
            f"{wording.per_visitors(heading.kind, pli.control_total, pli.control_n)} "
            f"in “{readout.control}”"
        ),
        withheld=pli.withheld,
        mark=axis.mark(metric),
    )


def _table(
    readout: Readout,
    heading: MetricHeading,
    attribute: str,
    groups: Mapping[str, Mapping[str, ArmReadout]],
) -> Table:
    axis = _Axis(arm.metrics[heading.name] for arms in groups.values() for arm in arms.values())
    rows: list[Row] = []
    for value, arms in groups.items():
        # Everyone's table has the control as a line of its own, a segment's beside the arms.
        names = [name for name in arms if not attribute or name != readout.control]
        rows += [
            _row(readout, heading, value, arms, name, axis, 0 if place else len(names))
            for place, name in enumerate(names)
        ]
    return Table(
        title=heading.label,
        group_label=attribute,
        rate_label=heading.rate_label,
        rows=rows,
        ticks=axis.ticks,
        zero=axis.x(0.0),
    )


def _row(
    readout: Readout,
    heading: MetricHeading,
    value: str,
    arms: Mapping[str, ArmReadout],
    name: str,
    axis: _Axis,
    span: int,
) -> Row:
    metric, control = (arms[each].metrics[heading.name] for each in (name, readout.control))
    is_control = name == readout.control
    return Row(
        group=value,
        span=span,
        arm=name,
        detail=wording.per_visitors(heading.kind, metric.total, arms[name].n),
        rate=wording.rate(heading.kind, metric.rate),
        base="" if is_control else wording.rate(heading.kind, control.rate),
        base_detail=wording.per_visitors(heading.kind, control.total, arms[readout.control].n),
        lift=wording.signed_percent(metric.lift),
        interval=wording.interval(metric.low, metric.high),
        p=wording.p_value(metric.p),
        verdict="control" if is_control else verdict(metric),
        reason=metric.reason,
        mark=axis.mark(metric),
    )


def _method(readout: Readout) -> str:
    percent = f"{readout.confidence * 100:g}%"
    ways: Sequence[str] = [
        "conversion rates by the score method of Koopman",
        "means on the logarithmic scale",
    ]
    present = {heading.kind for heading in readout.metrics}
    used = [way for way, kind in zip(ways, ("conversion", "mean"), strict=True) if kind in present]
    return (
        f"Lift is arm ÷ control − 1 with its {percent} interval: {' and '.join(used)}. "
        f"Interval and p-value come from one inversion, so that p is below "
        f"{1 - readout.confidence:.3g} exactly when the interval excludes 0. The interval is for "
        "one look at a time that was fixed in advance."
    )
