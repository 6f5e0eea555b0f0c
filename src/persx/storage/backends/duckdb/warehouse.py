"""The warehouse: sealed segments, hot rows and imported tables behind one SELECT."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from persx.model.clock import Clock, system_clock
from persx.model.errors import Unavailable
from persx.model.event import Event, EventType
from persx.storage.backends.duckdb import rewriting, sealing
from persx.storage.backends.duckdb.engine import (
    Limits,
    blamed,
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
from persx.storage.removal import Removal, Removed

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

    async def remove(self, removal: Removal) -> Removed:
        """Remove what an erasure or an expiry names, from all that is kept, in one step."""
        return await rewriting.remove(
            self._log, self._home, self._run, removal, limits=self._limits, clock=self._clock
        )

    async def copy_to(self, folder: str) -> None:
        """Copy everything, as of one moment, into an empty folder on the home's own disk."""
        await self._run(rewriting.copy, self._log, self._home, Path(folder))

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
    ) -> AsyncGenerator[Sequence[Event], None]:
        """Yield all events with a greater sequence, sealed and hot, in order."""
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
