"""The record of health: what is kept from one look to the next, so that a restart loses nothing."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import msgspec
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from persx.app.tally import Tally
from persx.health.alerts import Alert
from persx.health.counts import Counts
from persx.health.indicator import Lift
from persx.health.judging import SubjectRecord
from persx.health.scorecard import LayerLift
from persx.health.status import Silence, Status
from persx.health.timeline import Timeline
from persx.model.clock import Clock, Millis
from persx.model.errors import Conflict
from persx.model.health import ObjectiveState

if TYPE_CHECKING:
    from persx.app.services import Services
    from persx.storage.ports import Store

RECORD: Final = "health:record"
STATUS: Final = "health:status"
_DAY: Final = "health:day:"
_SILENCE: Final = "health:silence:"
_REVIEWED: Final = "health:reviewed:"

KEPT_DAYS: Final = 400
KEPT_POINTS: Final = 60
KEPT_ALERTS: Final = 50


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """A day's counts; it is whole once the day is over and its visitors were counted."""

    counts: Counts = Counts()
    whole: bool = False


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """An alert's way through one channel.

    Attributes:
        state: ``waiting``, ``sending``, ``sent``, ``given up``, or ``unsure``: the process ended
            while it was being sent, and nobody is told twice.
        next: When it is tried again.
        error: Why the last try failed.
    """

    state: str = "waiting"
    tries: int = 0
    next: Millis = 0
    error: str = ""


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """An alert, and its ways through the channels."""

    alert: Alert
    deliveries: dict[str, Delivery]


class ObjectiveRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of an objective.

    Attributes:
        subjects: By subject.
        state: Its state as a whole, since when.
        told: Subjects of which people were told that they are confirmed.
        points: Day → value.
        measured: Says what the records rest on: with another target they begin anew.
    """

    subjects: dict[str, SubjectRecord] = {}
    state: ObjectiveState = ObjectiveState.UNKNOWN
    since: Millis = 0
    told: tuple[str, ...] = ()
    points: dict[str, float] = {}
    measured: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Everything but the days, in one value: it changes as a whole or not at all.

    Attributes:
        slot: The running stretch of ten minutes, and what was counted in it.
        judged: The last day that was judged.
        lifts: Industry → lift, read at the moment `lifts_at`.
        layers: What behaviour adds to industry, read then as well.
        posted: Alerts, oldest first.
    """

    objectives: dict[str, ObjectiveRecord] = {}
    timeline: Timeline = Timeline()
    slot: int = 0
    slot_counts: Counts = Counts()
    judged: str = ""
    lifts: dict[str, Lift] = {}
    lifts_at: Millis = 0
    layers: tuple[LayerLift, ...] = ()
    posted: tuple[Posted, ...] = ()


class Health(Collector):
    """Health in a process: the tally, and what was found last.

    Attributes:
        looking: Held by whoever looks: one at a time.
        holder: Who this process is, where several share a store.
        record: What is kept from one look to the next; none until it was read.
        kept: The same, as it is in the store.
        days: What is kept of days, by date; none until they were read.
        unsaved: Days that the store did not take yet.
        serving: This process looks again and again.
        delivering: The alerts that are being sent.
    """

    def __init__(self, clock: Clock, seconds: Callable[[], float] = monotonic) -> None:
        self.tally = Tally(clock, seconds)
        self.looking = asyncio.Lock()
        self.holder = f"health:{os.getpid()}:{secrets.token_hex(4)}"
        self.record: Record | None = None
        self.kept: bytes | None = None
        self.days: dict[str, Day] | None = None
        self.unsaved: set[str] = set()
        self.status = Status()
        self.counted_visitors: Millis = 0
        self.counting_takes: Millis = 0
        self.lifts_take: Millis = 0
        self.written = -1
        self.reviewed: set[str] = set()
        self.serving = False
        self.delivering: asyncio.Future[None] | None = None

    def forget(self) -> None:
        """Read everything again the next time: another process may have changed it."""
        self.record, self.kept, self.days = None, None, None
        self.unsaved.clear()

    def collect(self) -> Iterator[Metric]:
        """Tell Prometheus of the last look."""
        family = GaugeMetricFamily(
            "persx_objective_state",
            "State of an objective: 0 ok, 1 watch, 2 confirmed, -1 unknown.",
            labels=["objective"],
        )
        for objective in self.status.objectives:
            family.add_metric([objective.name], _NUMBERS[objective.state])
        yield family
        family = GaugeMetricFamily(
            "persx_indicator", "Value of an indicator in its window.", labels=["indicator"]
        )
        for each in self.status.indicators:
            if each.value is not None:
                family.add_metric([each.name.value], each.value)
        yield family


_NUMBERS: Final = {
    ObjectiveState.OK: 0,
    ObjectiveState.WATCH: 1,
    ObjectiveState.CONFIRMED: 2,
    ObjectiveState.UNKNOWN: -1,
}


def day_of(moment: Millis, zone: ZoneInfo) -> str:
    """Return the date of a moment in a zone.

    >>> day_of(0, ZoneInfo("UTC"))
    '1970-01-01'
    """
    return datetime.fromtimestamp(moment / 1_000, zone).date().isoformat()


def bounds(day: str, zone: ZoneInfo) -> tuple[Millis, Millis]:
    """Return when a day begins and ends."""
    first = date.fromisoformat(day)
    return tuple(  # type: ignore[return-value]
        int(datetime(each.year, each.month, each.day, tzinfo=zone).timestamp() * 1_000)
        for each in (first, first + timedelta(days=1))
    )


def back(day: str, days: int) -> str:
    """Return the date so many days before."""
    return (date.fromisoformat(day) - timedelta(days=days)).isoformat()


def week_of(moment: Millis, zone: ZoneInfo) -> str:
    """Return the ISO week of a moment, where the site is.

    >>> [week_of(1_767_567_600_000, ZoneInfo(name)) for name in ("UTC", "Asia/Tokyo")]
    ['2026-W01', '2026-W02']
    """
    year, week, _ = datetime.fromtimestamp(moment / 1_000, zone).isocalendar()
    return f"{year}-W{week:02}"


async def load_record(store: Store) -> tuple[bytes | None, Record]:
    """Return what is kept, as it is and read; nothing of it where this version cannot read it."""
    kept = await store.value(RECORD)
    try:
        return kept, msgspec.msgpack.decode(kept, type=Record) if kept else Record()
    except msgspec.DecodeError:
        return kept, Record()


async def save_record(store: Store, health: Health, record: Record) -> None:
    """Keep the record, unless another process has kept one since this one's was read.

    Raises:
        Conflict: It has: this process was away for so long that another one took over.
    """
    kept = msgspec.msgpack.encode(record)
    if not await store.swap_value(RECORD, health.kept, kept):
        raise Conflict("Another process looks at health meanwhile.", hint="It is tried again.")
    health.kept, health.record = kept, record


async def load_days(store: Store) -> dict[str, Day]:
    """Return all days that are kept."""
    found = {}
    for name, kept in (await store.values(_DAY)).items():
        try:
            found[name.removeprefix(_DAY)] = msgspec.msgpack.decode(kept, type=Day)
        except msgspec.DecodeError:
            continue
    return found


async def save_day(store: Store, day: str, kept: Day | None) -> None:
    """Keep a day, or remove it."""
    await store.set_value(_DAY + day, msgspec.msgpack.encode(kept) if kept else None)


async def load_status(store: Store) -> Status:
    """Return what was found last, by whichever process."""
    kept = await store.value(STATUS)
    try:
        return msgspec.json.decode(kept, type=Status) if kept else Status()
    except msgspec.DecodeError:
        return Status()


async def save_status(store: Store, status: Status) -> None:
    """Keep what was found."""
    await store.set_value(STATUS, msgspec.json.encode(status))


async def load_silences(store: Store) -> Mapping[str, Silence]:
    """Return all silences, those that are over too."""
    kept = (await store.values(_SILENCE)).values()
    found = [msgspec.json.decode(each, type=Silence) for each in kept]
    return {each.id: each for each in found}


async def save_silence(store: Store, id: str, silence: Silence | None) -> None:
    """Keep a silence, or remove it."""
    kept = msgspec.json.encode(silence) if silence else None
    await store.set_value(_SILENCE + id, kept)


async def note_review(services: Services) -> None:
    """Keep that somebody of the team looked at figures in this week; not who."""
    health, plan = services.health, services.publication.plan
    week = week_of(services.clock(), plan.zone if plan else ZoneInfo("UTC"))
    if week not in health.reviewed:
        await services.store.set_value(_REVIEWED + week, b"1")
        health.reviewed.add(week)


async def reviewed_weeks(store: Store) -> set[str]:
    """Return the weeks in which somebody looked."""
    return {name.removeprefix(_REVIEWED) for name in await store.values(_REVIEWED)}
