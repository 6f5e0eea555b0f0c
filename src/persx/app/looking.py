"""Looking: what is new is counted, every objective judged, and what was found is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from persx.app.alerting import told, unsure
from persx.app.health_card import card_evidence
from persx.app.health_days import changed_days
from persx.app.health_gathering import extended_timeline, fresh_lifts, stale_pipelines
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
    save_day,
    save_record,
    save_status,
)
from persx.app.health_telling import status_of, window_of
from persx.app.services import Services
from persx.app.tally import Piece
from persx.health.counts import Counts, add
from persx.health.detector import Trials
from persx.health.indicator import ALL, Evidence, Indicator, Known
from persx.health.indicators import INDICATORS
from persx.health.judging import SLOT, Finding, judge, slot_trials, trials, whole
from persx.health.objectives import objectives
from persx.health.scorecard import scorecard
from persx.health.status import Status
from persx.model.clock import MINUTE, SECOND, Millis
from persx.model.health import Objective

LEASE: Final = "health"

LIFTS_PAUSE: Final = 10 * MINUTE
LIFTS_COST: Final = 500
"""Reading lifts takes at most one part in so many of the time."""


async def look(services: Services, *, fresh: bool = False, log: bool = True) -> Status:
    """Count what is new, judge all objectives, and keep and return what was found.

    Whoever has not the lease is told what the one who has it found last.

    Args:
        fresh: Somebody waits: today's visitors are counted again, if that is cheap.
        log: Read the log where it is due: for the day's visitors, and for lifts.
    """
    health = services.health
    async with health.looking:
        now = services.clock()
        # A process that serves looks again soon; any other gives the lease back at once.
        length = round(2_000 * services.settings.health_seconds) + 10 * SECOND
        if not await services.store.lease(LEASE, health.holder, now + length, now):
            health.forget()
            health.status = await load_status(services.store)
            return health.status
        taken = health.tally.take(services.metrics.errors_by_place())
        try:
            if health.record is None or health.days is None:
                health.kept, record = await load_record(services.store)
                health.record, health.days = unsure(record), await load_days(services.store)
            found = await _looked(
                services, health.record, health.days, taken, now, fresh=fresh, log=log
            )
            await save_record(services.store, health, found.record)
        except BaseException:
            # What was kept is read again; what was counted counts the next time.
            health.forget()
            health.tally.give_back(taken)
            raise
        try:
            await _keep(services, found)
        finally:
            if not health.serving:
                await services.store.lease(LEASE, health.holder, now, now)
        return found.status


class _Found(NamedTuple):
    """What a look found: the record and the days that are to be kept, and what is told."""

    record: Record
    changed: Mapping[str, Day]
    status: Status
    today: str


async def _keep(services: Services, found: _Found) -> None:
    """Keep all but the record, which is kept: a day that is not taken now is the next time."""
    health = services.health
    days = health.days = {**(health.days or {}), **found.changed}
    health.status = found.status
    health.unsaved.update(found.changed)
    for day in [day for day in days if day < back(found.today, KEPT_DAYS)]:
        del days[day]
        health.unsaved.add(day)
    for day in sorted(health.unsaved):
        await save_day(services.store, day, days.get(day))
        health.unsaved.discard(day)
    await save_status(services.store, found.status)


async def _looked(
    services: Services,
    record: Record,
    days: Mapping[str, Day],
    pieces: list[Piece],
    now: Millis,
    *,
    fresh: bool,
    log: bool,
) -> _Found:
    plan = services.publication.plan
    if plan is None:
        await services.publication.refresh(services.store)
        plan = services.publication.plan
    workspace = plan.workspace if plan else None
    zone = plan.zone if plan else ZoneInfo("UTC")
    today = day_of(now, zone)
    timeline = await extended_timeline(services.store, record.timeline)
    changed = await changed_days(
        services, days, pieces, began=timeline.began, zone=zone, fresh=fresh, log=log
    )
    days = {**days, **changed}
    simulated = any(each.simulated for each in pieces)
    lifts = record
    due = log and _lifts_due(services, record, now, fresh or simulated)
    if workspace is not None and due:
        lifts = await fresh_lifts(services, record, workspace)
    known = Known(
        now=now,
        workspace=workspace,
        timeline=timeline,
        lifts=lifts.lifts,
        pipelines=await stale_pipelines(services, workspace),
    )
    slot, finished = now // SLOT, None
    taken = add(each.counts for each in pieces if not each.simulated)
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
            objective, before, new, by_day, sorted({*changed, today}), known
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
    snapshot = plan.snapshot.number if plan else 0
    status = status_of(
        after,
        findings,
        wholes,
        days=by_day,
        today=today,
        known=known,
        silences=tuple(silences.values()),
        snapshot=snapshot,
        criteria=scorecard(
            await card_evidence(services, after, by_day, known, zone=zone, snapshot=snapshot)
        ),
    )
    return _Found(after, changed, status, today)


def _lifts_due(services: Services, record: Record, now: Millis, soon: bool) -> bool:
    """Tell whether the lifts are read again: as often as that costs next to nothing."""
    pause = LIFTS_COST * services.health.lifts_take
    return not 0 <= now - record.lifts_at < (pause if soon else max(LIFTS_PAUSE, pause))


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


def _objective(
    objective: Objective,
    before: ObjectiveRecord,
    new: _New,
    days: Mapping[str, Counts],
    changed: Sequence[str],
    known: Known,
) -> tuple[ObjectiveRecord, dict[str, Finding], Finding]:
    """Judge an objective; `changed` are the days of which something is new, today the last."""
    indicator = INDICATORS[objective.measure.value]
    measured = f"{objective.measure.value} {objective.at_least} {objective.at_most}"
    if before.measured != measured:
        before = ObjectiveRecord()
    window = indicator.read(window_of(days, changed[-1], objective.window), known)
    judged = judge(
        objective, indicator, before.subjects,
        new=new.of(objective, indicator, known), window=window, known=known,
    )  # fmt: skip
    findings = {name: finding for name, (_, finding) in judged.items()}
    finding = whole(findings, {before.state: before.since}, known.now)
    points = _points(before, indicator, finding, days, changed, known)
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
    changed: Sequence[str],
    known: Known,
) -> dict[str, float]:
    points = dict(before.points)
    if indicator.evidence in (Evidence.FACTS, Evidence.INTERVAL):
        if finding.value is not None:
            points[changed[-1]] = finding.value
    else:
        for day in changed:
            ratios = indicator.read(days[day], known).values()
            total = sum(each.denominator for each in ratios)
            if total:
                points[day] = sum(each.numerator for each in ratios) / total
    return dict(sorted(points.items())[-KEPT_POINTS:])
