"""Appending: turns away what was seen, projects the rest and writes both, many batches at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

from persx.model.clock import DAY, Clock
from persx.model.event import Event, IdentityKey, RejectedEvent, concerned
from persx.storage.backends.sqlite.identities import Edges, States
from persx.storage.backends.sqlite.recent import RecentStates
from persx.storage.backends.sqlite.rows import insert
from persx.storage.backends.sqlite.seen import SeenIds, digests_of
from persx.storage.backends.sqlite.writer import Work
from persx.storage.keeping import DEDUPE_DAYS, REJECTED_KEPT, kept, mended, switch_note
from persx.storage.ports import Appended, Projector
from persx.storage.removal import Tombstone, Tombstones


class LogTail:
    """What the writer knows of the log without reading it: its end, seen ids, the projector."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self.seen = SeenIds(connection, clock)
        self.states = States()
        self.edges = Edges()
        self.recent = RecentStates()
        self.tombstones = tombstones(connection)
        self._removed = False
        self.sequence = last_sequence(connection, "event")
        self.projector: Projector | None = None
        self._committed: tuple[int, Projector | None] = (self.sequence, None)
        self._marked: tuple[int, Projector | None] = self._committed

    def mark(self) -> None:
        """Remember this point for `undo`."""
        self._marked = self.sequence, self.projector
        self.seen.mark()
        self.states.mark()
        self.tombstones.mark()

    def undo(self) -> None:
        """Go back to the last mark."""
        self.sequence, self.projector = self._marked
        self.seen.undo()
        self.states.undo()
        self.edges.undo()
        self.tombstones.undo()

    def commit(self) -> None:
        """Everything since the last commit is on disk."""
        self._committed = self.sequence, self.projector
        self.seen.commit()
        self.recent.forget(self.states.staged, linked=self.edges.rejoined or self._removed)
        self._removed = False
        self.tombstones.commit()
        self.states.commit()
        self.edges.commit()

    def rollback(self) -> None:
        """Everything since the last commit is gone."""
        self.sequence, self.projector = self._committed
        self.seen.rollback()
        self.states.rollback()
        self.edges.rollback()
        self.tombstones.rollback()

    def forget(self, keys: Collection[IdentityKey]) -> None:
        """Forget what is remembered of identities that were removed, in any transaction."""
        self.states.forget(keys)
        self.edges.forget(keys)
        self._removed = True


def tombstones(connection: sqlite3.Connection) -> Tombstones:
    """Return what the file tells of the erased."""
    (key,) = connection.execute("SELECT key FROM tombstone_key").fetchone()
    rows = connection.execute("SELECT id, at FROM tombstone").fetchall()
    return Tombstones(bytes(key), [Tombstone(id, at) for id, at in rows])


def last_sequence(connection: sqlite3.Connection, table: str) -> int:
    """Return the greatest sequence that a table ever gave out, sealed rows included."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return int(row[0]) if row else 0


class Append(Work[Appended]):
    """One batch on its way into the log."""

    def __init__(
        self,
        tail: LogTail,
        events: Sequence[tuple[Event, bytes]],
        rejected: Sequence[RejectedEvent],
        *,
        is_mended: bool = False,
    ) -> None:
        self.weight = max(1, len(events) + len(rejected))
        self.company = tail
        self._tail = tail
        self._events = events
        self._rejected = rejected
        self._is_mended = is_mended
        self._digests = digests_of(event.message_id for event, _ in events)

    def mended(self) -> Append | None:
        """Return the batch with numbers and strings that every encoding knows."""
        if self._is_mended:
            return None
        events = [kept(mended(event)) for event, _ in self._events]
        return Append(self._tail, events, self._rejected, is_mended=True)

    def perform(
        self, connection: sqlite3.Connection, works: Sequence[Append]
    ) -> Sequence[Appended]:
        """Append several batches, projected by one fold."""
        seen = self._seen(works)
        tail = self._tail
        sequence = tail.sequence
        events: list[Event] = []
        rows: list[Any] = []
        fresh: dict[int, list[bytes]] = {day: [] for day in seen}
        results: list[Appended] = []
        for work in works:
            before = sequence
            erased = 0
            for (event, body), digest in zip(work._events, work._digests, strict=True):
                day = event.received // DAY
                if digest in seen[day]:
                    continue
                if tail.tombstones.turns_away(event):
                    erased += 1
                    continue
                for other, digests in seen.items():
                    # Within the window of a later event, this one counts as seen.
                    if other - DEDUPE_DAYS <= day:
                        digests.add(digest)
                fresh[day].append(digest)
                sequence += 1
                events.append(event)
                rows += (sequence, body)
            accepted = sequence - before
            results.append(
                Appended(
                    accepted=accepted,
                    duplicates=len(work._events) - accepted - erased,
                    rejected=len(work._rejected),
                    erased=erased,
                    last_sequence=sequence,
                )
            )
        if events:
            insert(connection, "INSERT INTO event (sequence, body)", 2, rows)
            for day, new in fresh.items():
                if new:
                    tail.seen.add(connection, day, new)
            tail.sequence = sequence
            if tail.projector is not None:
                known = tail.states.load(connection, concerned(events))
                projection = tail.projector.fold(events, known)
                tail.states.write(connection, projection.states)
                tail.edges.merge(connection, projection.edges)
        aside = [
            item
            for work in works
            for one in work._rejected
            for item in (one.received, one.reason, one.body)
        ]
        if aside:
            insert(connection, "INSERT INTO rejected (received, reason, body)", 3, aside)
            # Whoever knows the public key can send nonsense without end.
            connection.execute(
                "DELETE FROM rejected WHERE id <= (SELECT max(id) FROM rejected) - ?",
                (REJECTED_KEPT,),
            )
        return results

    def _seen(self, works: Sequence[Append]) -> dict[int, set[bytes]]:
        """Return, per day of the batches, those of its digests that the log has seen."""
        by_day: dict[int, list[bytes]] = {}
        for work in works:
            for (event, _), digest in zip(work._events, work._digests, strict=True):
                by_day.setdefault(event.received // DAY, []).append(digest)
        return {day: self._tail.seen.seen(day, digests) for day, digests in by_day.items()}


class Switch(Work[int]):
    """A change of the projector, at its place among the batches."""

    def __init__(self, tail: LogTail, projector: Projector, note: bytes | None) -> None:
        self._tail = tail
        self._projector = projector
        self._note = note

    def perform(self, connection: sqlite3.Connection, works: Sequence[Switch]) -> Sequence[int]:
        """Switch, keep the note, and return the last sequence before."""
        if self._note is not None:
            connection.execute(
                "INSERT OR REPLACE INTO value (name, value) VALUES (?, ?)",
                (switch_note(self._tail.sequence), self._note),
            )
        self._tail.projector = self._projector
        return [self._tail.sequence]
