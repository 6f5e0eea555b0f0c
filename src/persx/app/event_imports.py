"""Importing events from a file: mapped once, then kept piece by piece, each event once.

The file's rows become a table of events in the warehouse, in a fixed order; pieces of it are
appended to the log, and the position moves after each. What is stopped goes on where it was, and
a file that was brought in is not brought in again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import msgspec

from persx.app.backfill import fold_of, switch
from persx.app.collecting import collect
from persx.app.event_mapping import EventMapping, check_epoch, select, time_range
from persx.app.pace import Pace
from persx.app.services import Services
from persx.app.use_cases import AnyUseCase, Noted, UseCase
from persx.model.clock import Millis
from persx.model.errors import BadInput, NotFound
from persx.model.event import Event, EventType
from persx.storage.ports import Appended, Rows
from persx.storage.scope import System

_SCOPE: Final = System("importing events")

PIECE: Final = 40_000
"""Events of one step, unless it says otherwise."""

SLICE: Final = 50
"""A request of a visitor waits for no more than one slice to be read."""

READ: Final = 10_000
"""Events that are taken out of the warehouse at a time, while those before are being kept."""

WAITING: Final = 4_000
"""Events that wait to be kept: enough for large commits, few enough for the garbage collector."""

WAITING_BESIDE: Final = 500
"""As many in a serving process: who asks after a quiet time meets a short queue."""


class _Row(msgspec.Struct, gc=False):
    message_id: str
    user_id: str | None
    anonymous_id: str | None
    group_id: str | None
    name: str | None
    happened: int | None
    properties: dict[str, Any]
    traits: dict[str, Any]


_decoder: Final = msgspec.json.Decoder(list[_Row])


def _decode(text: str) -> list[_Row]:
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError:
        # DuckDB writes Infinity and NaN, which JSON has no words for: such a value is none.
        return msgspec.convert(json.loads(text, parse_constant=lambda _: None), list[_Row])


class BeginImport(msgspec.Struct, frozen=True, kw_only=True):
    """A file, as an absolute path, and how its rows become events."""

    file: str
    mapping: EventMapping


class ContinueImport(msgspec.Struct, frozen=True, kw_only=True):
    """An import that was begun, and how many of its events come next."""

    name: str
    events: int = PIECE


class EventImport(msgspec.Struct, frozen=True, kw_only=True):
    """An import of events, and how far it has come.

    Attributes:
        rows: Rows of the file.
        events: What they make; `position` of them are dealt with.
        accepted: Those that are in the log now.
        duplicates: Those that the log had already.
        skipped: Those that are none, by reason.
        underway: The end of the piece that was begun last; beyond `position` where it was
            stopped within it.
        sequence: Where the log ended when that piece was begun.
        finished: When the last was kept; 0 before that.
        already: It was finished before this was asked.
    """

    name: str
    file: str
    type: EventType
    rows: int
    events: int
    position: int = 0
    accepted: int = 0
    duplicates: int = 0
    skipped: dict[str, int] = {}
    underway: int = 0
    sequence: int = 0
    finished: Millis = 0
    already: bool = False


async def begin_import(services: Services, request: BeginImport) -> EventImport:
    """Make a table of events of a file; go on with an import of the same file and mapping.

    Raises:
        BadInput: The file or the mapping cannot be used; the message says which and why.
    """
    name = await asyncio.to_thread(_name, request)
    async with services.importing:
        return await _begin(services, request, name)


async def _begin(services: Services, request: BeginImport, name: str) -> EventImport:
    kept = await services.store.value(_value(name))
    if kept is not None:
        return msgspec.json.decode(kept, type=EventImport)
    raw, table = f"file_{name}", _table(name)
    file = Path(request.file)
    rows = await services.warehouse.import_file(raw, str(file))
    try:
        types = await services.warehouse.seen_by(_SCOPE).query(
            f"SELECT typeof(COLUMNS(*)) FROM {raw} LIMIT 1"
        )
        if not types.rows:
            raise BadInput("The file has a header but no rows.", value=file.name)
        columns = dict(zip(types.columns, types.rows[0], strict=True))
        sql = select(request.mapping, raw, columns, f"{name}-")
        if (asked := time_range(request.mapping, raw, columns)) is not None:
            ((least, most),) = (await services.warehouse.seen_by(_SCOPE).query(asked)).rows
            if least is not None:
                check_epoch(request.mapping, least, most)
        with tempfile.TemporaryDirectory(prefix="persx-import-") as folder:
            made = str(Path(folder) / "events.parquet")
            try:
                await services.warehouse.seen_by(_SCOPE).write_file(sql, made)
            except BadInput as error:
                told = str(error.__cause__ or error).partition("\n")[0]
                raise BadInput(f"The mapping does not fit the file. {told}") from error
            events = await services.warehouse.import_file(table, made)
    finally:
        await services.warehouse.drop_table(raw)
    # Asked of the writer: a query would bring the whole hot log into the warehouse first.
    end = await services.stream.append([])
    begun = EventImport(
        name=name,
        file=file.name,
        type=request.mapping.type,
        rows=rows,
        events=events,
        sequence=end.last_sequence,
    )
    await services.store.set_value(_value(name), msgspec.json.encode(begun))
    return begun


async def continue_import(services: Services, request: ContinueImport) -> EventImport:
    """Append the next piece of an import to the log; the last one ends it.

    Raises:
        NotFound: There is no such import.
        Unavailable: A piece could not be kept; calling again goes on.
    """
    async with services.importing:
        return await _continue(services, request)


async def _continue(services: Services, request: ContinueImport) -> EventImport:
    kept = await services.store.value(_value(request.name))
    if kept is None:
        raise NotFound(f"There is no import '{request.name}'.", value=request.name)
    job = msgspec.json.decode(kept, type=EventImport)
    if job.finished:
        return msgspec.structs.replace(job, already=True)
    if services.publication.ready is None:
        # Nobody serves this home: the fold that events meet is put in place here.
        await services.publication.refresh(services.store)
        await switch(services, fold_of(services.publication.plan))
    until = min(job.events, job.position + request.events)
    skipped = dict(job.skipped)
    accepted, duplicates, sequence = job.accepted, job.duplicates, job.sequence
    here = await _kept_already(services, job) if job.underway > job.position else set()
    underway = msgspec.structs.replace(job, underway=max(until, job.underway))
    await services.store.set_value(_value(job.name), msgspec.json.encode(underway))
    keeping: deque[asyncio.Task[Appended]] = deque()
    pace = Pace(services)
    most = WAITING_BESIDE if services.url else WAITING

    async def wait_for_oldest() -> None:
        nonlocal accepted, duplicates, sequence
        appended = await keeping.popleft()
        accepted += appended.accepted
        sequence = max(sequence, appended.last_sequence)
        duplicates += appended.duplicates
        if appended.erased:
            _count(skipped, "are older than their visitor's erasure", appended.erased)
        if appended.rejected:
            _count(skipped, "are set aside, each with its reason", appended.rejected)

    try:
        async with aclosing(_slices(services, job, until)) as slices:
            async for text in slices:
                events = _events(_decode(f"[{text}]"), job.type, services.clock(), skipped)
                if here:
                    missing = [event for event in events if not _take(here, event.message_id)]
                    accepted += len(events) - len(missing)
                    events = missing
                keeping.append(asyncio.create_task(collect(services, events)))
                while keeping and (pace.busy or len(keeping) * SLICE >= most):
                    await wait_for_oldest()
                # Whoever else waits has their turn between two slices.
                await pace.rest()
        while keeping:
            await wait_for_oldest()
    finally:
        await asyncio.gather(*keeping, return_exceptions=True)
    done = msgspec.structs.replace(
        job,
        position=until,
        accepted=accepted,
        duplicates=duplicates,
        skipped=skipped,
        underway=until,
        sequence=sequence,
        finished=services.clock() if until == job.events else 0,
    )
    await services.store.set_value(_value(job.name), msgspec.json.encode(done))
    if done.finished:
        await services.warehouse.drop_table(_table(job.name))
    return done


async def _kept_already(services: Services, job: EventImport) -> set[str]:
    """Return the message ids that the log got from a piece before that was stopped."""
    found = await services.warehouse.seen_by(_SCOPE).query(
        f"SELECT message_id FROM events JOIN {_table(job.name)} "
        "ON message_id = json_extract_string(event, '$.message_id') "
        "WHERE sequence > $sequence AND position > $after AND position <= $until",
        {"sequence": job.sequence, "after": job.position, "until": job.underway},
    )
    return {row[0] for row in found.rows}


def _take(ids: set[str], id: str) -> bool:
    """Take an id out of a set; tell whether it was in it."""
    try:
        ids.remove(id)
    except KeyError:
        return False
    return True


async def _slices(services: Services, job: EventImport, until: int) -> AsyncGenerator[str, None]:
    """Yield the slices up to a position, as lists in JSON without their brackets."""
    sql = (
        f"SELECT string_agg(event, ',' ORDER BY position) FROM {_table(job.name)} "
        "WHERE position > $after AND position <= $until "
        f"GROUP BY (position - 1) // {SLICE} ORDER BY min(position)"
    )
    ahead: asyncio.Task[Rows] | None = None
    try:
        for start in [*range(job.position, until, READ), until]:
            reading, ahead = ahead, None
            if start < until:
                limits = {"after": start, "until": min(until, start + READ)}
                ahead = asyncio.create_task(services.warehouse.seen_by(_SCOPE).query(sql, limits))
            if reading is not None:
                for (text,) in (await reading).rows:
                    yield text
    finally:
        if ahead is not None:
            ahead.cancel()


def _events(
    rows: Iterable[_Row], type: EventType, received: Millis, skipped: dict[str, int]
) -> list[Event]:
    events = []
    for row in rows:
        if not (row.user_id or row.anonymous_id):
            _count(skipped, "name nobody")
        elif row.happened is None:
            _count(skipped, "have no time that can be read")
        elif row.happened < 0:
            _count(skipped, "are from before 1970")
        elif type is EventType.TRACK and not row.name:
            _count(skipped, "have no event's name")
        else:
            events.append(
                Event(
                    type=type,
                    message_id=row.message_id,
                    user_id=row.user_id,
                    anonymous_id=row.anonymous_id,
                    group_id=row.group_id,
                    name=row.name,
                    timestamp=min(row.happened, received),
                    received=received,
                    verified=True,
                    properties=_present(row.properties),
                    traits=_present(row.traits),
                )
            )
    return events


def _present(told: dict[str, Any]) -> dict[str, Any]:
    """Return a row's object without what the row does not tell."""
    return {name: value for name, value in told.items() if value is not None}


def _count(skipped: dict[str, int], reason: str, number: int = 1) -> None:
    skipped[reason] = skipped.get(reason, 0) + number


def _name(request: BeginImport) -> str:
    """Return the name of an import: another file or another mapping is another one."""
    try:
        with Path(request.file).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
    except OSError as error:
        raise BadInput(f"{request.file} cannot be read: {error.strerror}.") from error
    digest.update(msgspec.json.encode(request.mapping, order="deterministic"))
    return digest.hexdigest()[:12]


def _value(name: str) -> str:
    return f"import:{name}"


def _table(name: str) -> str:
    # Named apart from the log's tables, whose rows a query that mentions them has to load.
    return f"import_{name}"


def _noted(_request: object, done: EventImport) -> list[Noted]:
    """Tell of an import once, when it is done; a file's name may tell of people."""
    if done.already or not done.finished:
        return []
    return [Noted("events.import", "", f"{done.accepted} accepted, {done.duplicates} duplicates")]


BEGIN_IMPORT: Final = UseCase(
    "begin-import", BeginImport, EventImport, begin_import, notes=lambda *_: ()
)
"""Nothing is an event yet: the end of it is what the audit log tells of."""

CONTINUE_IMPORT: Final = UseCase(
    "continue-import", ContinueImport, EventImport, continue_import, notes=_noted
)
USE_CASES: Final[Sequence[AnyUseCase]] = (BEGIN_IMPORT, CONTINUE_IMPORT)
