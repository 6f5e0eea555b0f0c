"""Logs that only grow, and values that change hands once, in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from persx.storage.keeping import storable
from persx.storage.ports import Record
from persx.storage.scope import check_about_nobody


class MemoryRecords:
    """The part of the memory store that keeps these; nothing here gives way to another task."""

    def __init__(self, values: dict[str, bytes]) -> None:
        self._values = values
        self._logs: dict[str, list[Record]] = {}

    async def swap_value(self, name: str, expected: bytes | None, value: bytes | None) -> bool:
        """Set or remove a small value if it is what the caller believes; tell whether it was."""
        name = storable(check_about_nobody(name))
        if self._values.get(name) != expected:
            return False
        if value is None:
            self._values.pop(name, None)
        else:
            self._values[name] = value
        return True

    async def add_record(self, log: str, make: Callable[[int, bytes | None], bytes]) -> Record:
        """Append to a log of records."""
        kept = self._logs.setdefault(storable(log), [])
        number = len(kept) + 1
        record = Record(number, make(number, kept[-1].body if kept else None))
        kept.append(record)
        return record

    async def records(
        self, log: str, *, after: int = 0, limit: int = 1_000, newest: bool = False
    ) -> Sequence[Record]:
        """Return the oldest records after a number, in order; or the newest, newest first."""
        found = self._logs.get(storable(log), [])[max(after, 0) :]
        return (found[::-1] if newest else found)[: max(limit, 0)]
