"""Which message ids were seen: digests in memory, kept in the file run by run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, TypeAlias

from persx.model.clock import Clock
from persx.storage.keeping import DEDUPE_DAYS, day_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Digests: TypeAlias = npt.NDArray[np.uint64]

_FRESH_LIMIT: Final = 32_768
_ROWS_LIMIT: Final = 64


def digests_of(message_ids: Iterable[str]) -> list[bytes]:
    """Return the 64 bits that stand for each message id."""
    return [blake2b(message_id.encode(), digest_size=8).digest() for message_id in message_ids]


class _Day:
    """The digests of one day: a set of the newest, and a sorted array once there are many.

    NumPy takes 8 bytes for what a set needs a hundred for, and 0.3 s to be imported; a home
    that sees few visitors does without. `merged` is the row id up to which the file's rows were
    put together.
    """

    def __init__(self) -> None:
        self.fresh: set[bytes] = set()
        self.sorted: Digests | None = None
        self.merged = 0

    def known(self, digests: Sequence[bytes]) -> set[bytes]:
        known = self.fresh.intersection(digests)
        if self.sorted is not None:
            import numpy as np

            packed = np.frombuffer(b"".join(digests), np.uint64)
            places = np.searchsorted(self.sorted, packed)
            places[places == self.sorted.size] = 0
            hits = np.flatnonzero(self.sorted[places] == packed)
            known.update(digests[hit] for hit in hits.tolist())
        return known

    def pack(self) -> None:
        """Put the fresh digests into the array."""
        import numpy as np

        fresh = np.frombuffer(b"".join(self.fresh), np.uint64)
        both = fresh if self.sorted is None else np.concatenate([self.sorted, fresh])
        self.sorted = np.sort(both)
        self.fresh = set()


class SeenIds:
    """Remembers message ids for a week, in partitions by day of `received`.

    An index of ids in the file would dirty a page for every event, as ids are random; here a
    group costs 8 bytes an event, appended, and the answer comes from memory. Two ids share a
    digest once in 10^12 events at ten million a week (docs/adr/0003).

    Used by the writer's thread alone, inside its transactions.
    """

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._clock = clock
        self._days: dict[int, _Day] = {}
        self._staged: list[tuple[int, list[bytes]]] = []
        self._mark = 0
        self._pruned = 0
        self._load(connection)

    def _load(self, connection: sqlite3.Connection) -> None:
        rows: dict[int, int] = {}
        last = connection.execute("SELECT coalesce(max(id), 0) FROM message_ids").fetchone()[0]
        for number, digests in connection.execute("SELECT day, digests FROM message_ids"):
            day = self._days.setdefault(number, _Day())
            rows[number] = rows.get(number, 0) + 1
            day.fresh.update(digests[at : at + 8] for at in range(0, len(digests), 8))
            if len(day.fresh) >= _FRESH_LIMIT:
                day.pack()
        for number, day in self._days.items():
            day.merged = last if rows[number] <= _ROWS_LIMIT else 0

    def seen(self, day: int, digests: Sequence[bytes]) -> set[bytes]:
        """Return those of the digests that were seen, in this transaction too.

        Ids of later days count too: clocks of several front ends may differ.
        """
        seen: set[bytes] = set()
        for number, partition in self._days.items():
            if number >= day - DEDUPE_DAYS:
                seen |= partition.known(digests)
        for number, added in self._staged:
            if number >= day - DEDUPE_DAYS:
                seen |= set(digests).intersection(added)
        return seen

    def add(self, connection: sqlite3.Connection, day: int, digests: list[bytes]) -> None:
        """Remember digests that are new."""
        if day > self._pruned:
            self._prune(connection, day)
        partition = self._days.get(day)
        if partition is not None and len(partition.fresh) >= _FRESH_LIMIT:
            self._merge(connection, day, partition)
        connection.execute(
            "INSERT INTO message_ids (day, digests) VALUES (?, ?)", (day, b"".join(digests))
        )
        self._staged.append((day, digests))

    def _merge(self, connection: sqlite3.Connection, number: int, day: _Day) -> None:
        """Put the fresh digests into the array, and the rows that hold them into one.

        Should the transaction fail, the rows stay apart, which is only less compact.
        """
        day.pack()
        rows = connection.execute(
            "SELECT digests FROM message_ids WHERE day = ? AND id > ?", (number, day.merged)
        ).fetchall()
        connection.execute("DELETE FROM message_ids WHERE day = ? AND id > ?", (number, day.merged))
        day.merged = (
            connection.execute(
                "INSERT INTO message_ids (day, digests) VALUES (?, ?)",
                (number, b"".join(row[0] for row in rows)),
            ).lastrowid
            or 0
        )

    def _prune(self, connection: sqlite3.Connection, day: int) -> None:
        """Forget days that no retry is compared with any more.

        A wrong time in the future must not make it forget, hence the clock's say.
        """
        self._pruned = day
        limit = min(day, day_of(self._clock())) - DEDUPE_DAYS - 1
        connection.execute("DELETE FROM message_ids WHERE day < ?", (limit,))
        for number in [number for number in self._days if number < limit]:
            del self._days[number]

    def mark(self) -> None:
        """Remember this point for `undo`."""
        self._mark = len(self._staged)

    def undo(self) -> None:
        """Take back what was added since the mark."""
        del self._staged[self._mark :]

    def commit(self) -> None:
        """Make what was added part of the partitions."""
        for number, digests in self._staged:
            day = self._days.get(number)
            if day is None:
                day = self._days[number] = _Day()
            day.fresh.update(digests)
        self._staged.clear()

    def rollback(self) -> None:
        """Take back everything since the last commit."""
        self._staged.clear()
