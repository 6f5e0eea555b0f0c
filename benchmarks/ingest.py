"""Ingest over HTTP: batches of 100, acknowledged after fsync, profiles projected; beside SQLite."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import random
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeAlias

import msgspec

from benchmarks.measurement import Measurement
from persx.model.attribute import Attribute, Computation, Source, ValueType
from persx.model.clock import iso, system_clock
from persx.model.workspace import Snapshot, Workspace
from persx.storage.backends import open_storage
from persx.testing import see

BATCH: Final = 100
BATCHES: Final = 300
CONNECTIONS: Final = 16
ROUNDS: Final = 5
VISITORS: Final = 1_000
VISIT: Final = 8
"""Visitors on the site at a time, and the events after which, on average, another takes over."""
KEY: Final = "benchmark-write-key"

_Row: TypeAlias = tuple[str, bytes]
_Handed: TypeAlias = tuple[list[_Row], asyncio.AbstractEventLoop, asyncio.Event]

_SERVE: Final = [sys.executable, "-c", "from persx.cli import main; main()", "serve"]

_ORDER: Final = {"event": "Order Completed"}
_VIEW: Final = {"event": "Product Viewed"}

DEFINITIONS: Final[dict[str, dict[str, Any]]] = {
    "customer.last_purchase_category": {"kind": "last", **_ORDER, "property": "category"},
    "days_since_purchase": {"kind": "days_since_last", **_ORDER},
    "orders": {"kind": "count", **_ORDER},
    "orders_month": {"kind": "count", **_ORDER, "options": {"within": "30d"}},
    "revenue": {"kind": "sum", **_ORDER, "property": "revenue"},
    "revenue_month": {"kind": "sum", **_ORDER, "property": "revenue", "options": {"within": "30d"}},
    "views_week": {"kind": "count", **_VIEW, "options": {"within": "7d"}},
    "categories": {"kind": "distinct", **_VIEW, "property": "category"},
    "favourite": {
        "kind": "decayed_share",
        **_VIEW,
        "property": "category",
        "options": {"half_life": "30d"},
    },
    "last_viewed": {"kind": "last", **_VIEW, "property": "product_id"},
    "pricing_views": {"kind": "count", "event": "page", "where": {"path": "/pricing"}},
    "sessions": {"kind": "sessions"},
}
"""Twelve computed attributes; an event concerns one to seven of them."""


def main() -> list[Measurement]:
    """Return events/s on one core against bare SQLite, and CPU seconds per event."""
    with tempfile.TemporaryDirectory(prefix="persx-bench-") as folder:
        home = Path(folder) / "home"
        asyncio.run(_publish(home))
        site = _Site()
        rates, ratios, unique_ratios, cpu = [], [], [], []
        with _server(home) as (port, pid):
            asyncio.run(_send(port, site.requests(50)))
            for turn in range(ROUNDS):
                requests = site.requests(BATCHES)
                bare = _bare(Path(folder) / f"bare-{turn}.db", site, unique=False)
                unique = _bare(Path(folder) / f"unique-{turn}.db", site, unique=True)
                before = _cpu_seconds(pid)
                begun = time.perf_counter()
                asyncio.run(_send(port, requests))
                rate = BATCH * BATCHES / (time.perf_counter() - begun)
                cpu.append((_cpu_seconds(pid) - before) / (BATCH * BATCHES))
                rates.append(rate)
                ratios.append(rate / bare)
                unique_ratios.append(rate / unique)
        kept = asyncio.run(_kept(home))
        if kept != BATCH * (50 + ROUNDS * BATCHES):
            raise RuntimeError(f"{kept} events were kept")
    size = len(requests[0]) // BATCH
    sent = (
        f"batches of {BATCH}, {size} bytes an event, {CONNECTIONS} connections, "
        f"{VISITORS:,} visitors at a time of {VISIT} events each, "
        f"{len(DEFINITIONS)} computed attributes"
    )
    return [
        Measurement(
            "ingest over HTTP",
            statistics.median(rates),
            "events/s",
            "bare SQLite group commit",
            statistics.median(ratios),
            f"server on one core; {sent}",
        ),
        Measurement(
            "ingest over HTTP, beside unique ids",
            statistics.median(rates),
            "events/s",
            "SQLite group commit with an index that keeps message ids unique",
            statistics.median(unique_ratios),
            "the peer turns duplicates away as the server does",
        ),
        Measurement(
            "ingest over HTTP, server's time",
            statistics.median(cpu) * 1e6,
            "µs",
            note="CPU time of all its threads for each event, kernel included",
        ),
    ]


async def _publish(home: Path) -> None:
    attributes = {
        name: Attribute(
            name=name,
            type=ValueType.STRING,
            source=Source.COMPUTED,
            compute=Computation(**definition),
        )
        for name, definition in DEFINITIONS.items()
    }
    storage = open_storage(home)
    await storage.store.publish(
        Snapshot(
            number=0,
            digest="",
            published=0,
            author="benchmark",
            message="",
            workspace=Workspace(attributes=attributes),
        )
    )
    await storage.close()


async def _kept(home: Path) -> int:
    storage = open_storage(home)
    try:
        rows = (await see(storage.warehouse).query("SELECT count(*) FROM events")).rows
        return int(rows[0][0])
    finally:
        await storage.close()


@contextlib.contextmanager
def _server(home: Path) -> Iterator[tuple[int, int]]:
    """Serve the home on one core; yields the port and the process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [*_SERVE, "--home", str(home), "--port", str(port)],
        env={**os.environ, "PERSX_WRITE_KEY": KEY},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).read()
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start: {process.communicate()[1]!r}")
            time.sleep(0.05)
        _pin(process.pid)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _pin(pid: int) -> None:
    """Keep a process, all of its threads, to one core."""
    if not hasattr(os, "sched_setaffinity"):
        return
    core = {max(os.sched_getaffinity(0))}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), core)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class _Site:
    """What visitors of a site do, as messages: some are there, and now and then one is replaced."""

    def __init__(self) -> None:
        self._chance = random.Random(1)
        self._count = VISITORS
        self._visitors = list(range(VISITORS))

    def requests(self, count: int) -> list[bytes]:
        """Return whole HTTP requests, so that the client has little to do."""
        authorization = base64.b64encode(f"{KEY}:".encode()).decode()
        head = (
            "POST /v1/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Basic {authorization}\r\nContent-Length: %d\r\n\r\n"
        )
        made = []
        for _ in range(count):
            batch = {"batch": self.messages(), "sentAt": iso(system_clock())}
            body = msgspec.json.encode(batch)
            made.append((head % len(body)).encode() + body)
        return made

    def messages(self) -> list[dict[str, Any]]:
        """Return a batch."""
        return [self._message() for _ in range(BATCH)]

    def _message(self) -> dict[str, Any]:
        chance = self._chance
        place = chance.randrange(VISITORS)
        if chance.random() < 1 / VISIT:
            self._count += 1
            self._visitors[place] = self._count
        message: dict[str, Any] = {
            "type": "track",
            "anonymousId": f"visitor-{self._visitors[place]}",
            "userId": None,
            "messageId": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "timestamp": iso(system_clock() - chance.randrange(600_000)),
            "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
            "integrations": {},
        }
        kind = chance.random()
        category = chance.choice(["Shoes", "Shirts", "Hats", "Coats"])
        if kind < 0.1:
            properties = {"order_id": "1", "revenue": 49.99, "category": category}
            return {**message, "event": "Order Completed", "properties": properties}
        if kind < 0.6:
            properties = {"product_id": "p-12", "category": category, "price": 9.5}
            return {**message, "event": "Product Viewed", "properties": properties}
        properties = {"path": chance.choice(["/", "/pricing", "/blog"]), "title": "A page"}
        return {**message, "type": "page", "name": "Page", "properties": properties}


async def _send(port: int, requests: list[bytes]) -> None:
    """Send each request once, over a few connections that each wait for their answers."""
    waiting = iter(requests)

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            answer = await reader.readexactly(length)
            if answer != b'{"success":true}':
                raise RuntimeError(f"the server answered {answer!r}")
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))


def _bare(path: Path, site: _Site, *, unique: bool) -> float:
    """Return the events/s of SQLite alone: as many producers, one writer, one table.

    Nothing is parsed, checked or projected. Each producer hands over a batch and waits until it
    is durable; the writer commits whatever waits in one transaction with one fsync, as the
    server's does.

    Args:
        unique: An index turns away message ids that were seen.
    """
    batches = [
        [(message["messageId"], msgspec.json.encode(message)) for message in site.messages()]
        for _ in range(BATCHES)
    ]
    queue: SimpleQueue[_Handed | None] = SimpleQueue()
    writer = threading.Thread(target=_write, args=(path, queue, unique))
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    try:
        writer.start()
        _pin(os.getpid())
        begun = time.perf_counter()
        asyncio.run(_produce(batches, queue))
        return BATCH * BATCHES / (time.perf_counter() - begun)
    finally:
        queue.put(None)
        writer.join()
        if cores is not None:
            os.sched_setaffinity(0, cores)


async def _produce(batches: list[list[_Row]], queue: SimpleQueue[_Handed | None]) -> None:
    waiting = iter(batches)
    loop = asyncio.get_running_loop()

    async def producer() -> None:
        for rows in waiting:
            durable = asyncio.Event()
            queue.put((rows, loop, durable))
            await durable.wait()

    await asyncio.gather(*(producer() for _ in range(CONNECTIONS)))


def _write(path: Path, queue: SimpleQueue[_Handed | None], unique: bool) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    kind = "TEXT UNIQUE" if unique else "TEXT"
    connection.execute(f"CREATE TABLE event (id INTEGER PRIMARY KEY, message {kind}, body BLOB)")
    while (handed := queue.get()) is not None:
        group = [handed]
        with contextlib.suppress(Empty):
            while (more := queue.get_nowait()) is not None:
                group.append(more)
        connection.execute("BEGIN IMMEDIATE")
        for rows, _, _ in group:
            connection.executemany(
                "INSERT OR IGNORE INTO event (message, body) VALUES (?, ?)", rows
            )
        connection.execute("COMMIT")
        for _, loop, durable in group:
            loop.call_soon_threadsafe(durable.set)
    connection.close()
