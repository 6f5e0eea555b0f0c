"""Reporting: the readout of an experiment, imported or live, from one position of the log."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

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
    live_epoch,
    live_experiments,
    live_goals,
    live_plan,
    live_tables,
    observed,
)
from persx.experiments.readout import Method, Observed, Readout, read_out
from persx.experiments.sql import query
from persx.experiments.statistics.interval import CONFIDENCE
from persx.model.clock import iso
from persx.model.counting import counted
from persx.model.errors import NotFound, Unreadable, did_you_mean
from persx.model.workspace import Workspace
from persx.storage.scope import System

_SCOPE: Final = System("a report")

_PREFIX: Final = value_name("")


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


async def report(services: Services, request: ReportRequest) -> Readout:
    """Read out an experiment: an imported one of this name, else one on the site.

    Raises:
        NotFound: There is no such experiment.
        BadInput: The confidence is not between 0 and 1.
    """
    kept = await services.store.value(value_name(request.name))
    if kept is not None:
        return await _imported(
            services, msgspec.json.decode(kept, type=ImportedExperiment), request.confidence
        )
    known = [name.removeprefix(_PREFIX) for name in await services.store.values(_PREFIX)]
    snapshot = await services.store.snapshot()
    if snapshot is None:
        raise NotFound(
            f"There is no experiment '{request.name}'.",
            value=request.name,
            hint=did_you_mean(request.name, known)
            or "Bring one in with 'persx import experiment', or publish a workspace.",
        )
    return await _live(services, snapshot.workspace, request, known)


async def experiment_names(services: Services) -> list[str]:
    """Return the names of all experiments that can be reported: the live ones first."""
    try:
        snapshot = await services.store.snapshot()
    except Unreadable:
        snapshot = None
    live = live_experiments(snapshot.workspace) if snapshot else []
    imported = [name.removeprefix(_PREFIX) for name in await services.store.values(_PREFIX)]
    return [*live, *sorted(set(imported) - set(live))]


async def _imported(
    services: Services, experiment: ImportedExperiment, confidence: float
) -> Readout:
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
    return await asyncio.to_thread(
        read_out,
        readout_plan(experiment, confidence),
        Observed(
            groups=found,
            as_of=experiment.imported,
            contaminated=contaminated,
            notes=notes,
        ),
    )


async def _live(
    services: Services, workspace: Workspace, request: ReportRequest, known: list[str]
) -> Readout:
    plan = live_plan(
        workspace,
        request.name,
        request.confidence,
        method=Method.FIXED if request.fixed else Method.ALWAYS_VALID,
        known=known,
    )
    goals = live_goals(workspace, request.name)
    tables = live_tables(plan, goals, await services.store.seen_by(_SCOPE).bucketing_ids())
    as_of = services.clock()
    asked = {"experiment": request.name}
    units = await services.warehouse.seen_by(_SCOPE).query(
        query("live_units"), asked, tables=tables
    )
    # All queries stop at the same event, so that counts and notes speak of the same log.
    newest = int(units.rows[0][-1] or 0)
    found, withdrawn = [
        await services.warehouse.seen_by(_SCOPE).query(
            query(name), asked, tables=tables, as_of=newest
        )
        for name in ("live_groups", "live_consent")
    ]
    # Many segments take a moment of computing, in which visitors shall not wait.
    readout = await asyncio.to_thread(
        read_out,
        plan,
        observed(
            goals,
            units=units,
            groups=found,
            withdrawn=withdrawn,
            as_of=as_of,
            epoch=live_epoch(workspace, request.name),
        ),
    )
    simulated = await simulation_mark(services.store) is not None
    return msgspec.structs.replace(readout, simulated=simulated)


REPORT: Final = UseCase("report", ReportRequest, Readout, report, writes=False)
