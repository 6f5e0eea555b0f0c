"""Reading 50 experiments from kept sums, and what reading them from the log takes.

A log of 200,000 events has 50 experiments of two arms, judged by three metrics each, in twenty
segments. What is timed is all that a page does for a report: ask the store, see that the log has
not changed, and analyse every metric of every segment.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.measurement import Measurement
from benchmarks.sealed_log import fill
from persx.app.all_experiments import ExperimentsRequest, all_experiments
from persx.app.home import open_home
from persx.app.recent_reports import recent_report
from persx.app.reports import ReportRequest, report
from persx.app.services import Services
from persx.app.settings import ServerSettings
from persx.model.workspace import (
    Arm,
    Experiment,
    Goal,
    HoldoutSettings,
    Settings,
    Snapshot,
    Workspace,
)
from persx.visitors.fold import Fold

EVENTS = 200_000
EXPERIMENTS = 50
ROUNDS = 5
NOW = 1_790_000_000_000
SPAN = 20 * 24 * 3_600_000

ROWS = """
    SELECT
        n AS sequence, {now} - {span} + n * ({span} // {events}) AS received,
        {now} - {span} + n * ({span} // {events}) AS timestamp,
        'track' AS type,
        CASE n % 4 WHEN 0 THEN 'Experiment Viewed' WHEN 1 THEN 'Experiment Viewed'
            WHEN 2 THEN 'Form Submitted' ELSE 'Order Completed' END AS name,
        'm' || n AS message_id, 'v' || hash(n // 4) % 30000 AS anonymous_id,
        NULL::VARCHAR AS user_id, NULL::VARCHAR AS group_id, NULL::VARCHAR AS previous_id,
        false AS verified,
        CASE WHEN n % 4 < 2 THEN
            '{{"experiment_id":"e' || hash(n, 1) % {experiments} ||
            '","variation_id":"' || CASE WHEN hash(n // 4, 2) % 2 = 0 THEN 'a' ELSE 'b' END ||
            '","segments":{{"industry":"i' || hash(n // 4, 3) % 12 || '","persona":"p' ||
            hash(n // 4, 4) % 8 || '"}}}}'
            ELSE '{{"revenue":' || hash(n, 5) % 90 || '.5}}' END AS properties,
        '{{}}' AS traits, '{{}}' AS context
    FROM range({first}, {last} + 1) AS numbers(n)
"""


def workspace() -> Workspace:
    """Return the workspace: two goals, of which one has a value, make three metrics."""
    return Workspace(
        settings=Settings(holdout=HoldoutSettings(share=0)),
        goals={
            "contact": Goal(name="contact", event="Form Submitted"),
            "purchase": Goal(name="purchase", event="Order Completed", value="revenue"),
        },
        experiments={
            key: Experiment(key=key, arms=(Arm(name="a"), Arm(name="b")))
            for key in (f"e{number}" for number in range(EXPERIMENTS))
        },
    )


async def _measure(home: Path) -> list[Measurement]:
    async with open_home(home, ServerSettings(), clock=lambda: NOW) as services:
        await services.stream.use_projector(Fold({}))
        snapshot = Snapshot(
            number=0, digest="", published=0, author="", message="", workspace=workspace()
        )
        await services.store.publish(snapshot)
    select = ROWS.replace("{now}", str(NOW)).replace("{span}", str(SPAN))
    select = select.replace("{events}", str(EVENTS)).replace("{experiments}", str(EXPERIMENTS))
    fill(home, select, events=EVENTS, rows=100_000)
    async with open_home(home, ServerSettings(), clock=lambda: NOW) as services:
        names = [f"e{number}" for number in range(EXPERIMENTS)]
        began = time.perf_counter()
        visitors = [(await report(services, ReportRequest(name=name))).visitors for name in names]
        afresh = time.perf_counter() - began
        times = [await _kept(services, names, visitors) for _ in range(ROUNDS)]
        lines = [await _lines(services) for _ in range(ROUNDS)]
    note = (
        f"{EXPERIMENTS} experiments × 2 arms × 3 metrics × 20 segments, "
        f"{sum(visitors) // len(visitors):,} visitors each, in {EVENTS:,} events; the log afresh: "
        f"{afresh:.1f} s; the list of all, without segments: {statistics.median(lines):.0f} ms"
    )
    name = f"{EXPERIMENTS} readouts from kept sums"
    return [Measurement(name=name, value=statistics.median(times), unit="ms", note=note)]


async def _kept(services: Services, names: list[str], visitors: list[int]) -> float:
    """Return the milliseconds of reading all out; what is found has to be what the log told."""
    began = time.perf_counter()
    found = [await recent_report(services, ReportRequest(name=name)) for name in names]
    took = 1_000 * (time.perf_counter() - began)
    assert [each.visitors for each in found if each] == visitors, "Kept sums differ from the log"
    return took


async def _lines(services: Services) -> float:
    began = time.perf_counter()
    found = await all_experiments(services, ExperimentsRequest())
    took = 1_000 * (time.perf_counter() - began)
    assert not found.unread, "Something is not kept"
    return took


def main() -> list[Measurement]:
    """Make a home and its log, read all out afresh, and then from what is kept."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder) / "home"))
