"""All experiments in the studio: what each is worth by what is kept; nobody waits for a reading."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from persx.app.all_experiments import ExperimentsRequest, all_experiments
from persx.app.health_record import note_review
from persx.experiments import wording
from persx.experiments.overview import ExperimentLine, in_short
from persx.experiments.readout import Pli
from persx.model.counting import counted
from persx.web.admin.frame import site_name, studio_page
from persx.web.report_axis import Axis, Mark, Span
from persx.web.visitors import services_of


class ArmView(msgspec.Struct, frozen=True, kw_only=True):
    """The lift of an arm, drawn on the axis of all experiments; `withheld` says why not."""

    name: str
    lift: str
    interval: str
    verdict: str
    mark: Mark | None
    withheld: str = ""


class ExperimentView(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment.

    Attributes:
        status: With the winner, where there is one.
        won: It has a winner.
        harmed: Guardrails that are harmed, in sentences.
        note: Why there are no figures.
    """

    name: str
    compares: str
    status: str
    won: bool
    visitors: str = ""
    metric: str = ""
    arms: tuple[ArmView, ...] = ()
    harmed: tuple[str, ...] = ()
    watched: str = ""
    as_of: str = ""
    reading: bool = False
    note: str = ""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Experiments under one heading."""

    key: str
    title: str
    experiments: tuple[ExperimentView, ...]


class ExperimentsView(msgspec.Struct, frozen=True, kw_only=True):
    """The page.

    Attributes:
        summary: All in a sentence.
        harmed: Experiments of which a guardrail is harmed.
        reading: How many are being read.
    """

    name: str
    summary: str = ""
    harmed: tuple[str, ...] = ()
    reading: int = 0
    groups: tuple[Group, ...] = ()


_GROUPS: Final = (("running", "Running"), ("stopped", "Stopped"), ("imported", "From files"))


async def show_experiments(request: Request) -> Response:
    """Show all experiments as they are kept; what is not is read in the background."""
    services = services_of(request)
    await note_review(services)
    found = await all_experiments(services, ExperimentsRequest(oldest=None))
    now = services.clock()
    for each in found.experiments:
        if not each.problem:
            services.readings.asked[each.name] = now
    return studio_page(
        request,
        "admin/experiments.html",
        experiments_view(site_name(request), found.experiments),
    )


def experiments_view(name: str, lines: Sequence[ExperimentLine]) -> ExperimentsView:
    """Arrange the lines of all experiments; those with a harmed guardrail come first."""
    axis = Axis(_spans(lines))
    groups = tuple(
        Group(
            key=status,
            title=title,
            experiments=tuple(
                _experiment(each, axis)
                for each in sorted(lines, key=lambda line: not line.harmed)
                if each.status == status
            ),
        )
        for status, title in _GROUPS
    )
    running = sum(each.status == "running" for each in lines)
    return ExperimentsView(
        name=name,
        summary=f"{counted(len(lines), 'experiment')}, {running} running" if lines else "",
        harmed=tuple(each.name for each in lines if each.harmed),
        reading=sum(not each.read and not each.problem for each in lines),
        groups=tuple(group for group in groups if group.experiments),
    )


def _spans(lines: Iterable[ExperimentLine]) -> Iterable[Span]:
    return (
        Span(pli.lift, pli.low, pli.high)
        for each in lines
        for pli in each.pli
        if not pli.withheld
    )  # fmt: skip


def _experiment(line: ExperimentLine, axis: Axis) -> ExperimentView:
    note = line.problem
    if line.read and not line.pli:
        note = "It has no goal to be judged by."
    watched = ""
    if line.watched and not line.harmed:
        watched = f"{counted(line.watched, 'guardrail')} watched, none harmed"
    return ExperimentView(
        name=line.name,
        compares=line.compares,
        status=f"winner: {line.winner}" if line.winner else line.status,
        won=bool(line.winner),
        visitors="" if line.visitors is None else f"{line.visitors:,}",
        metric=line.metric,
        arms=tuple(_arm(pli, axis) for pli in line.pli),
        harmed=tuple(f"{each.label}, {each.arm}: {each.figure}" for each in line.harmed),
        watched=watched,
        as_of=f"{line.as_of[:16].replace('T', ' ')} UTC" if line.as_of else "",
        reading=not line.read and not line.problem,
        note=note,
    )


def _arm(pli: Pli, axis: Axis) -> ArmView:
    if pli.withheld:
        return ArmView(
            name=pli.arm,
            lift="–",
            interval="",
            verdict="undefined",
            mark=None,
            # The first reason in short; the report has them all.
            withheld=in_short(pli.withheld),
        )
    return ArmView(
        name=pli.arm,
        lift=wording.signed_percent(pli.lift),
        interval=wording.interval(pli.low, pli.high),
        verdict=wording.said(pli.low, pli.high).value,
        mark=axis.mark(Span(pli.lift, pli.low, pli.high)),
    )
