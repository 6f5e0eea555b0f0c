"""A look at health: with nothing new, over many decisions in memory, and over a day of the log.

Beside each stands how long the process answered nobody, for looks share it with visitors.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from benchmarks.measurement import Measurement
from persx.app.home import open_home
from persx.app.looking import look
from persx.app.services import Services
from persx.app.settings import ServerSettings
from persx.app.starting import load_demo
from persx.model.clock import DAY, HOUR, MINUTE
from persx.model.decision import Decision, DecisionRecord, Reason
from persx.model.event import EXPOSURE, Event, EventType

DECISIONS = 100_000
VISITORS = 30_000
BATCH = 5_000
ROUNDS = 7
NOON = 1_795_345_200_000
"""2026-11-22 12:00 in the demo's zone: half of a day lies before it."""


def main() -> list[Measurement]:
    """Return milliseconds of looks, each with the longest wait of others as its note."""
    with tempfile.TemporaryDirectory(prefix="persx-bench-") as name:
        return asyncio.run(_measured(Path(name)))


async def _measured(folder: Path) -> list[Measurement]:
    now = NOON
    settings = ServerSettings(store="sqlite", seal_rows=50_000)
    async with open_home(folder / "home", settings, clock=lambda: now) as services:
        await load_demo(services, "persx_ai")
        await services.refresh()
        await look(services)
        idle, counted = [], []
        for _ in range(ROUNDS):
            idle.append(await _timed(lambda: look(services)))
            _decide(services)
            counted.append(await _timed(lambda: look(services)))
            now += MINUTE
        await _fill(services, NOON - 12 * HOUR)
        now = NOON + DAY
        day = await _timed(lambda: look(services))
        (kept,) = [each for each in (services.health.days or {}).values() if each.whole]
        if kept.counts.visitors.all != VISITORS:
            raise AssertionError(f"{kept.counts.visitors.all} visitors were counted.")
    size = f"{DECISIONS:,} decisions"
    return [
        _told("a look at health, nothing new", idle, "12 pages, 30 blocks, 5 industries"),
        _told(f"a look at health, {size} in memory", counted, "whatever they are, sums"),
        _told(f"a look at health, a day of {size} in the log", [day], f"{VISITORS:,} visitors"),
    ]


def _told(name: str, taken: list[tuple[float, float]], sizes: str) -> Measurement:
    seconds = statistics.median(each for each, _ in taken)
    longest = max(each for _, each in taken)
    note = f"{sizes}; nobody else was answered for {1_000 * longest:.0f} ms at most"
    return Measurement(name, round(1_000 * seconds, 1), "ms", note=note)


async def _timed(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Return the seconds of some work, and the longest time in which nothing else ran."""
    longest, done = 0.0, False

    async def others() -> None:
        nonlocal longest
        last = time.perf_counter()
        while not done:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    waiting = asyncio.create_task(others())
    await asyncio.sleep(0)
    begun = time.perf_counter()
    await work()
    took = time.perf_counter() - begun
    done = True
    await waiting
    return took, longest


def _decide(services: Services) -> None:
    """Count decisions of every block, for every industry, as a busy server does between looks."""
    plan = services.publication.plan
    assert plan is not None
    made = [
        Decision(block=block, type="hero", variant="x", content={}, reason=Reason.TARGETED, arms={})
        for block in plan.workspace.blocks
    ]
    names = ["", *plan.workspace.industries]
    tally = services.health.tally
    for number in range(DECISIONS // len(made)):
        tally.decided(made, names[number % len(names)], storable=True)


async def _fill(services: Services, begin: int) -> None:
    """Write half a day of pages to the decision log, with what their visitors did after."""
    draw = random.Random(1)
    industries = ["SaaS", "Education", None]
    for start in range(0, DECISIONS, BATCH):
        lines, events = [], []
        for number in range(start, start + BATCH):
            who, at = f"a:{number % VISITORS}", begin + number * 12 * HOUR // DECISIONS
            industry = industries[number % VISITORS % 3]
            body = {
                "page": "home",
                "attributes": {"industry": industry} if industry else {},
                "assignments": [{"experiment": "holdout", "arm": "targeted"}],
                "decisions": [
                    [f"block-{n}", "x", "targeted" if industry else "no_match", 1.0]
                    for n in range(6)
                ],
            }
            lines.append(
                DecisionRecord(
                    id=f"{at:011x}{draw.getrandbits(64):016x}", at=at, bucketing_id=who,
                    page="home", snapshot=1, body=msgspec.json.encode(body).decode(),
                )
            )  # fmt: skip
            if number < VISITORS:
                events.append(
                    Event(
                        type=EventType.TRACK, name=EXPOSURE, message_id=f"x{number}",
                        anonymous_id=who[2:], timestamp=at, received=at, verified=True,
                        properties={
                            "experiment_id": "holdout", "variation_id": "targeted", "epoch": 1,
                            "unit": who, "segments": {"industry": industry},
                        },
                    )
                )  # fmt: skip
        await services.store.log_decisions(lines)
        await services.stream.append(events)
