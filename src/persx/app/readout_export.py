"""Exporting a readout: its units without ids, the SQL, the snapshot and seed, and a script."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec

from persx.app.reports import (
    Observation,
    ReportRequest,
    imported_experiment,
    observe,
    report,
)
from persx.app.services import Services, simulation_mark
from persx.app.use_cases import Noted, UseCase
from persx.experiments.imported import ImportedExperiment, row_columns, row_query
from persx.experiments.live import live_epoch, live_plan
from persx.experiments.measures import Recipe
from persx.experiments.metrics import METRICS
from persx.experiments.readout import Method, MetricPlan, Readout, ReadoutPlan, read_out
from persx.experiments.reproduction import script
from persx.experiments.statistics.interval import CONFIDENCE
from persx.model.block_holdout import block_holdouts
from persx.model.clock import Millis
from persx.model.errors import BadInput
from persx.model.learning import learning_block
from persx.model.workspace import HOLDOUT, Snapshot, Workspace
from persx.storage.ports import Rows
from persx.storage.scope import System

_SCOPE: Final = System("exporting a readout")
MANIFEST: Final = "experiment.json"
OTHER: Final = "(other)"
UNKNOWN: Final = "(unknown)"


class ReadoutExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which experiment, and the folder that takes the files."""

    name: str
    folder: str
    confidence: float = CONFIDENCE


class ReadoutExported(msgspec.Struct, frozen=True, kw_only=True):
    """What was written."""

    folder: str
    units: int
    files: tuple[str, ...]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared and where it is from, as ``experiment.json`` has it.

    Attributes:
        seed: What is hashed with a visitor's bucketing id for the arm; empty for a file.
        snapshot, snapshot_digest: The publication that is served, and its SHA-256; the newest
            one that somebody was shown is in ``readout.json``.
        position: The last event of the log that was read.
        file_digest: SHA-256 of the file that was imported.
    """

    experiment: str
    source: str
    control: str
    comparator: str
    weights: Mapping[str, float]
    metrics: Sequence[MetricPlan]
    confidence: float
    epoch: int = 1
    seed: str = ""
    snapshot: int | None = None
    snapshot_digest: str = ""
    position: int | None = None
    file_digest: str = ""
    units: int
    units_sha256: str
    simulated: bool = False
    persx: str = msgspec.field(default_factory=lambda: version("persx"))


class Units(msgspec.Struct, frozen=True, kw_only=True):
    """The units of a readout as a table, with the SQL that found them."""

    head: list[str]
    rows: list[list[Any]]
    sql: str


async def export_readout(services: Services, request: ReadoutExportRequest) -> ReadoutExported:
    """Write a readout with everything that it takes to compute it anew.

    Raises:
        NotFound: There is no such experiment.
        BadInput: The folder holds something else, or cannot be written.
    """
    folder = Path(request.folder)
    _check(folder)
    imported = await imported_experiment(services, request.name)
    asked = ReportRequest(name=request.name, confidence=request.confidence, fixed=True)
    simulated = await simulation_mark(services.store) is not None
    if imported is not None:
        readout = await report(services, asked)
        units = await _imported_units(services, imported)
        plan = ReadoutPlan(
            experiment=imported.name, source="import", control=imported.control,
            comparator=readout.comparator, weights=imported.weights, metrics=imported.metrics,
            confidence=request.confidence,
        )  # fmt: skip
        extra: dict[str, Any] = {"file_digest": imported.digest}
    else:
        snapshot = await services.store.snapshot()
        if snapshot is None:
            # It says that there is no such experiment, and what there is.
            await report(services, asked)
            raise AssertionError("unreachable")
        plan, readout, units, position = await _live(services, snapshot, request)
        extra = {
            "epoch": live_epoch(snapshot.workspace, request.name),
            "seed": _seed(snapshot.workspace, request.name),
            "snapshot": snapshot.number,
            "snapshot_digest": snapshot.digest,
            "position": position,
            "simulated": simulated,
        }
    return await asyncio.to_thread(_write, folder, plan, readout, units, extra)


def _check(folder: Path) -> None:
    if (
        folder.exists()
        and (not folder.is_dir() or any(folder.iterdir()))
        and not (folder / MANIFEST).is_file()
    ):
        raise BadInput(
            f"{folder} holds something else.",
            value=str(folder),
            hint="Name a folder that is empty, or not there yet.",
        )


def _seed(workspace: Workspace, key: str) -> str:
    if key == HOLDOUT and key not in workspace.experiments:
        return workspace.settings.holdout.seed
    learns = workspace.blocks.get(learning_block(key) or "")
    if learns is not None and learns.learn is not None:
        return learns.learn.seed or learns.name
    blocks = block_holdouts(workspace.blocks, workspace.settings.holdout.goals)
    experiment = workspace.experiments.get(key) or blocks.get(key)
    return (experiment.seed if experiment else "") or key


async def _live(
    services: Services, snapshot: Snapshot, request: ReadoutExportRequest
) -> tuple[ReadoutPlan, Readout, Units, int]:
    workspace = snapshot.workspace
    plan = live_plan(workspace, request.name, request.confidence, method=Method.FIXED)
    found = await observe(services, workspace, plan)
    readout = await asyncio.to_thread(read_out, found.plan, found.observed)
    sql = found.measures.query("live_rows")
    # Read up to the same event, with the same small tables: it is the same log.
    answer = await services.warehouse.seen_by(_SCOPE).query(
        sql,
        {**found.asked, "salt": secrets.token_hex(16)},
        tables=found.tables,
        as_of=found.newest,
    )
    units = await asyncio.to_thread(_live_units, readout, found, answer, sql)
    return plan, readout, units, found.newest


def _live_units(readout: Readout, found: Observation, answer: Rows, sql: str) -> Units:
    """Return a row a unit; values of segments that the readout does not show are not told.

    A metric whose time is not over for a unit is empty there.
    """
    attributes = list(readout.segments)
    head = ["unit", "epoch", "arm", "entered_day", *(f"segment:{each}" for each in attributes)]
    for recipe in found.measures.recipes:
        head += value_columns(recipe)
    rows = []
    for number, epoch, arm, entered, names, values, *numbers in answer.rows:
        segments = dict(zip(names or (), values or (), strict=True))
        row: list[Any] = [number, epoch, arm, _day(int(entered))]
        for attribute in attributes:
            value = segments.get(attribute)
            value = UNKNOWN if value is None else value
            row.append(value if value in readout.segments[attribute] else OTHER)
        for recipe in found.measures.recipes:
            over = not recipe.wait or int(entered) + recipe.wait <= found.observed.as_of
            row += _values(recipe, numbers) if over else [""] * len(recipe.numbers)
        rows.append(row)
    return Units(head=head, rows=rows, sql=sql)


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


def _day(moment: Millis) -> str:
    return f"{datetime.fromtimestamp(moment / 1_000, UTC):%Y-%m-%d}"


async def _imported_units(services: Services, experiment: ImportedExperiment) -> Units:
    sql, tables = row_query(experiment)
    answer = await services.warehouse.seen_by(_SCOPE).query(sql, tables=tables)
    attributes, metrics = row_columns(experiment)
    kinds = {each.name: each.kind for each in experiment.metrics}
    head = ["unit", "epoch", "arm", *(f"segment:{each}" for each in attributes)]
    head += [f"metric:{each}" for each in metrics]
    rows = []
    for number, (arm, *rest) in enumerate(answer.rows, 1):
        row: list[Any] = [number, 1, arm, *rest[: len(attributes)]]
        for name, value in zip(metrics, rest[len(attributes) :], strict=True):
            row.append(int(value) if kinds[name] == "conversion" else repr(float(value)))
        rows.append(row)
    return Units(head=head, rows=rows, sql=sql)


def _write(
    folder: Path, plan: ReadoutPlan, readout: Readout, units: Units, extra: Mapping[str, Any]
) -> ReadoutExported:
    told = io.StringIO()
    writer = csv.writer(told, lineterminator="\n")
    writer.writerow(units.head)
    writer.writerows(units.rows)
    raw = told.getvalue().encode("utf-8", "surrogatepass")
    manifest = Manifest(
        experiment=plan.experiment,
        source=plan.source,
        control=plan.control,
        comparator=plan.comparator,
        weights=dict(plan.weights),
        metrics=plan.metrics,
        confidence=plan.confidence,
        units=len(units.rows),
        units_sha256=hashlib.sha256(raw).hexdigest(),
        **extra,
    )
    files = {
        "units.csv": raw,
        "readout.json": _json(readout),
        MANIFEST: _json(manifest),
        "query.sql": units.sql.encode(),
        "reproduce.py": script().encode(),
        "README.md": _readme(manifest).encode(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise BadInput(f"{folder} cannot be written: {error.strerror}.", value=str(folder)) from (
            error
        )
    return ReadoutExported(folder=str(folder), units=len(units.rows), files=tuple(files))


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _readme(manifest: Manifest) -> str:
    where = (
        f"Snapshot {manifest.snapshot} (SHA-256 {manifest.snapshot_digest}), the log up to event "
        f"{manifest.position}; arms come from the seed `{manifest.seed}`."
        if manifest.source == "live"
        else f"From an imported file with the SHA-256 {manifest.file_digest}."
    )
    simulated = "\n**Simulated data**: figures say nothing about people.\n"
    return f"""# Readout of {manifest.experiment}
{simulated if manifest.simulated else ""}
{where}

    python reproduce.py

computes every figure of `readout.json` anew from `units.csv` (it needs numpy), and says how far
it is off.

| file | what it holds |
|---|---|
| `units.csv` | {manifest.units:,} visitors: number, epoch, arm, segments, metrics |
| `readout.json` | the readout, as `persx report --json` prints it |
| `{MANIFEST}` | arms, weights, metrics, confidence, seed, snapshot, position in the log |
| `query.sql` | the SQL that found the units, in DuckDB's dialect |

Intervals are those for one look at a time that was fixed in advance (`persx report --fixed`).

There are no ids in `units.csv`: the numbers were drawn for this export. It is about people, one
by one, nevertheless: whoever knows much of one of them may recognise
the row. Delete it when you are done.
"""


EXPORT_READOUT: Final = UseCase(
    "export-readout",
    ReadoutExportRequest,
    ReadoutExported,
    export_readout,
    writes=False,
    hands_out=Noted("visitor.export", "", "the visitors of a readout, without ids"),
)
