"""Schedules: zones and wall times, also those that clock changes skip or repeat."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from persx.model.clock import Millis, parse_wall_time
from persx.model.errors import BadInput, Fault
from persx.model.workspace import Schedule
from persx.workspace.checks.subject import Subject

_KIND: Final = "blocks"


def is_zone(name: str) -> bool:
    """Tell whether an IANA time zone is known.

    >>> is_zone("Europe/Vienna"), is_zone("Vienna"), is_zone("../etc/passwd")
    (True, False, False)
    """
    try:
        return bool(ZoneInfo(name).key)
    except (ValueError, OSError, KeyError):
        return False


def check_schedule(subject: Subject, block: str, path: str, schedule: Schedule) -> Iterator[Fault]:
    """Yield the faults of a variant's schedule.

    A wall time that a clock change skips counts as the moment that would have followed without
    the change (02:30 is 03:30 of the new time), one that happens twice is the first of the two;
    both are warnings.
    """
    zone = schedule.zone or subject.workspace.settings.zone
    if not is_zone(zone):
        if schedule.zone:
            yield subject.fault(
                _KIND,
                block,
                f"{path}.zone",
                f"'{schedule.zone}' is not a time zone.",
                value=schedule.zone,
                hint="Write an IANA zone such as Europe/Vienna.",
            )
        return
    moments: dict[str, Millis] = {}
    for field, text in (("start", schedule.start), ("end", schedule.end)):
        if text is None:
            continue
        try:
            moments[field] = parse_wall_time(text, zone)
        except (BadInput, OverflowError):
            yield subject.fault(
                _KIND,
                block,
                f"{path}.{field}",
                f"'{text}' in zone '{zone}' is not a time.",
                value=text,
                hint="Write YYYY-MM-DD HH:MM",
            )
            continue
        change = _clock_change(text, zone)
        if change:
            yield subject.fault(
                _KIND, block, f"{path}.{field}", change, value=text, severity="warning"
            )
    if schedule.start is None and schedule.end is None:
        yield subject.fault(
            _KIND, block, path, "The schedule has neither start nor end.", hint="Remove it."
        )
    if len(moments) == 2 and moments["end"] <= moments["start"]:
        yield subject.fault(
            _KIND,
            block,
            f"{path}.end",
            "The schedule ends before it starts.",
            value=schedule.end,
            hint=f"Write a time after {schedule.start}.",
        )


def _clock_change(text: str, zone: str) -> str:
    local = datetime.fromisoformat(text)
    if local.tzinfo is not None:
        return ""
    first = local.replace(tzinfo=ZoneInfo(zone), fold=0)
    second = first.replace(fold=1)
    if first.utcoffset() == second.utcoffset():
        return ""
    back = first.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if back == local:
        return f"This time happens twice in {zone}; the first one counts."
    return f"Clocks in {zone} skip this time; it counts as {back:%Y-%m-%d %H:%M}."
