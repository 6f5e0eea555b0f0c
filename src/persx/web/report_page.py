"""The report of an experiment as one self-contained page, without scripts or outside files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from persx.experiments import wording
from persx.experiments.guardrails import guardrails
from persx.experiments.readout import Guard, Method, MetricHeading, Pli, Readout
from persx.model.counting import counted
from persx.model.simulation import SIMULATED_LABEL
from persx.web.report_axis import Axis, Mark, Span
from persx.web.report_tables import Table, everyone_table, layer_table, segment_table
from persx.web.site.views import asset


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """The headline of an arm: its PLI, or why it is withheld, and harmed guardrails."""

    arm: str
    metric: str
    lift: str
    interval: str
    p: str
    verdict: str
    evidence: str
    difference: str
    standing: str
    withheld: list[str]
    harmed: list[str]
    mark: Mark | None


class GuardrailLine(msgspec.Struct, frozen=True, kw_only=True):
    """A guardrail in an arm; `state` is ``harmed``, ``safe`` or ``open``."""

    state: str
    arm: str
    label: str
    said: str
    figure: str


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """The tables of one attribute: the primary metric's first, the others folded away."""

    title: str
    tables: list[Table]


class ReportPage(msgspec.Struct, frozen=True, kw_only=True):
    """All that the template shows.

    Attributes:
        guardrails: What is watched, harmed ones first.
        singles: Against the best single content, in sentences.
        layers: Layer by layer.
    """

    title: str
    eyebrow: str
    summary: str
    facts: list[tuple[str, str]]
    cards: list[Card]
    guardrails: list[GuardrailLine]
    singles: list[str]
    layers: list[Table]
    overall: list[Table]
    sections: list[Section]
    notes: list[str]
    method: str
    simulated: str = ""


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
        guardrails=_guardrails(readout),
        singles=_singles(readout),
        layers=[
            layer_table(readout, heading, readout.layers)
            for heading in readout.metrics
            if any(each.metrics for each in readout.layers)
        ],
        overall=[everyone_table(readout, heading) for heading in readout.metrics],
        sections=[
            Section(
                title=attribute,
                tables=[
                    segment_table(readout, heading, attribute, segments)
                    for heading in readout.metrics
                ],
            )
            for attribute, segments in readout.segments.items()
        ],
        notes=readout.notes,
        method=_method(readout),
        simulated=SIMULATED_LABEL if readout.simulated else "",
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
    if withdrawn := sum(readout.consent.withdrawn.values()):
        facts.append(("Consent taken back", f"{withdrawn:,}"))
    facts.append(
        (
            "Intervals hold",
            "however often you look" if readout.method is Method.ALWAYS_VALID else "for one look",
        )
    )
    return facts


def _cards(readout: Readout, heading: MetricHeading) -> list[Card]:
    """The headlines of all arms, on one axis."""
    axis = Axis(Span(pli.lift, pli.low, pli.high) for pli in readout.pli)
    return [_card(readout, pli, heading, axis) for pli in readout.pli]


def _card(readout: Readout, pli: Pli, heading: MetricHeading, axis: Axis) -> Card:
    return Card(
        arm=pli.arm,
        metric=heading.label,
        lift=wording.signed_percent(pli.lift),
        interval=wording.interval(pli.low, pli.high),
        p=wording.p_value(pli.p),
        verdict=wording.said(pli.low, pli.high),
        evidence=_evidence(readout, pli, heading),
        difference=wording.difference(heading.kind, pli.difference, interval=True),
        standing=wording.standing(pli.target, pli.standing),
        withheld=pli.withheld,
        harmed=[
            f"{each.label} {each.figure}"
            for each in guardrails(readout)
            if each.arm == pli.arm and each.guard is Guard.HARMED
        ],
        mark=axis.mark(Span(pli.lift, pli.low, pli.high)),
    )


def _evidence(readout: Readout, pli: Pli, heading: MetricHeading) -> str:
    """Say what a lift is from: numerators and denominators of both arms."""
    own, control = (readout.arms[name].metrics[heading.name] for name in (pli.arm, readout.control))
    if own.total is None or control.total is None:
        return f"{counted(own.n, 'visitor')}, against {control.n:,} in “{readout.control}”"
    if heading.kind == "ratio":
        return (
            f"{wording.per_visitors('ratio', own.total, own.n, own.per)} of {own.n:,} visitors, "
            f"against {wording.per_visitors('ratio', control.total, control.n, control.per)} "
            f"of {control.n:,} in “{readout.control}”"
        )
    return (
        f"{wording.per_visitors(heading.kind, own.total, own.n)} visitors, against "
        f"{wording.per_visitors(heading.kind, control.total, control.n)} "
        f"in “{readout.control}”"
    )


_STATES: Final = {Guard.HARMED: "harmed", Guard.OPEN: "open", Guard.SAFE: "safe"}


def _guardrails(readout: Readout) -> list[GuardrailLine]:
    """Say what is watched: what is harmed first, then what cannot be told yet."""
    order = list(_STATES)
    return [
        GuardrailLine(
            state=_STATES[each.guard],
            arm=each.arm,
            label=each.label,
            said=wording.guard(each.guard, each.margin).removeprefix("Guardrail: "),
            figure=each.figure,
        )
        for each in sorted(guardrails(readout), key=lambda each: order.index(each.guard))
    ]


def _singles(readout: Readout) -> list[str]:
    """Say how each personalized arm does against the best single content."""
    return [
        f"{each.arm}: {wording.signed_percent(each.lift)} against “{each.best}”, which does best "
        f"of {len(each.among)} shown to everybody ({wording.interval(each.low, each.high)}, "
        f"p {wording.p_value(each.p)})."
        if not each.withheld
        else f"{each.arm}: withheld. {' '.join(each.withheld)}"
        for each in readout.best_single
    ]


def _method(readout: Readout) -> str:
    percent = f"{readout.confidence * 100:g}%"
    always = readout.method is Method.ALWAYS_VALID
    ways: Sequence[tuple[str, str]] = (
        (
            "conversion",
            "conversion rates by a confidence sequence on the share of conversions"
            if always
            else "conversion rates by the score method of Koopman",
        ),
        (
            "mean",
            "means by an asymptotic confidence sequence on the logarithmic scale"
            if always
            else "means on the logarithmic scale",
        ),
        (
            "ratio",
            "ratios of two sums by the same sequence, with the variance of both together"
            if always
            else "ratios of two sums on the logarithmic scale, with the variance of both together",
        ),
    )
    present = {heading.kind for heading in readout.metrics}
    used = [way for kind, way in ways if kind in present]
    looks = (
        "Intervals hold however often you look and whenever you stop."
        if always
        else "The interval is for one look at a time that was fixed in advance."
    )
    segments = (
        " Intervals and p-values of segments are adjusted for the number of segments of their "
        "attribute (false discovery rate); the pooled lift is what a segment tells together with "
        "the others (partial pooling)."
        if readout.segments
        else ""
    )
    return (
        f"Lift is arm ÷ control − 1 with its {percent} interval: {_listed(used)}. "
        f"Interval and p-value come from one inversion, so that p is below "
        f"{1 - readout.confidence:.3g} exactly when the interval excludes 0. {looks}{segments}"
    )


def _listed(parts: Sequence[str]) -> str:
    *most, last = parts or ["as the metric says"]
    return f"{', '.join(most)} and {last}" if most else last
