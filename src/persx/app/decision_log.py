"""The decision log, written behind: requests never wait for it, and what is lost is counted."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Final

from persx.model.decision import DecisionRecord
from persx.model.errors import PersxError
from persx.storage.ports import Store

CAPACITY: Final = 20_000
"""Lines that may wait; what a crash can lose is this or `SECONDS` of them."""

SECONDS: Final = 0.5


class DecisionLog:
    """Collects lines and writes them together about twice a second."""

    def __init__(self, dropped: Callable[[int], None]) -> None:
        self._waiting: deque[DecisionRecord] = deque()
        self._dropped = dropped

    def add(self, record: DecisionRecord) -> None:
        """Keep a line for the next write; when too many wait, it is dropped and counted."""
        if len(self._waiting) >= CAPACITY:
            self._dropped(1)
        else:
            self._waiting.append(record)

    async def flush(self, store: Store) -> None:
        """Write what waits. Lines that the store cannot take stay for the next time."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), 2_000))]
            try:
                await store.log_decisions(batch)
            except PersxError:
                self._waiting.extendleft(reversed(batch))
                raise

    async def run(self, store: Store) -> None:
        """Write behind until cancelled."""
        while True:
            await asyncio.sleep(SECONDS)
            with contextlib.suppress(PersxError):
                await self.flush(store)
