"""Time: epoch milliseconds everywhere, durations as people write them, and the one clock."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from persx.model.errors import BadInput

Millis: TypeAlias = int
"""Milliseconds since 1970-01-01T00:00:00Z, or a length of time in milliseconds."""

Clock: TypeAlias = Callable[[], Millis]

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_UNITS: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_DURATION: Final = re.compile(r"\s*(\d{1,6})\s*([smhdw])\s*")


def system_clock() -> Millis:
    """Return the time of this machine."""
    return time.time_ns() // 1_000_000


def parse_duration(text: str) -> Millis:
    """Read a length of time such as ``30m``, ``24h`` or ``90d``.

    >>> parse_duration("30m")
    1800000
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise BadInput(
            f"'{text}' is not a length of time.",
            value=text,
            hint="Write a number and a unit: 30s, 30m, 24h, 90d or 2w.",
        )
    return int(match[1]) * _UNITS[match[2]]


def parse_wall_time(text: str, zone: str) -> Millis:
    """Read an ISO date and time as the wall clock of an IANA zone shows it.

    >>> parse_wall_time("2026-11-27 00:00", "Europe/Vienna")
    1795734000000
    """
    try:
        local = datetime.fromisoformat(text)
        if local.tzinfo is None:
            local = local.replace(tzinfo=ZoneInfo(zone))
    except (ValueError, OSError, KeyError) as error:
        raise BadInput(
            f"'{text}' in zone '{zone}' is not a time.",
            value=text,
            hint="Write YYYY-MM-DD HH:MM and an IANA zone such as Europe/Vienna.",
        ) from error
    return int(local.timestamp() * 1_000)


def iso(moment: Millis) -> str:
    """Write a moment as ISO 8601 in UTC with milliseconds.

    >>> iso(0)
    '1970-01-01T00:00:00.000Z'
    """
    text = datetime.fromtimestamp(moment / 1_000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
