"""The memory backend's log as the warehouse sees it: one moment of it, and what sealing changes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from persx.model.clock import Millis
from persx.model.errors import BadInput, Conflict
from persx.model.event import Event, IdentityKey
from persx.storage.backends import memory_removing
from persx.storage.backends.memory_shelves import Shelves
from persx.storage.keeping import read_event, with_sequence
from persx.storage.ports import Segment
from persx.storage.removal import Removal, Removed

_BLOCK: Final = 500


class _Block(NamedTuple):
    rows: int
    first: int
    last: int
    text: bytes


class MemoryReading:
    """One moment of the log: the rows as they stood when it began."""

    def __init__(self, shelves: Shelves) -> None:
        self._shelves = shelves
        self._segments, hot = shelves.log
        self._hot = {table: dict(rows) for table, rows in hot.items()}

    def segments(self, table: str | None = None) -> Sequence[Segment]:
        """Return the manifest, of one table or of all."""
        found = [one for one in self._segments if table is None or one.table == table]
        return sorted(found, key=lambda segment: (segment.table, segment.first_sequence))

    def blocks(self, table: str, *, to: int, limit: int) -> Iterator[_Block]:
        """Yield hot rows as lines of JSON."""
        rows = [(sequence, body) for sequence, body in self._hot[table].items() if sequence <= to]
        rows = rows[:limit]
        for start in range(0, len(rows), _BLOCK):
            part = rows[start : start + _BLOCK]
            text = b"\n".join(with_sequence(sequence, body) for sequence, body in part)
            yield _Block(len(part), part[0][0], part[-1][0], text)

    def events(self, after: int, limit: int) -> list[Event]:
        """Return some of the next hot events, none only at the end."""
        rows = [(sequence, body) for sequence, body in self._hot["events"].items()]
        found = [(sequence, body) for sequence, body in rows if sequence > after][:limit]
        return [read_event(sequence, body) for sequence, body in found]

    def visitor(self, identity: IdentityKey) -> Collection[IdentityKey]:
        """Return the identities that are read for one."""
        return self._shelves.visitor(identity)

    def last_to_seal(self, table: str, keep: int) -> int:
        """Return the sequence up to which rows may be sealed."""
        sequences = list(self._hot[table])
        return sequences[-1 - keep] if len(sequences) > keep else 0


class MemoryLog:
    """Implements `persx.storage.backends.duckdb.hot_log.HotLog`."""

    owns_home = True

    def __init__(self, shelves: Shelves) -> None:
        self._shelves = shelves

    @contextmanager
    def reading(self) -> Iterator[MemoryReading]:
        """Hold one moment of the log."""
        yield MemoryReading(self._shelves)

    async def add_segment(self, segment: Segment) -> None:
        """Put a segment into the manifest and remove its rows, in one step of the loop."""
        hot = self._shelves.hot[segment.table]
        sealed = [sequence for sequence in hot if sequence <= segment.last_sequence]
        if len(sealed) != segment.rows:
            raise Conflict(f"The log of {segment.table} changed while it was sealed.")
        kept_rows: dict[int, Any] = {
            sequence: body for sequence, body in hot.items() if sequence > segment.last_sequence
        }
        segments, rows = self._shelves.log
        self._shelves.log = (*segments, segment), {**rows, segment.table: kept_rows}

    async def discard_sealed(self, table: str) -> None:
        """Do nothing: the rows went with `add_segment`."""

    async def remove(
        self,
        removal: Removal,
        swaps: Sequence[tuple[Segment, Segment]],
        touched: Collection[IdentityKey],
    ) -> Removed:
        """Remove what is hot and what is kept of the identities, in one step of the loop."""
        return memory_removing.remove(self._shelves, removal, swaps, touched)

    async def scrub(self) -> None:
        """Do nothing: there is no file in which removed rows could be read."""

    def copy(self, path: Path) -> Sequence[Segment]:
        """Refuse."""
        raise BadInput(
            "What is in memory cannot be backed up.", hint="Serve a home with the store sqlite."
        )

    async def lease(self, name: str, holder: str, until: Millis, now: Millis) -> bool:
        """Take or prolong a lease."""
        return self._shelves.take_lease(name, holder, until, now)
