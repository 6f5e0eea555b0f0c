"""Days of health: what was counted belongs to its own day, and visitors count when it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from persx.app.health_record import Day, back, bounds, day_of
from persx.app.pace import Pace
from persx.app.services import Services
from persx.app.tally import Piece
from persx.decide.plan import Plan
from persx.health.counts import Visitors, add
from persx.health.sql import query
from persx.model.clock import DAY, HOUR, MINUTE, Millis
from persx.model.question import INDUSTRY
from persx.storage.ports import Rows
from persx.storage.scope import System

_SCOPE: Final = System("health")

SESSION_GAP: Final = 30 * MINUTE
LOOKED_BACK: Final = 30 * DAY

_DAYS_A_LOOK: Final = 3
"""Finished days whose visitors are counted in one look, at least."""

_MORE_SECONDS: Final = 5.0
"""For so long more of them are, which gives way to whoever asks for something."""

_COUNTED_BACK: Final = 31
_LATE: Final = 2 * MINUTE
"""So long after midnight a day is over: its last decisions are written by then."""


async def changed_days(
    services: Services,
    days: Mapping[str, Day],
    pieces: Sequence[Piece],
    *,
    began: Millis,
    zone: ZoneInfo,
    fresh: bool,
    log: bool = True,
) -> dict[str, Day]:
    """Return the days of which something is new: today, and those whose visitors are counted now.

    Args:
        days: All that are kept, by date.
        pieces: What is new.
        began: When something was published first; 0 where nothing was.
        zone: Where the site is.
        fresh: Somebody waits: today's visitors are counted again, if that is cheap.
        log: Read the log, for visitors.
    """
    health, now, plan = services.health, services.clock(), services.publication.plan
    today = day_of(now, zone)
    changed = {today: days.get(today, Day())}
    for piece in pieces:
        day = min(day_of(piece.at, zone), today)
        before = changed.get(day) or days.get(day, Day())
        # Whoever came into a day that was over is to be counted.
        over = before.whole and not piece.simulated
        changed[day] = Day(counts=add([before.counts, piece.counts]), whole=over)
    if plan is None or not log:
        return changed
    pause = max(0 if fresh else MINUTE, 50 * health.counting_takes)
    await services.decision_log.flush(services.store)
    written = services.decision_log.written
    if any(each.simulated for each in pieces):
        # These were written by another log.
        health.written = -1
    if written != health.written and now - health.counted_visitors >= pause:
        changed[today] = await _counted(services, plan, today, changed[today], zone, whole=False)
        health.written, health.counted_visitors = written, now
        health.counting_takes = services.clock() - now
    stop, pace = monotonic() + _MORE_SECONDS, Pace(services)
    for place, day in enumerate(_due(services, {**days, **changed}, began, today, zone)):
        if place >= _DAYS_A_LOOK and monotonic() > stop:
            break
        kept = changed.get(day) or days.get(day, Day())
        changed[day] = await _counted(services, plan, day, kept, zone, whole=True)
        await pace.rest()
    return changed


def _due(
    services: Services, days: Mapping[str, Day], began: Millis, today: str, zone: ZoneInfo
) -> list[str]:
    """Return the days that are over and whose visitors are not counted yet, oldest first."""
    known = [day for day, kept in days.items() if not kept.whole]
    first = max(min([*known, day_of(began, zone) if began else today]), back(today, _COUNTED_BACK))
    filling = services.health.tally.filling
    end = services.clock() - _LATE if filling is None else filling - HOUR
    due, day = [], first
    while day < today:
        if not days.get(day, Day()).whole and bounds(day, zone)[1] <= end:
            due.append(day)
        day = back(day, -1)
    return due


async def _counted(
    services: Services, plan: Plan, day: str, kept: Day, zone: ZoneInfo, *, whole: bool
) -> Day:
    visitors = await visitors_of_day(services, plan, *bounds(day, zone))
    return Day(counts=msgspec.structs.replace(kept.counts, visitors=visitors), whole=whole)


async def visitors_of_day(services: Services, plan: Plan, begin: Millis, end: Millis) -> Visitors:
    """Return what became of the visitors of a day, from the decision log."""
    reader = services.warehouse.seen_by(_SCOPE)
    asked = {"begin": begin, "end": end, "gap": SESSION_GAP}
    found = await reader.query(query("visitor_days"), asked)
    readers = Rows(
        columns=("page",),
        rows=[(name,) for name, page in plan.pages.items() if INDUSTRY in page.reads],
    )
    returning = retained = 0
    if readers.rows:
        came_back = await reader.query(
            query("persistence"),
            {**asked, "before": begin - LOOKED_BACK},
            tables={"readers": readers},
        )
        returning, retained = map(int, came_back.rows[0])
    industries = plan.workspace.industries
    by_industry = {str(name): [int(each) for each in numbers] for name, *numbers in found.rows}
    columns = [sum(row[place] for row in by_industry.values()) for place in range(7)]
    all_, held, refused, eligible, personalized, sessions, covered = columns
    return Visitors(
        all=all_,
        held=held,
        refused=refused,
        eligible=eligible,
        personalized=personalized,
        known={name: row[3] for name, row in by_industry.items() if name in industries},
        reached={name: row[4] for name, row in by_industry.items() if name in industries},
        sessions=sessions,
        sessions_personalized=covered,
        returning=returning,
        retained=retained,
    )
