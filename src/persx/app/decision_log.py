"""The decision log, written behind: requests never wait for it, and what is lost is counted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Callable, Collection, Iterator
from itertools import chain
from typing import Final

from persx.model.clock import Millis
from persx.model.decision import DecisionRecord
from persx.model.errors import Unavailable
from persx.storage.ports import Store

CAPACITY: Final = 20_000
"""Lines that may wait; what a crash can lose is this or `SECONDS` of them."""

BATCH: Final = 2_000
"""Lines that are written in one transaction."""

SECONDS: Final = 0.5

_log = logging.getLogger("persx")


_TIME_DIGITS: Final = 11


def decided_at(id: str) -> Millis:
    """Return when the decision with an id was made; 0 where the id is not one of ours.

    >>> decided_at("001a0b0c0d0" + "f" * 16)
    6990905552
    """
    try:
        return int(id[:_TIME_DIGITS], 16)
    except ValueError:
        return 0


class DecisionLog:
    """Collects lines and writes them together about twice a second.

    `written` counts the lines that this process has written.
    """

    def __init__(self, dropped: Callable[[int], None]) -> None:
        self._waiting: deque[DecisionRecord] = deque()
        self._writing: list[DecisionRecord] = []
        self._dropped = dropped
        self._random = _random_digits()
        self.written = 0

    def new_id(self, now: Millis) -> str:
        """Return an id for a decision: those that grow with time lie side by side in the log."""
        return f"{now:0{_TIME_DIGITS}x}{next(self._random)}"

    def add(self, record: DecisionRecord) -> None:
        """Keep a line for the next write; when too many wait, it is dropped and counted."""
        if len(self._waiting) >= CAPACITY:
            self._dropped(1)
        else:
            self._waiting.append(record)

    @property
    def pending(self) -> int:
        """How many lines wait to be written."""
        return len(self._waiting)

    def waiting(self, id: str) -> DecisionRecord | None:
        """Return a line that is not written yet."""
        return next((line for line in self._unwritten() if line.id == id), None)

    def waiting_of(self, bucketing_ids: Collection[str]) -> list[DecisionRecord]:
        """Return the lines of these visitors that are not written yet."""
        return [line for line in self._unwritten() if line.bucketing_id in bucketing_ids]

    def _unwritten(self) -> Iterator[DecisionRecord]:
        return chain(self._writing, self._waiting)

    async def flush(self, store: Store) -> None:
        """Write what waits.

        Raises:
            Unavailable: The store cannot be written now; the lines wait for the next time.
        """
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH))]
            self._writing = batch
            try:
                await store.log_decisions(batch)
            except (Unavailable, asyncio.CancelledError):
                # Perhaps they are written all the same: a line that is there is not added again.
                self._waiting.extendleft(reversed(batch))
                raise
            except Exception:
                # Lines that cannot be kept would hold up all the others for ever.
                self._dropped(len(batch))
                _log.exception("%d lines of the decision log could not be kept.", len(batch))
            else:
                self.written += len(batch)
            finally:
                self._writing = []

    async def run(self, store: Store) -> None:
        """Write behind until cancelled."""
        while True:
            await asyncio.sleep(SECONDS)
            with contextlib.suppress(Unavailable):
                await self.flush(store)


def _random_digits() -> Iterator[str]:
    """Yield 64 random bits as 16 digits; the system is asked for many of them at once."""
    while True:
        digits = secrets.token_hex(2_048)
        for start in range(0, len(digits), 16):
            yield digits[start : start + 16]
