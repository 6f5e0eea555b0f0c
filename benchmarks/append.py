"""Appending to the embedded log, durable, deduplicated and projected, against bare SQLite.

The peer inserts the same events' JSON into one table of a WAL file with synchronous=FULL,
100 to a commit: what anything that keeps events one batch after another has to pay.
"""

from __future__ import annotations

import asyncio
import gc
import random
import shutil
import sqlite3
import statistics
import tempfile
import time
import uuid
from pathlib import Path

from benchmarks.measurement import Measurement
from persx.model.attribute import Attribute, Computation, Source, ValueType
from persx.model.event import Event, EventType
from persx.storage.backends import Storage, open_storage
from persx.storage.keeping import kept
from persx.visitors.fold import Fold

GROUP = 100
PRODUCERS = 8
EVENTS = 24_000
ROUNDS = 5
VISITORS = 4_000
NOW = 1_790_000_000_000

ATTRIBUTES = {
    attribute.name: attribute
    for attribute in (
        Attribute(name="customer.industry", type=ValueType.STRING),
        Attribute(name="customer.goals", type=ValueType.STRINGS),
        Attribute(
            name="customer.last_purchase_category",
            source=Source.COMPUTED,
            compute=Computation(kind="last", event="Order Completed", property="category"),
        ),
        Attribute(
            name="orders",
            type=ValueType.NUMBER,
            source=Source.COMPUTED,
            compute=Computation(kind="count", event="Order Completed", options={"within": "30d"}),
        ),
        Attribute(
            name="revenue",
            type=ValueType.NUMBER,
            source=Source.COMPUTED,
            compute=Computation(kind="sum", event="Order Completed", property="revenue"),
        ),
        Attribute(
            name="pages_seen",
            type=ValueType.NUMBER,
            source=Source.COMPUTED,
            compute=Computation(kind="count", event="page"),
        ),
    )
}


def events_of_round(turn: int) -> list[list[Event]]:
    """Return batches of events of about 450 bytes each, as a shop's site sends them."""
    dice = random.Random(turn)
    events = []
    for number in range(EVENTS):
        visitor = dice.randrange(VISITORS)
        bought = number % 20 == 0
        events.append(
            Event(
                type=EventType.TRACK if number % 2 or bought else EventType.PAGE,
                name="Order Completed" if bought else "Product Viewed",
                message_id=str(uuid.UUID(int=dice.getrandbits(128))),
                anonymous_id=f"7c9e6679-7425-40de-944b-{visitor:012d}",
                timestamp=NOW + number,
                received=NOW + number,
                properties={
                    "product_id": f"P{dice.randrange(2_000)}",
                    "category": f"Category {dice.randrange(40)}",
                    "revenue": dice.randrange(10_000) / 100,
                    "position": number % 24,
                    "list": "search results",
                },
                context={
                    "page": {
                        "path": f"/products/{number % 977}",
                        "referrer": "https://example.com",
                    },
                    "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
                    "locale": "en-US",
                },
            )
        )
    return [events[start : start + GROUP] for start in range(0, EVENTS, GROUP)]


async def append(storage: Storage, batches: list[list[Event]]) -> tuple[float, float, list[float]]:
    """Append the batches from several producers; return seconds, CPU seconds and latencies."""
    waiting = list(reversed(batches))
    latencies: list[float] = []
    accepted = 0

    async def produce() -> None:
        nonlocal accepted
        while waiting:
            batch = waiting.pop()
            begun = time.perf_counter()
            appended = await storage.stream.append(batch)
            accepted += appended.accepted
            latencies.append(time.perf_counter() - begun)

    start, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(produce() for _ in range(PRODUCERS)))
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    if accepted != EVENTS:
        raise RuntimeError(f"{accepted} of {EVENTS} events were accepted")
    return seconds, cpu, latencies


def insert(connection: sqlite3.Connection, batches: list[list[bytes]]) -> float:
    """Insert the batches into bare SQLite; return the seconds."""
    start = time.perf_counter()
    for batch in batches:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO event (body) VALUES (?)", [(body,) for body in batch])
        connection.execute("COMMIT")
    return time.perf_counter() - start


async def measure(folder: Path) -> list[Measurement]:
    """Append round after round, ours and the peer's in turns."""
    peer = sqlite3.connect(folder / "bare.db", isolation_level=None)
    peer.execute("PRAGMA journal_mode=WAL")
    peer.execute("PRAGMA synchronous=FULL")
    peer.execute("CREATE TABLE event (sequence INTEGER PRIMARY KEY, body BLOB)")
    ours: list[float] = []
    cpus: list[float] = []
    ratios: list[float] = []
    latencies: list[float] = []
    size = 0
    async with open_storage(folder / "home") as storage:
        await storage.stream.use_projector(Fold(ATTRIBUTES))
        for turn in range(ROUNDS + 1):
            batches = events_of_round(turn)
            bodies = [[kept(event)[1] for event in batch] for batch in batches]
            size = sum(map(len, bodies[0])) // GROUP
            gc.collect()
            bare = insert(peer, bodies)
            seconds, cpu, waits = await append(storage, batches)
            if turn:
                ours.append(EVENTS / seconds)
                cpus.append(cpu / EVENTS * 1e6)
                ratios.append(bare / seconds)
                latencies += waits
    peer.close()
    latencies.sort()
    return [
        Measurement(
            name="append",
            value=statistics.median(ours),
            unit="events/s",
            peer=f"bare SQLite, {GROUP} to a commit, FULL",
            ratio=statistics.median(ratios),
            note=f"{PRODUCERS} producers of {GROUP} events of {size} B, {VISITORS:,} visitors, "
            f"{len(ATTRIBUTES)} attributes folded; "
            f"{statistics.median(cpus):.1f} µs of CPU an event; "
            f"ack p50 {latencies[len(latencies) // 2] * 1e3:.1f} ms, "
            f"p99 {latencies[len(latencies) * 99 // 100] * 1e3:.1f} ms",
        )
    ]


def main() -> list[Measurement]:
    """Measure how many events a second are appended, with an fsync before each answer."""
    folder = Path(tempfile.mkdtemp(prefix="append-"))
    try:
        return asyncio.run(measure(folder))
    finally:
        shutil.rmtree(folder)
