"""The warehouse: sealed segments, hot rows and imported tables behind one SELECT."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from persx.model.clock import Clock, system_clock
from persx.model.errors import Unavailable
from persx.model.event import Event, EventType
from persx.storage.backends.duckdb import sealing
from persx.storage.backends.duckdb.engine import (
    Limits,
    check_select,
    engine,
    identifier,
    lock,
    quoted,
)
from persx.storage.backends.duckdb.files import remove_stale_scratch, scratch
from persx.storage.backends.duckdb.hot_log import HotLog
from persx.storage.backends.duckdb.importing import drop_table, import_file, imported
from persx.storage.backends.duckdb.tables import (
    COLUMNS,
    create_extra_table,
    create_log_table,
    write_lines,
)
from persx.storage.ports import Rows, Segment

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")

_END: Final = (1 << 63) - 1
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class DuckdbWarehouse:
    """Implements `persx.storage.ports.Warehouse` over a log and a folder.

    Args:
        log: Where the hot rows and the manifest are.
        home: The folder that holds ``segments/`` and ``tables/``.
        owned: Remove the folder when closed.
    """

    def __init__(
        self,
        log: HotLog,
        home: Path,
        *,
        clock: Clock = system_clock,
        limits: Limits | None = None,
        owned: bool = False,
    ) -> None:
        self._log = log
        # DuckDB compares allowed paths as they are written.
        self._home = home.resolve()
        self._clock = clock
        self._limits = limits or Limits(threads=min(4, os.cpu_count() or 1))
        self._owned = owned
        self._closed = False
        self._workers = ThreadPoolExecutor(2, "persx-warehouse")
        if log.owns_home:
            sealing.remove_orphans(log, self._home)
            remove_stale_scratch(self._home)

    async def seal(self, *, keep: int = 0, segment_rows: int = 1_000_000) -> Sequence[Segment]:
        """Move the hot log, but for the newest `keep` rows of a table, into segments."""
        return await sealing.seal(
            self._log,
            self._home,
            self._run,
            limits=self._limits,
            clock=self._clock,
            keep=keep,
            segment_rows=segment_rows,
        )

    async def segments(self) -> Sequence[Segment]:
        """Return the manifest, in order."""
        return await self._run(self._segments)

    async def query(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        tables: Mapping[str, Rows] | None = None,
        as_of: int | None = None,
    ) -> Rows:
        """Run one SELECT; a cancelled caller stops it."""
        running: list[Any] = []
        try:
            return await self._run(self._query, sql, parameters or {}, tables or {}, as_of, running)
        except asyncio.CancelledError:
            for connection in running:
                connection.interrupt()
            raise

    async def write_file(self, sql: str, path: str) -> int:
        """Write the rows of a SELECT as a Parquet file, whole or not at all."""
        return await self._run(self._write_file, sql, Path(path))

    async def import_file(self, name: str, path: str) -> int:
        """Keep a CSV or Parquet file as a table; return its row count."""
        return await self._run(import_file, self._home, name, Path(path), self._limits)

    async def drop_table(self, name: str) -> None:
        """Remove an imported table if it is there."""
        await self._run(drop_table, self._home, name)

    async def scan_events(
        self, *, after: int = 0, chunk: int = 50_000
    ) -> AsyncIterator[Sequence[Event]]:
        """Yield all events with a greater sequence, sealed and hot, in order."""
        while True:
            segment, events = await self._run(self._next_events, after, chunk)
            if segment is not None:
                pieces = self._sealed_events(segment, after, chunk)
                try:
                    while piece := await self._run(next, pieces, None):
                        yield piece
                finally:
                    await self._run(pieces.close)
                after = segment.last_sequence
            elif events:
                yield events
                after = events[-1].sequence
            else:
                return

    async def close(self) -> None:
        """Let go of the worker threads."""
        self._closed = True
        await asyncio.to_thread(self._workers.shutdown)
        if self._owned:
            shutil.rmtree(self._home, ignore_errors=True)

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        if self._closed:
            raise Unavailable("The warehouse is closed.")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, functools.partial(function, *arguments))

    def _segments(self) -> Sequence[Segment]:
        with self._log.reading() as reading:
            return reading.segments()

    def _query(
        self,
        sql: str,
        parameters: Mapping[str, Any],
        tables: Mapping[str, Rows],
        as_of: int | None,
        running: list[Any],
    ) -> Rows:
        with self._opened(sql, tables, as_of) as (connection, names, files):
            lock(connection, files)
            running.append(connection)
            try:
                result = connection.execute(
                    sql, {key: parameters[key] for key in names if key in parameters}
                )
                return Rows(
                    columns=tuple(column[0] for column in result.description or ()),
                    rows=result.fetchall(),
                )
            finally:
                running.clear()

    def _write_file(self, sql: str, path: Path) -> int:
        partial = path.with_name(path.name + ".part")
        try:
            partial.touch()
            with self._opened(sql, {}, None) as (connection, _, _):
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
        self, sql: str, tables: Mapping[str, Rows], as_of: int | None
    ) -> Iterator[tuple[duckdb.DuckDBPyConnection, frozenset[str], list[Path]]]:
        """Open a database with the tables that a SELECT names; its parameters and files too."""
        with (
            scratch(self._home) as folder,
            engine(folder, self._limits) as connection,
        ):
            names = check_select(connection, sql)
            files: list[Path] = []
            # A name that does not occur in the text cannot be read; its rows need no loading.
            text = sql.casefold()
            wanted = [table for table in COLUMNS if table in text]
            with self._log.reading() as reading:
                # One moment for both: what sealing moves meanwhile stays where it was seen.
                for table in wanted:
                    lines = folder / f"{table}.jsonl"
                    rows = write_lines(reading, table, lines, to=_END, limit=_END)
                    sealed = [self._home / each.path for each in reading.segments(table)]
                    files += sealed
                    limit = as_of if table == "events" else None
                    create_log_table(connection, table, sealed, lines if rows else None, limit)
            for table, path in imported(self._home).items():
                if table in text and table not in tables:
                    files.append(path)
                    connection.execute(
                        f"CREATE VIEW {identifier(table)} AS "
                        f"SELECT * FROM read_parquet({quoted(str(path))})"
                    )
            for place, (table, extra) in enumerate(tables.items()):
                create_extra_table(connection, table, extra, folder / f"extra-{place}.jsonl")
            yield connection, names, files

    def _next_events(self, after: int, chunk: int) -> tuple[Segment | None, Sequence[Event]]:
        """Return the segment that holds the next events, or else the next hot ones."""
        with self._log.reading() as reading:
            for segment in reading.segments("events"):
                if segment.last_sequence > after:
                    return segment, ()
            events: list[Event] = []
            while len(events) < chunk:
                found = reading.events(
                    events[-1].sequence if events else after, chunk - len(events)
                )
                if not found:
                    break
                events += found
            return None, events

    def _sealed_events(
        self, segment: Segment, after: int, chunk: int
    ) -> Generator[Sequence[Event], None, None]:
        columns = ", ".join(identifier(name) for name in COLUMNS["events"])
        source = f"read_parquet({quoted(str(self._home / segment.path))})"
        after = max(after, segment.first_sequence - 1)
        with (
            scratch(self._home) as folder,
            engine(folder, self._limits) as connection,
        ):
            # By ranges, so that a chunk is all that is ever in memory.
            while after < segment.last_sequence:
                rows = connection.execute(
                    f"SELECT {columns} FROM {source} "
                    "WHERE sequence > $after AND sequence <= $to ORDER BY sequence",
                    {"after": after, "to": after + chunk},
                ).fetchall()
                after += chunk
                if rows:
                    yield [_event(row) for row in rows]


def _event(row: tuple[Any, ...]) -> Event:
    fields = dict(zip(COLUMNS["events"], row, strict=True))
    for name in ("properties", "traits", "context"):
        fields[name] = _decode(fields[name])
    fields["type"] = EventType(fields["type"])
    return Event(**fields)
