"""What the scorecard is written from: counts, reviews, the last walk of the probes, lifts."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from persx.app.health_record import Record, day_of, reviewed_weeks
from persx.app.health_telling import window_of
from persx.app.probes import last_probe
from persx.app.reviewing import kept_review
from persx.app.services import Services
from persx.health.counts import Counts
from persx.health.indicator import Known
from persx.health.review.periods import Kind, before, period_at
from persx.health.scorecard import WEEKS, Evidence


async def card_evidence(
    services: Services,
    record: Record,
    days: Mapping[str, Counts],
    known: Known,
    *,
    zone: ZoneInfo,
    snapshot: int,
) -> Evidence:
    """Return what the scorecard is written from.

    Args:
        days: Counts by date.
        zone: Where the site is: its weeks and months count.
        snapshot: What is served.
    """
    now, began = known.now, record.timeline.began
    month = before(period_at(now, Kind.MONTH, zone.key))
    week = period_at(now, Kind.WEEK, zone.key)
    weeks = [before(week, steps) for steps in range(1, WEEKS + 1)]
    looked = await reviewed_weeks(services.store)
    return Evidence(
        known=known,
        month=window_of(days, day_of(now, zone), "30d"),
        review=await kept_review(services, month.name),
        reviewed=sum(each.name in looked for each in weeks),
        weeks=sum(0 < began <= each.begin for each in weeks),
        walk=await last_probe(services),
        snapshot=snapshot,
        layers=record.layers,
    )
