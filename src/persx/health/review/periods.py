"""Periods of a review: weeks from Monday and calendar months, as the workspace's zone has them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from persx.model.clock import Millis
from persx.model.errors import BadInput

_WEEK: Final = re.compile(r"(\d{4})-W(\d{2})")
_MONTH: Final = re.compile(r"(\d{4})-(\d{2})")


class Kind(StrEnum):
    """How long a period is."""

    WEEK = "week"
    MONTH = "month"


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """A week or a month.

    Attributes:
        name: As ISO 8601 writes it: ``2026-W47`` or ``2026-11``.
        begin, end: The moments between which it lies; `end` is no longer in it.
    """

    kind: Kind
    name: str
    zone: str
    begin: Millis
    end: Millis

    @property
    def title(self) -> str:
        """The period in words.

        >>> read_period("2026-W47", "UTC").title, read_period("2026-11", "UTC").title
        ('Week 47 of 2026, 16 to 22 November', 'November 2026')
        """
        zone = ZoneInfo(self.zone)
        first, last = _local(self.begin, zone), _local(self.end - 1, zone)
        if self.kind is Kind.MONTH:
            return f"{first:%B %Y}"
        year, week, _ = first.isocalendar()
        start = f"{first.day}" if first.month == last.month else f"{first.day} {first:%B}"
        return f"Week {week} of {year}, {start} to {last.day} {last:%B}"


def read_period(text: str, zone: str) -> Period:
    """Read ``2026-W47`` or ``2026-11``.

    Raises:
        BadInput: It is neither, or there is no such week or month.

    >>> period = read_period("2026-W13", "Europe/Vienna")
    >>> (period.end - period.begin) // 3_600_000  # clocks go forward on its Sunday
    167
    """
    week, month = _WEEK.fullmatch(text), _MONTH.fullmatch(text)
    try:
        if week:
            return _week(date.fromisocalendar(int(week[1]), int(week[2]), 1), zone)
        if month:
            return _month(date(int(month[1]), int(month[2]), 1), zone)
    except (ValueError, OverflowError):
        pass
    raise BadInput(
        f"'{text}' is no week and no month.",
        value=text,
        hint="Write a week as 2026-W47, or a month as 2026-11.",
    )


def period_at(moment: Millis, kind: Kind, zone: str) -> Period:
    """Return the week or month in which a moment lies.

    >>> period_at(0, Kind.WEEK, "UTC").name, period_at(0, Kind.MONTH, "America/New_York").name
    ('1970-W01', '1969-12')
    """
    day = _local(moment, ZoneInfo(zone)).date()
    if kind is Kind.MONTH:
        return _month(day.replace(day=1), zone)
    return _week(day - timedelta(days=day.weekday()), zone)


def before(period: Period, steps: int = 1) -> Period:
    """Return the period so many steps earlier.

    >>> before(read_period("2026-01", "UTC")).name, before(read_period("2026-W02", "UTC"), 2).name
    ('2025-12', '2025-W52')
    """
    for _ in range(steps):
        period = period_at(period.begin - 1, period.kind, period.zone)
    return period


def _week(monday: date, zone: str) -> Period:
    year, week, _ = monday.isocalendar()
    return Period(
        kind=Kind.WEEK,
        name=f"{year}-W{week:02}",
        zone=zone,
        begin=_midnight(monday, zone),
        end=_midnight(monday + timedelta(days=7), zone),
    )


def _month(first: date, zone: str) -> Period:
    following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    return Period(
        kind=Kind.MONTH,
        name=f"{first:%Y-%m}",
        zone=zone,
        begin=_midnight(first, zone),
        end=_midnight(following, zone),
    )


def _midnight(day: date, zone: str) -> Millis:
    moment = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return round(moment.timestamp() * 1_000)


def _local(moment: Millis, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(moment / 1_000, UTC).astimezone(zone)
