"""Profiles, drafts, snapshots, values, leases and the decision log in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

import msgspec

from persx.model.clock import Millis
from persx.model.decision import DecisionRecord
from persx.model.errors import Unreadable
from persx.model.event import IdentityKey
from persx.model.visitor import Cut, IdentityState
from persx.model.workspace import Snapshot
from persx.storage.backends.sqlite import packets, records, removing
from persx.storage.backends.sqlite.append import tombstones
from persx.storage.backends.sqlite.database import Database
from persx.storage.backends.sqlite.expiring import expire_facts, forget_attributes
from persx.storage.backends.sqlite.visitors import SqliteVisitors
from persx.storage.drafting import check_base, check_storable, no_snapshot
from persx.storage.keeping import storable
from persx.storage.ports import DraftFile, Projector, Record, SnapshotHead
from persx.storage.removal import Tombstone, Tombstones
from persx.storage.scope import VisitorScope, check_about_nobody, is_about_visitor

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Snapshot).decode


class SqliteStore:
    """Implements `persx.storage.ports.Store`. Closing it closes the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._read = database.reader

    def seen_by(self, scope: VisitorScope) -> SqliteVisitors:
        """Return what reads visitors' data, as far as this scope may see it."""
        return SqliteVisitors(self._database, scope)

    async def cut(self, cut: Cut) -> bool:
        """Take an edge back; tell whether it was not cut before."""
        return await self._database.write(
            lambda connection: self._database.tail.edges.cut(connection, cut)
        )

    async def mend(self, left: IdentityKey, right: IdentityKey) -> bool:
        """Undo a cut; tell whether there was one."""
        return await self._database.write(
            lambda connection: self._database.tail.edges.mend(connection, left, right)
        )

    async def merge_states(
        self, name: str, position: int, states: Sequence[IdentityState], projector: Projector
    ) -> None:
        """Merge states into the kept ones and set a value to the position, as decimal digits."""

        def merge(connection: sqlite3.Connection) -> None:
            kept = self._database.tail.states
            merged = kept.load(connection, {state.identity for state in states})
            for state in states:
                old = merged.get(state.identity)
                merged[state.identity] = state if old is None else projector.merge(old, state)
            kept.write(connection, merged)
            _set_value(connection, name, b"%d" % position)

        await self._database.write(merge)

    async def drafts(self) -> Mapping[str, DraftFile]:
        """Return the workspace's files by path."""
        rows = (
            self._read()
            .execute("SELECT path, text, digest, changed, author FROM draft ORDER BY path")
            .fetchall()
        )
        return {
            path: DraftFile(path=path, text=text, digest=digest, changed=changed, author=author)
            for path, text, digest, changed, author in rows
        }

    async def save_drafts(
        self, changed: Sequence[DraftFile], removed: Sequence[str], base: Mapping[str, str]
    ) -> None:
        """Write and remove files, unless somebody changed one of them in the meantime."""
        check_storable(changed)

        def save(connection: sqlite3.Connection) -> None:
            digests = dict(connection.execute("SELECT path, digest FROM draft").fetchall())
            check_base([file.path for file in changed], removed, base, digests)
            connection.executemany(
                "DELETE FROM draft WHERE path = ?", [(path,) for path in removed]
            )
            connection.executemany(
                "INSERT OR REPLACE INTO draft (path, text, digest, changed, author) "
                "VALUES (?, ?, ?, ?, ?)",
                [
                    (file.path, file.text, file.digest, file.changed, file.author)
                    for file in changed
                ],
            )

        await self._database.write(save)

    async def publish(self, snapshot: Snapshot) -> int:
        """Keep the snapshot under the next number and make it the active one."""

        def keep(connection: sqlite3.Connection) -> int:
            number: int = connection.execute(
                "SELECT coalesce(max(number), 0) + 1 FROM snapshot"
            ).fetchone()[0]
            numbered = msgspec.structs.replace(snapshot, number=number)
            connection.execute(
                "INSERT INTO snapshot (number, digest, published, author, message, body) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    number,
                    snapshot.digest,
                    snapshot.published,
                    snapshot.author,
                    snapshot.message,
                    _encode(numbered),
                ),
            )
            connection.execute(
                "INSERT OR REPLACE INTO active (id, number) VALUES (1, ?)", (number,)
            )
            return number

        return await self._database.write(keep)

    async def activate(self, number: int) -> None:
        """Make an earlier snapshot the active one."""

        def point(connection: sqlite3.Connection) -> None:
            found = connection.execute(
                "INSERT OR REPLACE INTO active (id, number) "
                "SELECT 1, number FROM snapshot WHERE number = ?",
                (number,),
            )
            if not found.rowcount:
                raise no_snapshot(number)

        await self._database.write(point)

    async def snapshot(self, number: int | None = None) -> Snapshot | None:
        """Return a snapshot by number, or the active one.

        Raises:
            Unreadable: Another version stored it, or it is damaged.
        """
        if number is None:
            number = await self.active_number()
        row = (
            self._read().execute("SELECT body FROM snapshot WHERE number = ?", (number,)).fetchone()
        )
        try:
            return None if row is None else _decode(row[0])
        except msgspec.MsgspecError as error:
            raise Unreadable(
                f"Snapshot {number} was stored by another version, or is damaged: {error}.",
                value=number,
                hint="Publish again, or roll back to another one.",
            ) from error

    async def snapshots(self) -> Sequence[SnapshotHead]:
        """Return all snapshots, newest first."""
        rows = (
            self._read()
            .execute(
                "SELECT number, digest, published, author, message, "
                "number = (SELECT number FROM active) FROM snapshot ORDER BY number DESC"
            )
            .fetchall()
        )
        return [
            SnapshotHead(
                number=number,
                digest=digest,
                published=published,
                author=author,
                message=message,
                active=bool(active),
            )
            for number, digest, published, author, message, active in rows
        ]

    async def active_number(self) -> int:
        """Return the number of the active snapshot, 0 where nothing is published."""
        row = self._read().execute("SELECT number FROM active").fetchone()
        return int(row[0]) if row else 0

    async def value(self, name: str) -> bytes | None:
        """Return a small named value that is about nobody."""
        check_about_nobody(name)
        row = (
            self._read()
            .execute("SELECT value FROM value WHERE name = ?", (storable(name),))
            .fetchone()
        )
        return None if row is None else bytes(row[0])

    async def set_value(self, name: str, value: bytes | None) -> None:
        """Keep a small named value, or remove it."""
        await self._database.write(lambda connection: _set_value(connection, name, value))

    async def values(self, prefix: str) -> Mapping[str, bytes]:
        """Return all small values whose names begin so, but for those about visitors."""
        prefix = storable(prefix)
        rows = self._read().execute(
            "SELECT name, value FROM value WHERE name >= ? ORDER BY name", (prefix,)
        )
        found: dict[str, bytes] = {}
        for name, value in rows:
            if not name.startswith(prefix):
                break
            if not is_about_visitor(name):
                found[name] = bytes(value)
        rows.close()
        return found

    async def swap_value(self, name: str, expected: bytes | None, value: bytes | None) -> bool:
        """Set or remove a small value if it is what the caller believes; tell whether it was."""
        return await self._database.write(
            lambda connection: records.swap(connection, name, expected, value)
        )

    async def add_record(self, log: str, make: Callable[[int, bytes | None], bytes]) -> Record:
        """Append to a log of records."""
        return await self._database.write(lambda connection: records.add(connection, log, make))

    async def records(
        self, log: str, *, after: int = 0, limit: int = 1_000, newest: bool = False
    ) -> Sequence[Record]:
        """Return the oldest records after a number, in order; or the newest, newest first."""
        find = records.newest if newest else records.oldest
        return find(self._read(), log, after=after, limit=limit)

    async def lease(self, name: str, holder: str, until: Millis, now: Millis) -> bool:
        """Take or prolong a lease unless another holder has it now."""

        def take(connection: sqlite3.Connection) -> bool:
            taken = connection.execute(
                "INSERT INTO lease (name, holder, until) VALUES (?1, ?2, ?3) "
                "ON CONFLICT (name) DO UPDATE SET holder = ?2, until = ?3 "
                "WHERE holder = ?2 OR until <= ?4",
                (storable(name), storable(holder), until, now),
            )
            return taken.rowcount > 0

        return await self._database.write(take)

    async def log_decisions(self, records: Sequence[DecisionRecord]) -> None:
        """Append to the decision log; an id that it holds already is left out."""

        def add(connection: sqlite3.Connection) -> None:
            stones = self._database.tail.tombstones
            packets.add(connection, [one for one in records if not stones.turns_away_decision(one)])

        if records:
            await self._database.write(add)

    async def tombstones(self) -> Tombstones:
        """Return what is known of the erased."""
        return tombstones(self._read())

    async def add_tombstones(self, stones: Sequence[Tombstone]) -> None:
        """Turn away what is older than these erasures."""
        await self._database.write(
            lambda connection: removing.keep(connection, self._database.tail.tombstones, stones)
        )

    async def expire_facts(self, before: Mapping[str, Millis]) -> int:
        """Remove facts that were said before a time, a piece of the identities at a time."""
        return await expire_facts(self._database, before)

    async def forget_attributes(
        self, identities: Collection[IdentityKey], names: Collection[str]
    ) -> int:
        """Remove facts and computed attributes by name from states."""
        return await forget_attributes(self._database, identities, names)

    async def close(self) -> None:
        """Finish writing and let go of the database."""
        await self._database.close()


def _set_value(connection: sqlite3.Connection, name: str, value: bytes | None) -> None:
    if value is None:
        connection.execute("DELETE FROM value WHERE name = ?", (storable(name),))
    else:
        connection.execute(
            "INSERT OR REPLACE INTO value (name, value) VALUES (?, ?)", (storable(name), value)
        )
