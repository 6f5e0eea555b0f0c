"""Slow reads: one at a time, and whoever comes when too many wait is asked to come back."""

from __future__ import annotations

import asyncio

import pytest

from persx.app.slow_reads import MOST_WAITING, SlowReads
from persx.model.errors import Unavailable


@pytest.mark.anyio
async def test_one_at_a_time_and_no_endless_queue() -> None:
    reads = SlowReads()
    inside, most = 0, 0
    door = asyncio.Event()

    async def read() -> None:
        nonlocal inside, most
        async with reads.turn():
            inside += 1
            most = max(most, inside)
            await door.wait()
            inside -= 1

    waiting = [asyncio.create_task(read()) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await read()
    waiting.pop().cancel()
    door.set()
    await asyncio.gather(*waiting)
    assert most == 1
    await read()
