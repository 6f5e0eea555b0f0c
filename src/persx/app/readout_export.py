"""Exporting a readout: its units without ids, the SQL, the snapshot and seed, and a script."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from typing import Any, Final

import msgspec

from persx.app.readout_folder import Folder, Manifest, UnitsFile
from persx.app.reports import (
    Observation,
    ReportRequest,
    imported_experiment,
    observe,
    report,
)
from persx.app.services import Services, simulation_mark
from persx.app.use_cases import Noted, UseCase
from persx.experiments.imported import (
    ImportedExperiment,
    readout_plan,
    row_columns,
    row_query,
)
from persx.experiments.live import live_epoch, live_plan
from persx.experiments.measures import Recipe
from persx.experiments.metrics import METRICS
from persx.experiments.readout import Method, Readout, ReadoutPlan, read_out, refusing
from persx.experiments.statistics.interval import CONFIDENCE
from persx.model.block_holdout import block_holdouts
from persx.model.clock import DAY
from persx.model.learning import learning_block
from persx.model.workspace import HOLDOUT, Snapshot, Workspace
from persx.storage.scope import System

_SCOPE: Final = System("exporting a readout")
OTHER: Final = "(other)"
UNKNOWN: Final = "(unknown)"


class ReadoutExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which experiment, how its intervals shall be, and the folder that takes the files.

    Attributes:
        fixed: As in `ReportRequest`.
    """

    name: str
    folder: str
    confidence: float = CONFIDENCE
    fixed: bool = False


class ReadoutExported(msgspec.Struct, frozen=True, kw_only=True):
    """What was written."""

    folder: str
    units: int
    files: tuple[str, ...]


async def export_readout(services: Services, request: ReadoutExportRequest) -> ReadoutExported:
    """Write a readout with everything that it takes to compute it anew.

    Raises:
        NotFound: There is no such experiment.
        BadInput: The folder holds something else, or cannot be written.
    """
    folder = Folder(request.folder)
    imported = await imported_experiment(services, request.name)
    if imported is not None:
        return await _export_imported(services, folder, request, imported)
    snapshot = await services.store.snapshot()
    if snapshot is None:
        # It says that there is no such experiment, and what there is.
        await report(services, ReportRequest(name=request.name))
        raise AssertionError("unreachable")
    return await _export_live(services, folder, request, snapshot)


def _seed(workspace: Workspace, key: str) -> str:
    if key == HOLDOUT and key not in workspace.experiments:
        return workspace.settings.holdout.seed
    learns = workspace.blocks.get(learning_block(key) or "")
    if learns is not None and learns.learn is not None:
        return learns.learn.seed or learns.name
    blocks = block_holdouts(workspace.blocks, workspace.settings.holdout.goals)
    experiment = workspace.experiments.get(key) or blocks.get(key)
    return (experiment.seed if experiment else "") or key


async def _export_live(
    services: Services, folder: Folder, request: ReadoutExportRequest, snapshot: Snapshot
) -> ReadoutExported:
    workspace = snapshot.workspace
    method = Method.FIXED if request.fixed else Method.ALWAYS_VALID
    plan = live_plan(workspace, request.name, request.confidence, method=method)
    found = await observe(services, workspace, plan)
    simulated = await simulation_mark(services.store) is not None
    readout = msgspec.structs.replace(
        await asyncio.to_thread(read_out, found.plan, found.observed), simulated=simulated
    )
    sql = found.measures.query("live_rows")
    table = _LiveTable(readout, found)
    with folder.units(table.head) as units:
        # Read up to the same event, with the same small tables: it is the same log.
        await services.warehouse.seen_by(_SCOPE).hand_rows(
            lambda rows: units.add([table.row(each) for each in rows]),
            sql,
            {**found.asked, "salt": secrets.token_hex(16)},
            tables=found.tables,
            as_of=found.newest,
        )
    measures, recipes = found.measures.all, found.measures.recipes
    cuts = {each.metric.name: measures[each.numbers[0]].share for each in recipes}
    manifest = _manifest(
        refusing(plan, found.observed),
        units,
        winsorised={name: share for name, share in cuts.items() if share is not None},
        before=[each.metric.name for each in recipes if len(value_columns(each)) > _own(each)],
        within=[each.metric.name for each in recipes if each.wait],
        epoch=live_epoch(workspace, request.name),
        seed=_seed(workspace, request.name),
        snapshot=snapshot.number,
        snapshot_digest=snapshot.digest,
        position=found.newest,
        simulated=simulated,
    )
    files = await asyncio.to_thread(folder.write, manifest, readout, sql)
    return ReadoutExported(folder=str(folder.path), units=units.rows, files=files)


def _manifest(plan: ReadoutPlan, units: UnitsFile, **more: Any) -> Manifest:
    return Manifest(
        experiment=plan.experiment,
        source=plan.source,
        control=plan.control,
        comparator=plan.comparator,
        weights=dict(plan.weights),
        metrics=plan.metrics,
        confidence=plan.confidence,
        method=plan.method,
        units=units.rows,
        units_sha256=units.digest,
        **more,
    )


class _LiveTable:
    """Units of a live readout as rows: values of segments that it does not show are not told.

    A metric is empty where its time is not over for a unit, and where it is refused.
    """

    def __init__(self, readout: Readout, found: Observation) -> None:
        self._found, self._shown = found, readout.segments
        self._recipes = found.measures.recipes
        self._other = {each: _name_of_others(shown) for each, shown in self._shown.items()}
        self.head = ["unit", "epoch", "arm", "entered_day"]
        self.head += [f"segment:{each}" for each in self._shown]
        self.head += [column for each in self._recipes for column in value_columns(each)]

    def row(self, answer: Sequence[Any]) -> list[Any]:
        """Return the row of a unit."""
        number, epoch, arm, entered, names, values, *numbers = answer
        segments = dict(zip(names or (), values or (), strict=True))
        row: list[Any] = [number, epoch, arm, _date(int(entered) // DAY)]
        for attribute, shown in self._shown.items():
            value = segments.get(attribute)
            value = UNKNOWN if value is None else value
            row.append(value if value in shown else self._other[attribute])
        observed = self._found.observed
        for recipe in self._recipes:
            over = not recipe.wait or int(entered) + recipe.wait <= observed.as_of
            told = over and recipe.metric.name not in observed.refused
            row += _values(recipe, numbers) if told else [""] * len(recipe.numbers)
        return row


def _name_of_others(shown: Collection[str]) -> str:
    """Return a name that no value has: visitors may say "(other)" of themselves."""
    name = OTHER
    while name in shown:
        name += "*"
    return name


def _own(recipe: Recipe) -> int:
    """Return how many numbers a metric has beside its covariates."""
    return METRICS[recipe.metric.kind].numbers


def value_columns(recipe: Recipe) -> list[str]:
    """Return the columns of a metric: its number, what it is divided by, and the same before."""
    name = recipe.metric.name
    columns = [f"metric:{name}"]
    if METRICS[recipe.metric.kind].divides:
        columns.append(f"per:{name}")
    if len(recipe.numbers) > len(columns):
        columns += [f"before-{each}" for each in columns]
    return columns


def _values(recipe: Recipe, numbers: Sequence[float]) -> list[Any]:
    found = [float(numbers[each]) for each in recipe.numbers]
    if recipe.complement:
        found = [1.0 - found[0]]
    if recipe.metric.kind == "conversion":
        return [int(found[0])]
    return [repr(each) for each in found]


@lru_cache(1_000)
def _date(day: int) -> str:
    return f"{datetime.fromtimestamp(day * DAY / 1_000, UTC):%Y-%m-%d}"


async def _export_imported(
    services: Services,
    folder: Folder,
    request: ReadoutExportRequest,
    experiment: ImportedExperiment,
) -> ReadoutExported:
    readout = await report(
        services, ReportRequest(name=request.name, confidence=request.confidence)
    )
    sql, tables = row_query(experiment)
    attributes, metrics = row_columns(experiment)
    kinds = {each.name: each.kind for each in experiment.metrics}
    conversions = [kinds[name] == "conversion" for name in metrics]
    head = ["unit", "epoch", "arm", *(f"segment:{each}" for each in attributes)]
    head += [f"metric:{each}" for each in metrics]
    numbers = count(1)

    def row(answer: Sequence[Any]) -> list[Any]:
        arm, *rest = answer
        values = zip(conversions, rest[len(attributes) :], strict=True)
        return [
            next(numbers), 1, arm, *rest[: len(attributes)],
            *(int(value) if whole else repr(float(value)) for whole, value in values),
        ]  # fmt: skip

    with folder.units(head) as units:
        await services.warehouse.seen_by(_SCOPE).hand_rows(
            lambda rows: units.add([row(each) for each in rows]), sql, tables=tables
        )
    plan = readout_plan(experiment, request.confidence)
    manifest = _manifest(
        msgspec.structs.replace(plan, comparator=readout.comparator),
        units,
        file_digest=experiment.digest,
    )
    files = await asyncio.to_thread(folder.write, manifest, readout, sql)
    return ReadoutExported(folder=str(folder.path), units=units.rows, files=files)


EXPORT_READOUT: Final = UseCase(
    "export-readout",
    ReadoutExportRequest,
    ReadoutExported,
    export_readout,
    writes=False,
    hands_out=Noted("visitor.export", "", "the visitors of a readout, without ids"),
)
