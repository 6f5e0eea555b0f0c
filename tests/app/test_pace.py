"""Giving way: long work rests beside requests, for longer than it works, and only then."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from persx.app import pace
from persx.app.pace import Pace
from persx.app.services import Services

pytestmark = pytest.mark.anyio

WORK = 0.02


async def _share_worked(of: Pace, rounds: int = 4) -> float:
    """Return which share of the time some work had that rests after each piece."""
    begun = time.perf_counter()
    for _ in range(rounds):
        await asyncio.sleep(WORK)
        await of.rest()
    return rounds * WORK / (time.perf_counter() - begun)


async def test_it_goes_on_at_once_while_nobody_asks(services: Services) -> None:
    slept: list[float] = []
    of = Pace(services)
    assert not of.busy
    asyncio.get_running_loop().call_soon(slept.append, 0.0)
    await of.rest()
    assert slept == [0.0], "others have their turn even then"


async def test_it_works_a_third_of_the_time_beside_requests(services: Services) -> None:
    of = Pace(services)
    services.metrics.asked += 1
    assert of.busy
    assert await _share_worked(of) <= 1 / (1 + pace.REST)


async def test_a_second_after_the_last_request_it_is_alone_again(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "BUSY_SECONDS", 0.05)
    of = Pace(services)
    services.metrics.asked += 1
    assert of.busy
    await asyncio.sleep(0.06)
    assert not of.busy


async def test_visitors_count_and_the_homes_own_commands_do_not(
    services: Services, client: httpx.AsyncClient
) -> None:
    of = Pace(services)
    await client.post("/v1/commands/nothing")
    assert not of.busy
    await client.get("/")
    assert of.busy
