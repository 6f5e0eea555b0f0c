"""Slow reads: questions of visitors that the warehouse answers, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from persx.model.errors import Unavailable

MOST_WAITING: Final = 16
"""Whoever comes when so many wait is asked to come back."""


class SlowReads:
    """A queue for what takes the warehouse's time, so that visitors cannot take all of it."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn.

        Raises:
            Unavailable: Too many wait already.
        """
        if self._waiting >= MOST_WAITING:
            raise Unavailable("Too many people ask at once.", hint="Try again in a moment.")
        self._waiting += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting -= 1
