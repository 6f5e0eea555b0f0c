"""The trainings that somebody asked this process for, and that still go on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Trainings:
    """Tasks by the name of what they train."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[None]] = {}

    def runs(self, name: str) -> bool:
        """Tell whether something is being trained just now."""
        return name in self._running

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Begin a training; it ends with the process."""
        task = asyncio.create_task(work)
        self._running[name] = task
        task.add_done_callback(lambda _: self._running.pop(name, None))

    async def finished(self) -> None:
        """Wait until all are done."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def stop(self) -> None:
        """End them; what is done of them stays for the next ones."""
        for task in self._running.values():
            task.cancel()
        await self.finished()
