"""Gathering for health: visitors of a day, new publications, the lift of each industry."""

from __future__ import annotations

import logging
from typing import Final

import msgspec

from persx.app.health_record import Record
from persx.app.reports import ReportRequest, report
from persx.app.services import Services
from persx.decide.plan import Plan
from persx.health.counts import Visitors
from persx.health.detector import FALSE_ALARMS_A_YEAR
from persx.health.indicator import Lift
from persx.health.sql import query
from persx.health.timeline import Timeline, extended
from persx.model.clock import DAY, MINUTE, Millis
from persx.model.errors import PersxError
from persx.model.question import INDUSTRY
from persx.model.workspace import HOLDOUT, TARGETED, Workspace
from persx.storage.ports import Rows, Store
from persx.storage.scope import System

_SCOPE: Final = System("health")

SESSION_GAP: Final = 30 * MINUTE
LOOKED_BACK: Final = 30 * DAY
LOOKS_A_YEAR: Final = 366
SNAPSHOTS_A_LOOK: Final = 50

_log = logging.getLogger("persx")


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


async def extended_timeline(store: Store, timeline: Timeline) -> Timeline:
    """Return the timeline with the publications that are new, a few at a time."""
    if await store.active_number() == timeline.number:
        return timeline
    heads = [each for each in await store.snapshots() if each.number > timeline.number]
    for head in sorted(heads, key=lambda each: each.number)[:SNAPSHOTS_A_LOOK]:
        try:
            snapshot = await store.snapshot(head.number)
            if snapshot is not None:
                timeline = extended(timeline, head.number, head.published, snapshot.workspace)
        except (PersxError, LookupError, ValueError) as error:
            # Another version stored it, or it is damaged: what it held is not known.
            _log.warning("Health passes over snapshot %d: %s", head.number, error)
            timeline = msgspec.structs.replace(timeline, number=head.number)
    return timeline


async def fresh_lifts(
    services: Services, record: Record, workspace: Workspace, today: str
) -> Record:
    """Return the record with today's lifts, by industry.

    The confidence is such that looking every day at every industry errs once in ten years.
    """
    looks = LOOKS_A_YEAR * max(len(workspace.industries), 1)
    asked = ReportRequest(name=HOLDOUT, confidence=1 - FALSE_ALARMS_A_YEAR / looks)
    done = msgspec.structs.replace(record, lifts={}, lifts_of=today)
    try:
        readout = await report(services, asked)
    except PersxError as error:
        _log.warning("Health has no lifts today: %s", error)
        return done
    pli = next((each for each in readout.pli if each.arm == TARGETED), None)
    if pli is None or not readout.metrics:
        return done
    withheld, metric = tuple(pli.withheld), readout.metrics[0].name
    lifts = {}
    for name, segment in readout.segments.get(INDUSTRY, {}).items():
        arm = segment.arms.get(TARGETED)
        if name not in workspace.industries or arm is None or metric not in arm.metrics:
            continue
        found = arm.metrics[metric]
        own = next((each.withheld for each in segment.pli if each.arm == TARGETED), [])
        # What the report does not quote, because too few have converted, is no alarm either.
        reasons = (
            withheld
            or tuple(own)
            or ((found.reason or "Too few conversions.",) * (found.lift is None))
        )
        lifts[name] = Lift(
            lift=None if reasons else found.lift,
            low=None if reasons else found.low,
            high=None if reasons else found.high,
            withheld=reasons,
        )
    months = dict(record.months)
    if pli.lift is not None and not withheld:
        months[today[:7]] = pli.lift
    return msgspec.structs.replace(done, lifts=lifts, months=dict(sorted(months.items())[-24:]))
