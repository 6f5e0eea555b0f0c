"""A readout over a large log: two metrics, one of them adjusted (CUPED), by five attributes.

A visitor comes twice, three weeks apart; each comes with four exposures of the holdout, page views
and orders, some of them before the visitor entered. All but 50,000 events are sealed. It is
measured in a process of its own, so that the memory is the readout's.
`PERSX_READOUT_EVENTS` says how many events there are; 10 million unless set.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from benchmarks.measurement import Measurement
from benchmarks.sealed_log import fill
from persx.app.home import open_home
from persx.app.reports import observe
from persx.app.settings import ServerSettings
from persx.experiments.live import live_plan
from persx.experiments.readout import read_out
from persx.model.event import EXPOSURE, Event, EventType
from persx.model.metric import Metric
from persx.model.workspace import Goal, HoldoutSettings, Settings, Workspace

EVENTS = int(os.environ.get("PERSX_READOUT_EVENTS", "10000000"))
HOT = 50_000
NOW = 1_790_000_000_000
ROUNDS = 3

PURCHASE = Goal(name="purchase", event="Order Completed")
PAID = Goal(name="paid", event="Order Completed", value="revenue")
REVENUE = Metric(name="revenue", kind="mean", goal="paid", covariate="28d")
WORKSPACE = Workspace(
    settings=Settings(
        holdout=HoldoutSettings(share=0.1, goals=("purchase",), metrics=("revenue",)),
        currency="EUR",
    ),
    goals={"purchase": PURCHASE, "paid": PAID},
    metrics={"revenue": REVENUE},
)

ROWS = """
    SELECT
        n AS sequence, {now} + t AS received, {now} + t AS timestamp,
        CASE WHEN k IN (1, 3, 5, 7) THEN 'page' ELSE 'track' END AS type,
        CASE
            WHEN k IN (1, 3, 5, 7) THEN 'Running shoes'
            WHEN k IN (2, 4, 6, 8) THEN 'Experiment Viewed'
            WHEN hash(v, k) % 12 = 0 THEN 'Order Completed'
            ELSE 'Product Viewed'
        END AS name,
        md5('m' || n) AS message_id,
        md5('v' || v) AS anonymous_id,
        NULL::VARCHAR AS user_id, NULL::VARCHAR AS group_id, NULL::VARCHAR AS previous_id,
        true AS verified,
        CASE
            WHEN k IN (2, 4, 6, 8) THEN
                '{{"experiment_id":"holdout","variation_id":"' ||
                CASE WHEN hash(v, 20) % 10 = 0 THEN 'generic' ELSE 'targeted' END ||
                '","epoch":1,"unit":"a:' || md5('v' || v) || '","snapshot":3,"decision_id":"' ||
                md5('d' || n) || '","page":"/p/' || hash(v, k) % 8 ||
                '","segments":{{"industry":"' || hash(v, 21) % 8 || '","persona":"' ||
                hash(v, 22) % 6 || '","device":"' || hash(v, 23) % 2 ||
                '","country":"' || hash(v, 24) % 9 || '"}}}}'
            WHEN k IN (1, 3, 5, 7) THEN
                '{{"path":"/p/' || n % 500 || '","title":"Running shoes"}}'
            ELSE '{{"product_id":"P' || n % 5000 || '","revenue":' || 5 + hash(n) % 200 ||
                '.5,"currency":"EUR"}}'
        END AS properties,
        '{{}}' AS traits,
        '{{"page":{{"path":"/products/' || n % 5000 || '","title":"Product ' || n % 5000 ||
            '","url":"https://shop.example/products/' || n % 5000 || '"}},"locale":"de-AT"}}'
            AS context
    FROM (
        SELECT n, (n % {half}) // 5 AS v, n % 5 + CASE WHEN n < {half} THEN 0 ELSE 5 END AS k,
            n * 2000000000 // {half} AS t
        FROM range({first}, {last} + 1) AS numbers(n)
    )
"""


async def prepare(home: Path) -> None:
    """Make a home whose log is sealed but for the newest events, as a server leaves it."""
    async with open_home(home, ServerSettings()):
        pass
    select = ROWS.replace("{now}", str(NOW)).replace("{half}", str(EVENTS // 2))
    fill(home, select, events=EVENTS - HOT, rows=100_000)
    async with open_home(home, ServerSettings()) as services:
        for start in range(0, HOT, 1_000):
            await services.stream.append([_hot(start + each) for each in range(1_000)])
        # What experiments read is drawn out of the segments when the next ones are sealed.
        await services.warehouse.seal(keep=HOT)


def _hot(number: int) -> Event:
    """Return one of the newest events: the first of a visitor's ten is an exposure."""
    name, properties = "Product Viewed", {"product_id": f"P{number % 500}", "revenue": 20.5}
    if number % 10 == 0:
        arm = "generic" if number % 100 == 0 else "targeted"
        name = EXPOSURE
        properties = {
            "experiment_id": "holdout", "variation_id": arm, "page": "/p/1",
            "segments": {"industry": "1", "persona": "1", "device": "1", "country": "1"},
        }  # fmt: skip
    elif number % 60 == 1:
        name = "Order Completed"
    return Event(
        type=EventType.TRACK,
        message_id=f"hot-{number}",
        anonymous_id=f"hot-{number // 10}",
        name=name,
        timestamp=NOW + 4_000_000_000 + number,
        received=NOW + 4_000_000_000 + number,
        properties=properties,
    )


async def measure(home: Path) -> tuple[float, int, int, int]:
    """Return seconds of the quickest of some readouts, visitors, segments and peak memory in MB."""
    seconds = []
    async with open_home(home, ServerSettings(), clock=lambda: NOW + 5_000_000_000) as services:
        plan = live_plan(WORKSPACE, "holdout", 0.95)
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            found = await observe(services, WORKSPACE, plan)
            readout = read_out(found.plan, found.observed)
            seconds.append(time.perf_counter() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return min(seconds), readout.visitors, sum(map(len, readout.segments.values())), peak


def main() -> list[Measurement]:
    """Measure a readout over a large log."""
    folder = Path(tempfile.mkdtemp(prefix="readout-"))
    try:
        asyncio.run(prepare(folder / "home"))
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.readout", str(folder / "home")],
            stdout=subprocess.PIPE,
            check=True,
        )
        seconds, visitors, segments, peak = msgspec.json.decode(
            done.stdout, type=tuple[float, int, int, int]
        )
        size = sum(file.stat().st_size for file in (folder / "home").rglob("*") if file.is_file())
    finally:
        shutil.rmtree(folder)
    note = (
        f"{EVENTS:,} events ({HOT:,} hot, {size / 1e6:,.0f} MB), {visitors:,} visitors, "
        f"{segments} segments of 5 attributes, 2 metrics, one with CUPED; best of {ROUNDS}"
    )
    name = "readout" if EVENTS <= 10_000_000 else "readout, more than 10 million events"
    return [
        Measurement(name=name, value=seconds, unit="s", note=note),
        Measurement(name=f"{name}, memory", value=peak, unit="MB", note="peak of the process"),
    ]


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(measure(Path(sys.argv[1])))))
