"""Reporting: the readout of an experiment, imported or live, from one position of the log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from persx.app.kept_sums import CHANGING, KeptSums, definition_of, generation, keep, packed
from persx.app.services import Services, simulation_mark
from persx.app.use_cases import UseCase
from persx.experiments.imported import (
    ImportedExperiment,
    group_query,
    groups,
    readout_plan,
    value_name,
)
from persx.experiments.live import (
    goals_of,
    live_epoch,
    live_experiments,
    live_metrics,
    live_plan,
)
from persx.experiments.log_tables import readout_tables
from persx.experiments.measures import Measures, measures_of
from persx.experiments.observing import mixed_currencies, observed
from persx.experiments.readout import Method, Observed, Readout, ReadoutPlan, read_out
from persx.experiments.sql import query
from persx.experiments.statistics.interval import CONFIDENCE
from persx.model.clock import Millis, iso
from persx.model.counting import counted
from persx.model.errors import NotFound, Unreadable, did_you_mean
from persx.model.workspace import Workspace
from persx.storage.ports import Rows
from persx.storage.scope import System

_SCOPE: Final = System("a report")

_PREFIX: Final = value_name("")


class Window(NamedTuple):
    """Only who entered in [since, until), and what they did before `until`.

    So two windows of equal length can be compared: in both, whoever entered late had little time.
    """

    since: Millis = -(2**62)
    until: Millis = 2**62


EVER: Final = Window()


class ReportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which experiment, and how its intervals shall be.

    Attributes:
        confidence: Confidence of the intervals.
        fixed: A live experiment is looked at once, at a time that was fixed in advance; an
            imported one always is.
    """

    name: str
    confidence: float = CONFIDENCE
    fixed: bool = False


class Observation(NamedTuple):
    """What the log tells of a live experiment, before it is analysed.

    Attributes:
        newest: The last event that was read.
        first: When the first unit of all entered, in the window or before; none where none did.
        tables: The small tables that the queries read beside the events.
        measures: The numbers per visitor that were asked for.
        asked: The parameters of the queries.
    """

    plan: ReadoutPlan
    observed: Observed
    newest: int
    first: Millis | None
    tables: Mapping[str, Rows]
    measures: Measures
    asked: Mapping[str, Any]


class Question(NamedTuple):
    """What a report takes from the data, before they are read.

    Attributes:
        definition: Equal for questions to which equal data give equal answers.
        matures: Time alone changes the answer.
        read: Read the data: what they tell, and the last event that was read.
    """

    plan: ReadoutPlan
    definition: str
    matures: bool
    read: Callable[[], Awaitable[tuple[Observed, int]]]

    @property
    def live(self) -> bool:
        """Whether new events may change the answer."""
        return self.plan.source == "live"


async def report(services: Services, request: ReportRequest) -> Readout:
    """Read out an experiment: an imported one of this name, else one on the site.

    The data are read; the sums are kept for those who need no newer ones.

    Raises:
        NotFound: There is no such experiment.
        BadInput: The confidence is not between 0 and 1.
    """
    question = await ask(services, request)
    sums = await read_anew(services, question)
    return await analysed(services, question.plan, sums.observed())


async def ask(
    services: Services, request: ReportRequest, workspace: Workspace | None = None
) -> Question:
    """Return what a report takes from the data.

    Args:
        workspace: The served one, where it is at hand.

    Raises:
        NotFound: There is no such experiment.
    """
    imported = await imported_experiment(services, request.name)
    if imported is not None:
        return _of_file(services, imported, request.confidence)
    known = [name.removeprefix(_PREFIX) for name in await services.store.values(_PREFIX)]
    if workspace is None and (snapshot := await services.store.snapshot()) is not None:
        workspace = snapshot.workspace
    if workspace is None:
        raise NotFound(
            f"There is no experiment '{request.name}'.",
            value=request.name,
            hint=did_you_mean(request.name, known)
            or "Bring one in with 'persx import experiment', or publish a workspace.",
        )
    return _of_site(services, workspace, request, known)


async def read_anew(services: Services, question: Question) -> KeptSums:
    """Read the data, and keep what is found."""
    before = await generation(services.store)
    as_of, began = services.clock(), time.perf_counter()
    observed, newest = await question.read()
    found = KeptSums(
        definition=question.definition,
        # While somebody is removed nothing is kept.
        generation=CHANGING if before is None else before,
        newest=newest,
        as_of=as_of,
        seconds=time.perf_counter() - began,
        matures=question.matures,
        sums=packed(observed),
    )
    await keep(services.store, question.plan.experiment, found)
    return found


async def analysed(services: Services, plan: ReadoutPlan, observed: Observed) -> Readout:
    """Return the readout of what was found; many segments take a moment of computing."""
    readout = await asyncio.to_thread(read_out, plan, observed)
    if plan.source != "live":
        return readout
    simulated = await simulation_mark(services.store) is not None
    return msgspec.structs.replace(readout, simulated=simulated)


async def imported_experiment(services: Services, name: str) -> ImportedExperiment | None:
    """Return how an imported experiment is described; none where there is none of this name."""
    kept = await services.store.value(value_name(name))
    return None if kept is None else msgspec.json.decode(kept, type=ImportedExperiment)


async def experiment_names(services: Services) -> list[str]:
    """Return the names of all experiments that can be reported: the live ones first."""
    try:
        snapshot = await services.store.snapshot()
    except Unreadable:
        snapshot = None
    live = live_experiments(snapshot.workspace) if snapshot else []
    imported = [name.removeprefix(_PREFIX) for name in await services.store.values(_PREFIX)]
    return [*live, *sorted(set(imported) - set(live))]


def _of_file(services: Services, experiment: ImportedExperiment, confidence: float) -> Question:
    async def read() -> tuple[Observed, int]:
        return await _imported(services, experiment), 0

    plan = readout_plan(experiment, confidence)
    return Question(plan, definition_of("import", experiment), False, read)


async def _imported(services: Services, experiment: ImportedExperiment) -> Observed:
    sql, tables = group_query(experiment)
    answer = await services.warehouse.seen_by(_SCOPE).query(sql, tables=tables)
    found = groups(experiment, answer)
    contaminated, notes = 0, [f"{counted(experiment.rows, 'row')} of {experiment.file}."]
    if experiment.unit is not None:
        answer = await services.warehouse.seen_by(_SCOPE).query(
            query(
                "imported_contamination",
                table=experiment.table,
                unit=experiment.unit,
                arm=experiment.arm,
            )
        )
        contaminated = int(answer.rows[0][1])
        if contaminated:
            notes.append("Units in more than one arm are left out: the file has no time order.")
    notes.append(f"Imported {iso(experiment.imported)}, SHA-256 {experiment.digest[:12]}.")
    return Observed(groups=found, as_of=experiment.imported, contaminated=contaminated, notes=notes)


def _of_site(
    services: Services, workspace: Workspace, request: ReportRequest, known: list[str]
) -> Question:
    plan = live_plan(
        workspace,
        request.name,
        request.confidence,
        method=Method.FIXED if request.fixed else Method.ALWAYS_VALID,
        known=known,
    )

    async def read() -> tuple[Observed, int]:
        found = await observe(services, workspace, plan)
        return found.observed, found.newest

    metrics = live_metrics(workspace, plan.experiment)
    goals = goals_of(workspace, metrics)
    measures = measures_of(metrics, goals)
    # All that `observe` takes but the log, the identities and the time.
    definition = definition_of(
        plan.experiment,
        live_epoch(workspace, plan.experiment),
        readout_tables(workspace, plan, goals, measures, {}),
        measures.recipes,
        measures.products,
        measures.waits,
        measures.extra,
        measures.query(),
        query("live_units"),
        query("live_money"),
        workspace.settings.currency,
    )
    return Question(plan, definition, bool(measures.waits), read)


async def observe(
    services: Services, workspace: Workspace, plan: ReadoutPlan, window: Window = EVER
) -> Observation:
    """Return what the log tells of an experiment, of all time or of a window."""
    metrics = live_metrics(workspace, plan.experiment)
    goals = goals_of(workspace, metrics)
    measures = measures_of(metrics, goals)
    tables = readout_tables(
        workspace, plan, goals, measures, await services.store.seen_by(_SCOPE).bucketing_ids()
    )
    as_of = min(services.clock(), window.until)
    asked = {"experiment": plan.experiment, "now": as_of, **window._asdict()}
    asked |= measures.parameters()
    asked["convert"] = bool(workspace.settings.currency)
    queries = [query("live_units"), measures.query()]
    if measures.extra["unpriced"] and not asked["convert"]:
        queries.append(query("live_money"))
    about, found, *money = await services.warehouse.seen_by(_SCOPE).query_together(
        queries, asked, tables=tables
    )
    newest = int(about.rows[0][-1] or 0)
    seen = observed(
        measures,
        goals,
        about=about,
        groups=found,
        as_of=as_of,
        epoch=live_epoch(workspace, plan.experiment),
        refused=mixed_currencies(money[0]) if money else {},
    )
    first = seen.first_exposure
    if first is not None and first < window.since:
        seen = msgspec.structs.replace(seen, first_exposure=window.since)
    return Observation(plan, seen, newest, first, tables, measures, asked)


REPORT: Final = UseCase("report", ReportRequest, Readout, report, writes=False)
