"""Readings: what is being computed now, each thing once, however many wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from persx.model.clock import Millis

T = TypeVar("T")


class Readings(Generic[T]):
    """Computations that go on, by what they are of.

    Attributes:
        asked: Experiment → when somebody last wanted to see it.
    """

    def __init__(self) -> None:
        self.asked: dict[str, Millis] = {}
        self._going: dict[object, asyncio.Task[T]] = {}

    async def read(
        self, key: object, compute: Callable[[], Awaitable[T]], *, patience: float | None = None
    ) -> T | None:
        """Compute something, or wait for whom does already.

        What is not waited for any longer is computed to its end.

        Args:
            key: What it is; equal ones are computed once.
            patience: Seconds to wait at most; none waits for as long as it takes.

        Returns:
            What was computed; none where that takes longer.
        """
        task = self._going.get(key)
        if task is None:

            async def work() -> T:
                return await compute()

            task = self._going[key] = asyncio.create_task(work())
            task.add_done_callback(lambda done: self._over(key, done))
        done, _ = await asyncio.wait({task}, timeout=patience)
        return task.result() if done else None

    def _over(self, key: object, task: asyncio.Task[T]) -> None:
        self._going.pop(key, None)
        if not task.cancelled():
            # Nobody may be waiting any more when it fails.
            task.exception()

    async def stop(self) -> None:
        """Stop what goes on: nobody waits any more, and nothing that is kept is lost."""
        tasks = tuple(self._going.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
