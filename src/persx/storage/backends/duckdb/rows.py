"""Queries: a SELECT over sealed segments, hot rows and imported tables, as far as a scope sees."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec

from persx.model.decision import DecisionRecord
from persx.model.event import Event, EventType, IdentityKey
from persx.storage.backends.duckdb import exposures
from persx.storage.backends.duckdb.engine import (
    Limits,
    blamed,
    check_select,
    engine,
    identifier,
    lock,
    make_room,
    quoted,
)
from persx.storage.backends.duckdb.files import scratch
from persx.storage.backends.duckdb.hot_log import HotLog, Reading
from persx.storage.backends.duckdb.importing import imported
from persx.storage.backends.duckdb.tables import (
    COLUMNS,
    create_extra_table,
    create_log_table,
    hot_table,
    write_lines,
)
from persx.storage.ports import Rows
from persx.storage.scope import Bearer, VisitorScope, check_everyone, sees_everyone, visible

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")

_END: Final = (1 << 63) - 1
_BY_ID: Final = (
    'SELECT id, "at", bucketing_id, page, snapshot, body FROM decisions WHERE id = $id LIMIT 1'
)
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class _Asked(NamedTuple):
    """Queries over one moment."""

    queries: Sequence[str]
    parameters: Mapping[str, Any]
    tables: Mapping[str, Rows]
    as_of: int | None


class DuckdbRows:
    """Implements `persx.storage.reading.RowReader`.

    A bearer's query gets a database in which nothing but their own rows is, and no file can be
    read: whatever the SQL, there is nothing else to find.

    Args:
        run: Calls a function on a thread of the warehouse.
    """

    def __init__(
        self,
        log: HotLog,
        home: Path,
        limits: Limits,
        run: Callable[..., Awaitable[Any]],
        scope: VisitorScope,
    ) -> None:
        self._log = log
        self._home = home
        self._limits = limits
        self._run = run
        self._scope = scope

    async def query(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        tables: Mapping[str, Rows] | None = None,
        as_of: int | None = None,
    ) -> Rows:
        """Run one SELECT; a cancelled caller stops it."""
        (found,) = await self.query_together([sql], parameters, tables=tables, as_of=as_of)
        return found

    async def query_together(
        self,
        queries: Sequence[str],
        parameters: Mapping[str, Any] | None = None,
        *,
        tables: Mapping[str, Rows] | None = None,
        as_of: int | None = None,
    ) -> list[Rows]:
        """Run several SELECTs over one moment; a cancelled caller stops them."""
        asked = _Asked(queries, parameters or {}, tables or {}, as_of)
        found: list[Rows] = await self._interruptible(self._query, asked)
        return found

    async def hand_rows(
        self,
        take: Callable[[Sequence[tuple[Any, ...]]], None],
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        tables: Mapping[str, Rows] | None = None,
        as_of: int | None = None,
        portion: int = 10_000,
    ) -> int:
        """Run one SELECT and hand its rows on portion by portion; return their number."""
        asked = _Asked([sql], parameters or {}, tables or {}, as_of)
        handed: int = await self._interruptible(self._hand, asked, take, portion)
        return handed

    async def _interruptible(self, function: Callable[..., T], asked: _Asked, *more: Any) -> T:
        """Call what runs queries; a cancelled caller stops them."""
        running: list[Any] = []
        try:
            found: T = await self._run(function, asked, running, *more)
            return found
        except asyncio.CancelledError:
            for connection in running:
                connection.interrupt()
            raise

    async def decision(self, id: str) -> DecisionRecord | None:
        """Return one line of the decision log, sealed or not."""
        asked = _Asked([_BY_ID], {"id": id}, {}, None)
        found: list[Rows] = await self._run(self._query, asked, [], True)
        for row in found[0].rows:
            return DecisionRecord(**dict(zip(found[0].columns, row, strict=True)))
        return None

    async def write_file(self, sql: str, path: str) -> int:
        """Write the rows of a SELECT as a Parquet file, whole or not at all."""
        check_everyone(self._scope)
        written: int = await self._run(self._write_file, sql, Path(path))
        return written

    def scan_events(
        self, *, after: int = 0, chunk: int = 50_000
    ) -> AsyncGenerator[Sequence[Event], None]:
        """Yield all events with a greater sequence, sealed and hot, in order."""
        check_everyone(self._scope)
        return self._scan(after, chunk)

    async def _scan(self, after: int, chunk: int) -> AsyncGenerator[Sequence[Event], None]:
        engines: list[Any] = []
        try:
            while True:
                events, after = await self._run(self._next_events, after, chunk, engines)
                if events is None:
                    return
                if events:
                    yield events
        finally:
            await self._run(self._close_engines, engines)

    def _query(self, asked: _Asked, running: list[Any], trusted: bool = False) -> list[Rows]:
        with self._answering(asked, running, trusted) as answers:
            return [
                Rows(
                    columns=tuple(column[0] for column in answer.description or ()),
                    rows=answer.fetchall(),
                )
                for answer in answers
            ]

    def _hand(
        self,
        asked: _Asked,
        running: list[Any],
        take: Callable[[Sequence[tuple[Any, ...]]], None],
        portion: int,
    ) -> int:
        handed = 0
        with self._answering(asked, running) as answers:
            for answer in answers:
                while rows := answer.fetchmany(portion):
                    take(rows)
                    handed += len(rows)
        return handed

    @contextmanager
    def _answering(
        self, asked: _Asked, running: list[Any], trusted: bool = False
    ) -> Iterator[Iterator[duckdb.DuckDBPyConnection]]:
        """Run queries one after the other; meanwhile the connection is in `running`."""
        with self._opened(asked, trusted) as (connection, parameters, files):
            lock(connection, files)
            running.append(connection)
            try:
                yield (
                    connection.execute(
                        sql,
                        {name: asked.parameters[name] for name in names & asked.parameters.keys()},
                    )
                    for sql, names in zip(asked.queries, parameters, strict=True)
                )
            finally:
                running.clear()

    def _write_file(self, sql: str, path: Path) -> int:
        partial = path.with_name(path.name + ".part")
        try:
            partial.touch()
            with self._opened(_Asked([sql], {}, {}, None), False) as (connection, _, _):
                (written,) = connection.execute(
                    f"COPY ({sql}) TO {quoted(str(partial))} "
                    "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 100000)"
                ).fetchall()[0]
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return int(written)

    @contextmanager
    def _opened(
        self, asked: _Asked, trusted: bool
    ) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[frozenset[str]], list[Path]]]:
        """Open a database with the tables that SELECTs name; their parameters and files too.

        Args:
            trusted: The SELECTs are this file's own, so that a bearer's rows need not be copied
                out of everybody's before it runs.
        """
        with (
            scratch(self._home) as folder,
            engine(folder, self._limits) as connection,
        ):
            names = [check_select(connection, sql) for sql in asked.queries]
            files: list[Path] = []
            # A name that does not occur in the text cannot be read; its rows need no loading.
            text = " ".join(asked.queries).casefold()
            drawn = exposures.TABLE in text
            wanted = [table for table in COLUMNS if table in text or (drawn and table == "events")]
            with self._log.reading() as reading:
                mine = self._mine(reading)
                # One moment for both: what sealing moves meanwhile stays where it was seen.
                for table in wanted:
                    lines = folder / f"{table}.jsonl"
                    rows = write_lines(reading, table, lines, to=_END, limit=_END)
                    sealed = [self._home / each.path for each in reading.segments(table)]
                    if mine is None or trusted:
                        files += sealed
                    create_log_table(
                        connection,
                        table,
                        sealed,
                        lines if rows else None,
                        as_of=asked.as_of if table == "events" else None,
                        mine=mine,
                        copied=not trusted,
                    )
                if wanted:
                    rows = sum(each.rows for each in reading.segments() if each.table in wanted)
                    make_room(connection, rows, self._limits)
                if drawn:
                    files += self._draw(connection, reading, asked, everyone=mine is None)
            for table, path in imported(self._home).items() if mine is None else ():
                if table in text and table not in asked.tables:
                    files.append(path)
                    connection.execute(
                        f"CREATE VIEW {identifier(table)} AS "
                        f"SELECT * FROM read_parquet({quoted(str(path))})"
                    )
            for place, (table, extra) in enumerate(asked.tables.items()):
                create_extra_table(connection, table, extra, folder / f"extra-{place}.jsonl")
            yield connection, names, files

    def _draw(
        self,
        connection: duckdb.DuckDBPyConnection,
        reading: Reading,
        asked: _Asked,
        *,
        everyone: bool,
    ) -> list[Path]:
        """Make the table of exposures; return the files beside segments that it reads.

        Who sees only some rows gets it from those; so does who wants half a segment.
        """
        segments = reading.segments("events")
        whole = [
            each
            for each in segments
            if everyone and (asked.as_of is None or each.last_sequence <= asked.as_of)
        ]
        last = max((each.last_sequence for each in whole), default=0)
        rest = f"SELECT * FROM events WHERE sequence > {last}"
        if everyone and asked.as_of is None:
            # No segment need be looked at for what is in none.
            rest = f"SELECT * FROM {hot_table('events')}"
        return exposures.create_view(connection, [self._home / each.path for each in whole], rest)

    def _mine(self, reading: Reading) -> Collection[IdentityKey] | None:
        """Return the identities whose rows may be seen; None for all."""
        if isinstance(self._scope, Bearer):
            return visible(self._scope, reading.visitor)
        return None if sees_everyone(self._scope) else ()

    def _next_events(
        self, after: int, chunk: int, engines: list[Any]
    ) -> tuple[Sequence[Event] | None, int]:
        """Return the next events, and the sequence to go on after; None at the end.

        Each piece looks at the manifest anew, so that segments may be rewritten in between.
        """
        # The folder tells whoever rewrites them that somebody reads.
        with scratch(self._home) as folder:
            with self._log.reading() as reading:
                segment = next(
                    (each for each in reading.segments("events") if each.last_sequence > after),
                    None,
                )
                if segment is None:
                    events: list[Event] = []
                    while len(events) < chunk:
                        begin = events[-1].sequence if events else after
                        found = reading.events(begin, chunk - len(events))
                        if not found:
                            break
                        events += found
                    return (events, events[-1].sequence) if events else (None, after)
            if not segment.rows:
                return (), segment.last_sequence
            begin = max(after, segment.first_sequence - 1)
            # By ranges, so that a chunk is all that is ever in memory.
            end = min(begin + chunk, segment.last_sequence)
            if not engines:
                opened = engine(folder.parent, self._limits)
                engines += [opened, opened.__enter__()]
            columns = ", ".join(identifier(name) for name in COLUMNS["events"])
            source = f"read_parquet({quoted(str(self._home / segment.path))})"
            with blamed():
                rows = (
                    engines[1]
                    .execute(
                        f"SELECT {columns} FROM {source} "
                        "WHERE sequence > $after AND sequence <= $to ORDER BY sequence",
                        {"after": begin, "to": end},
                    )
                    .fetchall()
                )
            return [_event(row) for row in rows], end

    def _close_engines(self, engines: list[Any]) -> None:
        if engines:
            engines[0].__exit__(None, None, None)


def _event(row: tuple[Any, ...]) -> Event:
    fields = dict(zip(COLUMNS["events"], row, strict=True))
    for name in ("properties", "traits", "context"):
        fields[name] = _decode(fields[name])
    fields["type"] = EventType(fields["type"])
    return Event(**fields)
