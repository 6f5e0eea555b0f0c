"""The SQLite log as the warehouse sees it: hot rows, manifest, and what sealing changes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from persx.model.clock import Millis
from persx.model.event import Event, IdentityKey
from persx.storage.backends.sqlite import hot, members, removing
from persx.storage.backends.sqlite.database import Database
from persx.storage.backends.sqlite.packets import Block
from persx.storage.backends.sqlite.store import SqliteStore
from persx.storage.ports import Segment
from persx.storage.removal import Removal, Removed

_DISCARDED_AT_ONCE: Final = 2_000


class SqliteReading:
    """One moment of the log: everything that it returns belongs to the same transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def segments(self, table: str | None = None) -> Sequence[Segment]:
        """Return the manifest, of one table or of all."""
        return hot.manifest(self._connection, table)

    def blocks(self, table: str, *, to: int, limit: int) -> Iterator[Block]:
        """Yield hot rows as lines of JSON."""
        after = hot.sealed_to(self._connection, table)
        return hot.blocks(self._connection, table, after=after, to=to, limit=limit)

    def events(self, after: int, limit: int) -> list[Event]:
        """Return some of the next hot events, none only at the end."""
        after = max(after, hot.sealed_to(self._connection, "events"))
        return hot.events(self._connection, after, limit)

    def visitor(self, identity: IdentityKey) -> Collection[IdentityKey]:
        """Return the identities that are read for one."""
        return members.visitor(self._connection, identity)

    def last_to_seal(self, table: str, keep: int) -> int:
        """Return the sequence up to which rows may be sealed."""
        return hot.last_to_seal(self._connection, table, keep)


class SqliteLog:
    """Implements `persx.storage.backends.duckdb.hot_log.HotLog`."""

    def __init__(self, database: Database, store: SqliteStore) -> None:
        self._database = database
        self._store = store

    @property
    def owns_home(self) -> bool:
        """Whether nobody else writes to the home."""
        return self._database.owns_home

    @contextmanager
    def reading(self) -> Iterator[SqliteReading]:
        """Hold one moment of the log, on this thread; keep it short."""
        connection = self._database.reader()
        connection.execute("BEGIN")
        try:
            yield SqliteReading(connection)
        finally:
            connection.execute("ROLLBACK")

    async def add_segment(self, segment: Segment) -> None:
        """Put a segment into the manifest and its rows out of sight, atomically."""
        await self._database.write(lambda connection: hot.add_segment(connection, segment))

    async def discard_sealed(self, table: str) -> None:
        """Delete the rows that segments hold, a piece at a time."""
        more = True
        while more:
            more = await self._database.write(
                lambda connection: hot.discard_sealed(connection, table, _DISCARDED_AT_ONCE)
            )

    async def remove(
        self,
        removal: Removal,
        swaps: Sequence[tuple[Segment, Segment]],
        touched: Collection[IdentityKey],
    ) -> Removed:
        """Remove what is hot and what is kept of the identities, and swap segments, atomically."""
        found = await asyncio.to_thread(self._find, removal)
        return await self._database.write(
            lambda connection: removing.remove(
                connection, self._database.tail, removal, found, swaps, touched
            )
        )

    def _find(self, removal: Removal) -> removing.Found:
        return removing.find(self._database.reader(), removal)

    async def scrub(self) -> None:
        """Empty the write-ahead log, where removed rows can still be read."""
        await asyncio.to_thread(self._database.truncate)

    def copy(self, path: Path) -> Sequence[Segment]:
        """Copy the database as of one moment; return the manifest of the copy."""
        self._database.copy(path)
        with closing(sqlite3.connect(path)) as copied:
            return hot.manifest(copied)

    async def lease(self, name: str, holder: str, until: Millis, now: Millis) -> bool:
        """Take or prolong a lease."""
        return await self._store.lease(name, holder, until, now)
