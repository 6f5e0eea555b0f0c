"""Looking: what is new is counted, every objective judged, and what was found is kept."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from persx.app.alerting import told
from persx.app.health_gathering import extended_timeline, fresh_lifts, visitors_of_day
from persx.app.health_record import (
    KEPT_DAYS,
    KEPT_POINTS,
    Day,
    ObjectiveRecord,
    Record,
    back,
    bounds,
    day_of,
    load_days,
    load_record,
    load_silences,
    load_status,
    reviewed_weeks,
    save_day,
    save_record,
    save_status,
    week_of,
)
from persx.app.health_telling import status_of, window_of
from persx.app.services import Services
from persx.app.tally import Piece
from persx.decide.plan import Plan
from persx.health.counts import Counts, add
from persx.health.detector import Trials
from persx.health.indicator import ALL, Evidence, Indicator, Known
from persx.health.indicators import INDICATORS
from persx.health.judging import SLOT, Finding, judge, slot_trials, trials, whole
from persx.health.objectives import objectives
from persx.health.scorecard import WEEKS, scorecard
from persx.health.scorecard import Evidence as CardEvidence
from persx.health.status import Status
from persx.model.clock import DAY, MINUTE, SECOND, Millis
from persx.model.health import Objective

LEASE: Final = "health"
_DAYS_A_LOOK: Final = 3
"""Finished days whose visitors are counted in one look."""

_COUNTED_BACK: Final = 31
_LATE: Final = 2 * MINUTE
"""So long after midnight a day is over: its last decisions are written by then."""

_log = logging.getLogger("persx")


async def look(services: Services, *, fresh: bool = False, leaving: bool = False) -> Status:
    """Count what is new, judge all objectives, and keep and return what was found.

    Whoever has not the lease is told what the one who has it found last.

    Args:
        fresh: Somebody waits: today's visitors are counted again, if that is cheap.
        leaving: The process ends: what was counted is kept, and nothing is read for it that the
            next look can read as well.
    """
    health = services.health
    async with health.looking:
        now = services.clock()
        holder = f"health:{os.getpid()}"
        # A process that serves looks again soon; any other gives the lease back at once.
        length = round(2_000 * services.settings.health_seconds) + 10 * SECOND
        if not await services.store.lease(LEASE, holder, now + length, now):
            health.status = await load_status(services.store)
            return health.status
        if health.record is None:
            health.record = await load_record(services.store)
        if health.days is None:
            health.days = await load_days(services.store)
        taken = health.tally.take(services.metrics.errors_by_place())
        try:
            return await _looked(services, health.record, taken, now, fresh, leaving)
        except BaseException:
            # What was kept is read again; what was counted counts the next time.
            health.record, health.days = None, None
            health.tally.give_back(taken)
            raise
        finally:
            if not health.serving:
                await services.store.lease(LEASE, holder, now, now)


async def _looked(
    services: Services,
    record: Record,
    pieces: list[Piece],
    now: Millis,
    fresh: bool,
    leaving: bool,
) -> Status:
    health, plan = services.health, services.publication.plan
    taken = add(each.counts for each in pieces)
    if plan is None:
        await services.publication.refresh(services.store)
        plan = services.publication.plan
    workspace = plan.workspace if plan else None
    zone = plan.zone if plan else ZoneInfo("UTC")
    today = day_of(now, zone)
    timeline = await extended_timeline(services.store, record.timeline)
    changed = _today(services, taken, today)
    if plan is not None and not leaving:
        await _count_visitors(services, plan, changed, timeline.began, today, zone, fresh)
    days = {**(health.days or {}), **changed}
    lifts = record
    if workspace is not None and record.lifts_of != today and not leaving:
        lifts = await fresh_lifts(services, record, workspace, today)
    known = Known(now=now, workspace=workspace, timeline=timeline, lifts=lifts.lifts)
    slot, finished = now // SLOT, None
    counts = add([record.slot_counts, taken])
    if slot != record.slot:
        finished, counts = record.slot_counts if record.slot else None, taken
    whole_days = sorted(day for day, kept in days.items() if kept.whole and day > record.judged)
    new = _New(
        pieces,
        finished,
        [Piece(at=bounds(day, zone)[1], counts=days[day].counts) for day in whole_days],
    )
    found, findings, wholes = {}, {}, {}
    by_day = {day: kept.counts for day, kept in days.items()}
    for objective in objectives(workspace):
        name = objective.name
        before = record.objectives.get(name, ObjectiveRecord())
        found[name], findings[name], wholes[name] = _objective(
            objective, before, new, by_day, today, known
        )
    silences = {
        each.id: each for each in (await load_silences(services.store)).values() if now < each.until
    }
    after = msgspec.structs.replace(
        lifts,
        timeline=timeline,
        slot=slot,
        slot_counts=counts,
        judged=whole_days[-1] if whole_days else record.judged,
        objectives=found,
    )
    after = told(services, after, findings, silences, workspace, now)
    status = status_of(
        after,
        findings,
        wholes,
        days=by_day,
        today=today,
        known=known,
        silences=tuple(silences.values()),
        snapshot=plan.snapshot.number if plan else 0,
        criteria=scorecard(await _card(services, after, by_day, today, known)),
    )
    for day, kept in changed.items():
        await save_day(services.store, day, kept)
    await save_record(services.store, after)
    await save_status(services.store, status)
    health.record, health.days, health.status = after, days, status
    for day in [day for day in days if day < back(today, KEPT_DAYS)]:
        await save_day(services.store, day, None)
        del days[day]
    return status


class _New:
    """Trials that are new, by what counts as one."""

    def __init__(self, recent: list[Piece], slot: Counts | None, days: list[Piece]) -> None:
        self._recent, self._slot, self._days = recent, slot, days

    def of(
        self, objective: Objective, indicator: Indicator, known: Known
    ) -> dict[str, list[Trials]]:
        """Return them for an objective, by subject, oldest first."""
        if indicator.evidence is Evidence.SLOTS:
            if self._slot is None:
                return {}
            trial = slot_trials(objective, indicator, self._slot, known)
            return {ALL: [trial]} if trial.total else {}
        if indicator.evidence not in (Evidence.TRIALS, Evidence.DAYS):
            return {}
        found: dict[str, list[Trials]] = {}
        for piece in self._recent if indicator.evidence is Evidence.TRIALS else self._days:
            for name, ratio in indicator.read(piece.counts, known).items():
                found.setdefault(name, []).append(trials(objective, ratio, piece.at))
        return found


def _today(services: Services, taken: Counts, today: str) -> dict[str, Day]:
    """Return today with what is new; its visitors are as they were counted last."""
    current = (services.health.days or {}).get(today, Day())
    counts = add([current.counts, taken])
    return {today: Day(counts=msgspec.structs.replace(counts, visitors=current.counts.visitors))}


async def _count_visitors(
    services: Services,
    plan: Plan,
    changed: dict[str, Day],
    began: Millis,
    today: str,
    zone: ZoneInfo,
    fresh: bool,
) -> None:
    """Count today's visitors, where that is due, and those of finished days that nobody did."""
    health, now = services.health, services.clock()
    days, counts = health.days or {}, changed[today].counts
    pause = max(0 if fresh else MINUTE, 50 * health.counting_takes)
    await services.decision_log.flush(services.store)
    written = services.decision_log.written
    if written != health.written and now - health.counted_visitors >= pause:
        visitors = await visitors_of_day(services, plan, *bounds(today, zone))
        counts = msgspec.structs.replace(counts, visitors=visitors)
        health.written, health.counted_visitors = written, now
        health.counting_takes = services.clock() - now
    changed[today] = Day(counts=counts)
    first = max(day_of(began, zone), back(today, _COUNTED_BACK)) if began else today
    due: list[str] = []
    day = back(today, 1)
    while day >= first and len(due) < _COUNTED_BACK:
        if not days.get(day, Day()).whole and now >= bounds(day, zone)[1] + _LATE:
            due.append(day)
        day = back(day, 1)
    for day in sorted(due)[:_DAYS_A_LOOK]:
        visitors = await visitors_of_day(services, plan, *bounds(day, zone))
        kept = days.get(day, Day()).counts
        changed[day] = Day(counts=msgspec.structs.replace(kept, visitors=visitors), whole=True)


def _objective(
    objective: Objective,
    before: ObjectiveRecord,
    new: _New,
    days: Mapping[str, Counts],
    today: str,
    known: Known,
) -> tuple[ObjectiveRecord, dict[str, Finding], Finding]:
    indicator = INDICATORS[objective.measure.value]
    measured = f"{objective.measure.value} {objective.at_least} {objective.at_most}"
    if before.measured != measured:
        before = ObjectiveRecord()
    window = indicator.read(window_of(days, today, objective.window), known)
    judged = judge(
        objective, indicator, before.subjects,
        new=new.of(objective, indicator, known), window=window, known=known,
    )  # fmt: skip
    findings = {name: finding for name, (_, finding) in judged.items()}
    finding = whole(findings, {before.state: before.since}, known.now)
    points = _points(before, indicator, finding, days, today, known)
    record = ObjectiveRecord(
        subjects={name: kept for name, (kept, _) in judged.items()},
        state=finding.state,
        since=finding.since,
        told=before.told,
        points=points,
        measured=measured,
    )
    return record, findings, finding


def _points(
    before: ObjectiveRecord,
    indicator: Indicator,
    finding: Finding,
    days: Mapping[str, Counts],
    today: str,
    known: Known,
) -> dict[str, float]:
    points = dict(before.points)
    if indicator.evidence in (Evidence.FACTS, Evidence.INTERVAL):
        if finding.value is not None:
            points[today] = finding.value
    else:
        for day in (back(today, 1), today):
            if day not in days:
                continue
            ratios = indicator.read(days[day], known).values()
            total = sum(each.denominator for each in ratios)
            if total:
                points[day] = sum(each.numerator for each in ratios) / total
    return dict(sorted(points.items())[-KEPT_POINTS:])


async def _card(
    services: Services, record: Record, days: Mapping[str, Counts], today: str, known: Known
) -> CardEvidence:
    weeks = {week_of(known.now - back * 7 * DAY) for back in range(WEEKS)}
    began = record.timeline.began
    return CardEvidence(
        known=known,
        month=window_of(days, today, "30d"),
        months=record.months,
        reviewed=len(weeks & await reviewed_weeks(services.store)),
        weeks=min(WEEKS, (known.now - began) // (7 * DAY)) if began else 0,
    )
