"""Giving way: long work in a serving process rests while somebody asks for something.

The interpreter and the cores are shared: work that leaves no pause makes every request wait for
its turn, however small the work's pieces are.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from persx.app.services import Services

BUSY_SECONDS: Final = 1.0
"""How long after a request others are expected."""

REST: Final = 2.0
"""How much longer than it works a busy process rests."""

LONGEST_REST: Final = 1.0
"""Seconds of a rest at most: work goes on, however slow the machine is."""


class Pace:
    """How fast long work may go on beside requests."""

    def __init__(self, services: Services) -> None:
        self._metrics = services.metrics
        self._asked = self._metrics.asked
        self._busy_until = 0.0
        self._began = time.perf_counter()

    @property
    def busy(self) -> bool:
        """Whether somebody asked for something within the last second."""
        asked, now = self._metrics.asked, time.perf_counter()
        if asked != self._asked:
            self._asked, self._busy_until = asked, now + BUSY_SECONDS
        return now < self._busy_until

    async def rest(self) -> None:
        """Rest if the process is busy, in proportion to what was worked since the last rest."""
        worked = time.perf_counter() - self._began
        await asyncio.sleep(min(REST * worked, LONGEST_REST) if self.busy else 0)
        self._began = time.perf_counter()
