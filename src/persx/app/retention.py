"""Retention: what is older than the workspace says goes by itself, and anybody can see when."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

import msgspec

from persx.app.kept_sums import forgetting
from persx.app.refolding import refold
from persx.app.services import Services
from persx.app.use_cases import Noted, UseCase
from persx.model.attribute import Attribute, Source
from persx.model.clock import DAY, HOUR, Millis, parse_duration
from persx.model.workspace import RetentionSettings
from persx.storage.removal import Expiry
from persx.storage.scope import System

_SCOPE: Final = System("retention")

_STATE: Final = "retention/state"
_RUNS_KEPT: Final = 30
_LEASE_LENGTH: Final = HOUR


class Cutoffs(msgspec.Struct, frozen=True, kw_only=True):
    """The first moments that stay: of events, decisions and what was set aside, and of facts."""

    expiry: Expiry
    facts: dict[str, Millis] = {}


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One time at which something was removed: place → rows; ``facts`` is such a place."""

    at: Millis
    removed: dict[str, int]


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of earlier runs; `runs` holds those that removed something."""

    looked: Millis
    cutoffs: Cutoffs
    runs: tuple[Run, ...] = ()


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """How long one kind of thing is kept.

    Attributes:
        place: ``events``, ``decisions``, ``rejected`` or ``facts``.
        kind: Of an event, or the fact's attribute.
        before: What is older than this has been removed, or is at the next look.
    """

    place: str
    kind: str = ""
    keep: str
    before: Millis


class RetentionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept how long, what was removed when, and what is next.

    Attributes:
        looked: When it was last looked for what is too old; 0 for never.
        next: When something can become too old again; 0 where all is kept for ever.
        due: Rows of events and decisions that go then, if nothing changes.
        runs: What was removed, newest first.
    """

    rules: tuple[Kept, ...]
    looked: Millis
    next: Millis
    due: dict[str, int]
    runs: tuple[Run, ...]


class RetentionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing to say; `run` looks now instead of waiting for the server to.

    Attributes:
        count: Count what goes next, which takes a look through the events.
    """

    run: bool = False
    count: bool = True


def cutoff(keep: str, now: Millis) -> Millis:
    """Return the first moment that stays: whole days, so that a segment is rewritten once a day.

    What is kept for less than two days goes by the hour.

    >>> cutoff("90d", 90 * DAY + 5 * HOUR)
    0
    """
    length = parse_duration(keep)
    return (now - length) // _step(length) * _step(length)


def _step(length: Millis) -> Millis:
    return DAY if length >= 2 * DAY else HOUR


def cutoffs(
    settings: RetentionSettings, attributes: Mapping[str, Attribute], now: Millis
) -> Cutoffs:
    """Return what a workspace's settings and attributes mean at a moment."""
    return Cutoffs(
        expiry=Expiry(
            events={kind: cutoff(keep, now) for kind, keep in settings.events.items()},
            decisions=cutoff(settings.decisions, now) if settings.decisions else None,
            rejected=cutoff(settings.rejected, now) if settings.rejected else None,
        ),
        facts={
            name: cutoff(attribute.expires, now)
            for name, attribute in sorted(attributes.items())
            if attribute.expires and attribute.source is Source.DECLARED
        },
    )


async def retain(services: Services) -> Run | None:
    """Remove what is too old, unless that was done already; return what was removed."""
    found = await _cutoffs(services, services.clock())
    state = await _state(services)
    if found is None or (state is not None and state.cutoffs == found):
        return None
    now = services.clock()
    holder = f"retention:{os.getpid()}"
    if not await services.store.lease("retention", holder, now + _LEASE_LENGTH, now):
        return None
    try:
        async with services.rewriting, forgetting(services.store):
            await refold(services)
            removed = dict((await services.warehouse.remove(found.expiry)).counts)
            removed["facts"] = await services.store.expire_facts(found.facts)
            services.profiles.clear()
        run = Run(at=now, removed={place: count for place, count in removed.items() if count})
        runs = state.runs if state else ()
        if run.removed:
            runs = (run, *runs)[:_RUNS_KEPT]
        kept = State(looked=now, cutoffs=found, runs=runs)
        await services.store.set_value(_STATE, msgspec.json.encode(kept))
    finally:
        await services.store.lease("retention", holder, 0, now)
    return run


async def report(services: Services, request: RetentionRequest) -> RetentionReport:
    """Tell what is kept how long, what was removed when, and what is next."""
    if request.run:
        await retain(services)
    now = services.clock()
    state = await _state(services)
    found = await _cutoffs(services, now)
    plan = services.publication.plan
    if found is None or plan is None:
        return RetentionReport(
            rules=(), looked=state.looked if state else 0, next=0, due={}, runs=_runs(state)
        )
    settings = plan.workspace.settings.retention
    rules = [
        *(
            Kept(place="events", kind=kind, keep=keep, before=found.expiry.events[kind])
            for kind, keep in settings.events.items()
        ),
        *(
            Kept(place=place, keep=keep, before=before)
            for place, keep, before in (
                ("decisions", settings.decisions, found.expiry.decisions),
                ("rejected", settings.rejected, found.expiry.rejected),
            )
            if keep is not None and before is not None
        ),
        *(
            Kept(place="facts", kind=name, keep=plan.attributes[name].expires or "", before=before)
            for name, before in found.facts.items()
        ),
    ]
    following = _following(rules)
    return RetentionReport(
        rules=tuple(rules),
        looked=state.looked if state else 0,
        next=following,
        due=await _due(services, following) if following and request.count else {},
        runs=_runs(state),
    )


def _runs(state: State | None) -> tuple[Run, ...]:
    return state.runs if state else ()


def _following(rules: list[Kept]) -> Millis:
    """Return the next moment at which the first moment that stays is a later one."""
    moments = []
    for rule in rules:
        length = parse_duration(rule.keep)
        moments.append(rule.before + _step(length) + length)
    return min(moments, default=0)


async def _due(services: Services, at: Millis) -> dict[str, int]:
    found = await _cutoffs(services, at)
    counts: dict[str, int] = {}
    for table in ("events", "decisions"):
        where = found.expiry.where(table) if found else ""
        if where:
            rows = await services.warehouse.seen_by(_SCOPE).query(
                f"SELECT count(*) FROM {table} WHERE {where}"
            )
            counts[table] = int(rows.rows[0][0])
    return counts


async def _cutoffs(services: Services, now: Millis) -> Cutoffs | None:
    """Return what the served snapshot says; none where nothing is published."""
    if services.publication.plan is None:
        await services.publication.refresh(services.store)
    plan = services.publication.plan
    if plan is None:
        return None
    return cutoffs(plan.workspace.settings.retention, plan.attributes, now)


async def _state(services: Services) -> State | None:
    kept = await services.store.value(_STATE)
    return None if kept is None else msgspec.json.decode(kept, type=State)


RETENTION: Final = UseCase("retention", RetentionRequest, RetentionReport, report, writes=False)


def noted(run: Run | None) -> list[Noted]:
    """Return what the audit log tells of a run: the counts, where something was removed."""
    if run is None or not run.removed:
        return []
    counts = ", ".join(f"{count} {place}" for place, count in run.removed.items())
    return [Noted("retention.run", "", counts)]


RETAIN: Final = UseCase(
    "retain",
    RetentionRequest,
    RetentionReport,
    report,
    notes=lambda _, found: noted(next((run for run in found.runs if run.at == found.looked), None)),
)
