"""Erasing one visitor among many events, while others read and write.

The log is sealed into segments of the size that a server makes; the visitor's events lie in
sessions all over it, and among the hot ones. The same erasure is measured with segments forty
times as large, every one of which holds the visitor: there all rows are written anew.
`PERSX_ERASURE_EVENTS` says how many events there are; 1 million unless set.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.measurement import Measurement
from benchmarks.sealed_log import fill
from persx.app.erasing import erase
from persx.app.home import open_home
from persx.app.settings import ServerSettings
from persx.model.event import Event, EventType, anonymous_key, user_key
from persx.testing import see
from persx.visitors.fold import Fold

EVENTS = int(os.environ.get("PERSX_ERASURE_EVENTS", "1000000"))
HOT = 25_000
SMALL, LARGE = 25_000, 1_000_000
SESSIONS = 8
NOW = 1_790_000_000_000

ROWS = """
    SELECT
        n AS sequence, {now} + n AS received, {now} + n AS timestamp,
        CASE WHEN n % 4 = 0 THEN 'track' ELSE 'page' END AS type,
        CASE WHEN n % 4 = 0 THEN 'Product Viewed' ELSE 'Product' END AS name,
        md5('m' || n) AS message_id,
        CASE WHEN n % {session} < 5 THEN 'planted' ELSE substr(md5('v' || n // 12), 1, 32) END
            AS anonymous_id,
        CASE WHEN n % 9 = 0 AND n % {session} >= 5 THEN 'user-' || n // 12 END AS user_id,
        NULL::VARCHAR AS group_id, NULL::VARCHAR AS previous_id, n % 9 = 0 AS verified,
        '{{"product":"P' || n % 5000 || '","price":' || n % 977 || '.5,"list":"' ||
            substr(md5('p' || n), 1, 12) || '"}}' AS properties,
        '{{}}' AS traits,
        '{{"page":{{"path":"/products/' || n % 5000 || '","title":"Product ' || n % 5000 ||
            '","url":"https://shop.example/products/' || n % 5000 || '"}},"locale":"de-AT",' ||
            '"library":{{"name":"analytics.js","version":"2.1"}}}}' AS context
    FROM range({first}, {last} + 1) AS numbers(n)
"""


def hot(start: int, count: int) -> list[Event]:
    """Return events that are not sealed; one in a thousand is the visitor's."""
    return [
        Event(
            type=EventType.TRACK,
            message_id=f"hot-{number}",
            anonymous_id="planted" if number % 1_000 == 0 else f"visitor-{number % 3_000}",
            user_id="jane" if number % 5_000 == 0 else None,
            verified=number % 5_000 == 0,
            name="Product Viewed",
            timestamp=NOW + EVENTS + number,
            received=NOW + EVENTS + number,
            properties={"product": f"P{number % 500}", "note": f"{number:0200d}"},
        )
        for number in range(start, start + count)
    ]


async def measure(home: Path, rows: int) -> tuple[float, float, float, float, int]:
    """Return seconds to erase, the slowest read, write and question meanwhile, and segments."""
    settings = ServerSettings()
    async with open_home(home, settings):
        pass
    select = ROWS.replace("{now}", str(NOW)).replace("{session}", str(EVENTS // SESSIONS))
    fill(home, select, events=EVENTS, rows=rows)
    clock = NOW + 2 * EVENTS
    async with open_home(home, settings, clock=lambda: clock) as services:
        await services.stream.use_projector(Fold({}))
        for start in range(0, HOT, 1_000):
            await services.stream.append(hot(start, 1_000))
        count = "SELECT count(*) FROM events WHERE anonymous_id = 'planted' OR user_id = 'jane'"
        there = (await see(services.warehouse).query(count)).rows[0][0]
        assert there >= SESSIONS * 5, there
        total = (await see(services.warehouse).query("SELECT count(*) FROM events")).rows[0][0]
        done = asyncio.Event()
        reads, writes, questions = [0.0], [0.0], [0.0]

        async def read() -> None:
            while not done.is_set():
                begin = time.perf_counter()
                await see(services.store).states(anonymous_key("visitor-7"))
                await asyncio.sleep(0)
                reads.append(time.perf_counter() - begin)
                await asyncio.sleep(0.002)

        async def write() -> None:
            number = HOT + 1
            while not done.is_set():
                begin = time.perf_counter()
                await services.stream.append(
                    [event for event in hot(number, 20) if event.anonymous_id != "planted"]
                )
                writes.append(time.perf_counter() - begin)
                number += 20
                await asyncio.sleep(0.02)

        async def ask() -> None:
            while not done.is_set():
                begin = time.perf_counter()
                await see(services.warehouse).query(
                    "SELECT count(*) FROM events WHERE type = 'track'"
                )
                questions.append(time.perf_counter() - begin)
                await asyncio.sleep(0.5)

        async def erasing() -> float:
            begin = time.perf_counter()
            receipt = await erase(services, [user_key("jane")])
            seconds = time.perf_counter() - begin
            done.set()
            assert receipt.counts["events_sealed"] + receipt.counts["events_hot"] == there
            return seconds

        seconds, *_ = await asyncio.gather(erasing(), read(), write(), ask())
        left = (await see(services.warehouse).query(count)).rows[0][0]
        kept = (
            await see(services.warehouse).query(
                "SELECT count(*) FROM events WHERE received < $to", {"to": NOW + EVENTS + HOT}
            )
        ).rows[0][0]
        assert (left, kept) == (0, total - there)
        segments = len(await services.warehouse.segments())
        return seconds, max(reads), max(writes), max(questions), segments


def main() -> list[Measurement]:
    """Measure how long it takes to erase a visitor, and how long others wait meanwhile."""
    measurements = []
    for rows, name in ((SMALL, "erasure"), (LARGE, "erasure, every row rewritten")):
        folder = Path(tempfile.mkdtemp(prefix="erasure-"))
        try:
            seconds, read, write, question, segments = asyncio.run(measure(folder / "home", rows))
        finally:
            shutil.rmtree(folder)
        measurements.append(
            Measurement(
                name=name,
                value=seconds,
                unit="s",
                note=f"{EVENTS:,} sealed events in {segments} segments, {HOT:,} hot; meanwhile "
                f"the slowest read took {read * 1e3:.0f} ms, the slowest write "
                f"{write * 1e3:.0f} ms, the slowest question {question:.2f} s",
            )
        )
    return measurements
