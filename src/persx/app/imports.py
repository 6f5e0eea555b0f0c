"""Importing an experiment from a file: check every column first, then keep it for reports."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from persx.app.services import Services
from persx.app.use_cases import AnyUseCase, Noted, UseCase
from persx.experiments.imported import (
    ImportedExperiment,
    SegmentAttribute,
    bins_between,
    check_name,
    table_name,
    value_name,
)
from persx.experiments.readout import MetricPlan
from persx.experiments.sql import query
from persx.model.errors import BadInput, Conflict, did_you_mean
from persx.model.workspace import HOLDOUT
from persx.storage.scope import System

_SCOPE: Final = System("importing an experiment")

MAX_ARMS: Final = 20
MAX_VALUES: Final = 50
"""An attribute with more distinct texts than this makes no readable segments."""

MAX_NUMBERS: Final = 12
"""A number with more distinct values than this is cut at its quartiles."""

SUFFIXES: Final = (".csv", ".tsv", ".parquet")


class ImportExperiment(msgspec.Struct, frozen=True, kw_only=True):
    """What `persx import experiment` was asked.

    Attributes:
        file: A CSV or Parquet file, as an absolute path.
        arm: The column that names the arm.
        control: The arm that the others are compared with.
        metrics: Columns of 0 and 1 (conversions) or of numbers (means); the first is primary.
        attributes: Columns that split the report into segments.
        unit: The column that names the unit; each row is one where there is none.
        weights: Planned shares of the arms; taken to be equal where none are stated.
    """

    file: str
    name: str
    arm: str
    control: str
    metrics: tuple[str, ...]
    attributes: tuple[str, ...] = ()
    unit: str | None = None
    weights: dict[str, float] = {}


class _Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a column holds."""

    rows: int
    present: int
    distinct: int
    numbers: int
    zeros_and_ones: int
    type: str
    not_a_number: str | None

    @property
    def numeric(self) -> bool:
        return self.numbers == self.present and not self.type.startswith(("DATE", "TIME"))


async def import_experiment(services: Services, request: ImportExperiment) -> ImportedExperiment:
    """Check a file, keep it in the warehouse, and remember how it is read.

    An experiment of the same name is replaced, but only after everything is in order.

    Raises:
        BadInput: The file or a column cannot be used; the message says which and why.
        Conflict: The name is that of an experiment on the site.
    """
    check_name(request.name)
    await _check_not_live(services, request.name)
    file = Path(request.file)
    digest = await asyncio.to_thread(_digest, file)
    table = table_name(request.name, digest)
    value = value_name(request.name)
    before = await services.store.value(value)
    rows = await services.warehouse.import_file(table, str(file))
    try:
        experiment = await _examined(services, request, digest, table, rows)
        await services.store.set_value(value, msgspec.json.encode(experiment))
    finally:
        # What is refused leaves nothing behind, and what is replaced goes.
        used = await services.store.value(value)
        for unused in {table, _table(before)} - {_table(used), ""}:
            await services.warehouse.drop_table(unused)
    return experiment


async def unit_columns(services: Services) -> dict[str, str]:
    """Return table → the column that names its units, of experiments whose units are named."""
    kept = (await services.store.values(value_name(""))).values()
    found = [msgspec.json.decode(each, type=ImportedExperiment) for each in kept]
    return {each.table: each.unit for each in found if each.unit is not None}


def _table(kept: bytes | None) -> str:
    return msgspec.json.decode(kept, type=ImportedExperiment).table if kept else ""


async def _examined(
    services: Services, request: ImportExperiment, digest: str, table: str, rows: int
) -> ImportedExperiment:
    """Return how the file is read, after all of it was found in order."""
    columns = await _check_columns(services, table, request)
    profiles = await _profiles(services, table, columns)
    if not profiles:
        raise BadInput("The file has a header but no rows.", value=Path(request.file).name)
    weights = await _arms(services, table, request, profiles[request.arm])
    if request.unit is not None:
        _refuse_empty("unit", request.unit, profiles[request.unit])
    return ImportedExperiment(
        name=request.name,
        file=Path(request.file).name,
        digest=digest,
        table=table,
        rows=rows,
        arm=request.arm,
        control=request.control,
        weights=weights,
        weights_assumed=not request.weights,
        metrics=tuple([_metric(name, profiles[name]) for name in request.metrics]),
        attributes=tuple(
            [await _attribute(services, table, name, profiles[name]) for name in request.attributes]
        ),
        unit=request.unit,
        imported=services.clock(),
    )


def _digest(file: Path) -> str:
    if file.suffix.lower() not in SUFFIXES:
        raise BadInput(
            f"'{file.name}' is not a file that can be imported.",
            value=str(file),
            hint=f"Give one that ends in {', '.join(SUFFIXES)}.",
        )
    try:
        with file.open("rb") as stream:
            if not stream.read(1):
                raise BadInput(f"'{file.name}' is empty.", value=str(file))
            stream.seek(0)
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"'{file}' cannot be read: {error.strerror}.", value=str(file)) from error


async def _check_not_live(services: Services, name: str) -> None:
    snapshot = await services.store.snapshot()
    live = {HOLDOUT} | set(snapshot.workspace.experiments if snapshot else ())
    if name in live:
        raise Conflict(
            f"'{name}' is the name of an experiment on the site.",
            value=name,
            hint="Choose another --name.",
        )


async def _check_columns(services: Services, table: str, request: ImportExperiment) -> list[str]:
    """Return the columns that are named, each of which is there and has one part to play."""
    found = (await services.warehouse.seen_by(_SCOPE).query(query("columns", table=table))).columns
    roles = [("--arm", request.arm)]
    roles += [("--metrics", name) for name in request.metrics]
    roles += [("--attributes", name) for name in request.attributes]
    roles += [("--unit", request.unit)] if request.unit is not None else []
    if not request.metrics:
        raise BadInput("No metric is named.", hint=f"Give --metrics. {_known(found)}")
    seen: dict[str, str] = {}
    for role, name in roles:
        if name not in found:
            raise BadInput(
                f"'{Path(request.file).name}' has no column '{name}' ({role}).",
                value=name,
                hint=did_you_mean(name, found),
            )
        if name in seen:
            raise BadInput(
                f"Column '{name}' is named twice: by {seen[name]} and {role}.", value=name
            )
        seen[name] = role
    return list(seen)


def _known(columns: Sequence[str]) -> str:
    return did_you_mean("", columns)


async def _arms(
    services: Services, table: str, request: ImportExperiment, profile: _Profile
) -> dict[str, float]:
    """Return the arms, the control first, with their weights."""
    column = request.arm
    _refuse_empty("arm", column, profile)
    if profile.distinct > MAX_ARMS:
        raise BadInput(
            f"Column '{column}' has {profile.distinct:,} values, too many for arms.",
            value=column,
            hint=f"An experiment has at most {MAX_ARMS} arms; is this the right column?",
        )
    names = sorted(await _values(services, table, column, MAX_ARMS))
    if request.control not in names:
        raise BadInput(
            f"No row has '{request.control}' in column '{column}', so it cannot be the control.",
            value=request.control,
            hint=did_you_mean(request.control, names),
        )
    if len(names) < 2:
        raise BadInput(
            f"All rows have '{names[0]}' in column '{column}': there is nothing to compare.",
            value=names[0],
        )
    for name, weight in request.weights.items():
        if name not in names and weight > 0:
            raise BadInput(
                f"A weight is stated for '{name}', which is not an arm.",
                value=name,
                hint=did_you_mean(name, names),
            )
        if not 0 <= weight < float("inf"):
            raise BadInput(f"The weight of '{name}' must be 0 or more.", value=weight)
    if request.weights and (missing := [name for name in names if name not in request.weights]):
        raise BadInput(
            f"No weight is stated for '{missing[0]}'.",
            value=missing[0],
            hint="State the weights of all arms or of none.",
        )
    order = [request.control, *(name for name in names if name != request.control)]
    return {name: request.weights.get(name, 1.0) for name in order}


def _metric(column: str, profile: _Profile) -> MetricPlan:
    _refuse_empty("metric", column, profile)
    if profile.zeros_and_ones == profile.present:
        return MetricPlan(name=column, kind="conversion", label=column)
    if not profile.numeric:
        shown = profile.not_a_number or f"a {profile.type}"
        raise BadInput(
            f"Column '{column}' cannot be a metric: '{shown}' is no number that can be added up.",
            value=column,
            hint="A metric is 0 or 1, or true or false (a conversion), or a number such as "
            "1234.5 (a mean).",
        )
    return MetricPlan(name=column, kind="mean", label=column)


async def _attribute(
    services: Services, table: str, column: str, profile: _Profile
) -> SegmentAttribute:
    if profile.numeric and profile.distinct > MAX_NUMBERS:
        answer = await services.warehouse.seen_by(_SCOPE).query(
            query("column_quantiles", table=table, column=column)
        )
        whole = profile.type.endswith(("INT", "INTEGER"))
        bins = bins_between([float(edge) for edge in answer.rows[0]], whole=whole)
        return SegmentAttribute(name=column, bins=bins)
    if profile.distinct > MAX_VALUES:
        raise BadInput(
            f"Column '{column}' has {profile.distinct:,} different values, too many for segments.",
            value=column,
            hint=f"At most {MAX_VALUES} texts; numbers are cut at their quartiles.",
        )
    return SegmentAttribute(name=column)


def _refuse_empty(role: str, column: str, profile: _Profile) -> None:
    missing = profile.rows - profile.present
    if missing:
        raise BadInput(
            f"{missing:,} of {profile.rows:,} rows have nothing in the {role} column '{column}'.",
            value=column,
            hint="Fill them or leave these rows out: what is missing must not count as 0.",
        )


async def _profiles(services: Services, table: str, columns: Sequence[str]) -> dict[str, _Profile]:
    answer = await services.warehouse.seen_by(_SCOPE).query(
        query("column_profiles", table=table, columns=columns)
    )
    found = {}
    for place, *values in answer.rows:
        rows, present, distinct, numbers, zeros_and_ones, type, not_a_number = values
        found[columns[place]] = _Profile(
            rows=rows,
            present=present,
            distinct=distinct,
            numbers=numbers,
            zeros_and_ones=zeros_and_ones,
            type=type,
            not_a_number=not_a_number,
        )
    return found


async def _values(services: Services, table: str, column: str, limit: int) -> list[str]:
    answer = await services.warehouse.seen_by(_SCOPE).query(
        query("column_values", table=table, column=column), {"limit": limit}
    )
    return [str(row[0]) for row in answer.rows]


IMPORT_EXPERIMENT: Final = UseCase(
    "import_experiment",
    ImportExperiment,
    ImportedExperiment,
    import_experiment,
    notes=lambda _, done: [Noted("experiment.import", done.name, f"{done.rows} rows")],
)

USE_CASES: Final[tuple[AnyUseCase, ...]] = (IMPORT_EXPERIMENT,)
