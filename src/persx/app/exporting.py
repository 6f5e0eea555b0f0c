"""Exporting: every stored event, and every submitted form, handed over piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from persx.app.services import Services
from persx.app.submissions import Submission, submissions
from persx.app.use_cases import Noted, UseCase
from persx.model.clock import Millis, iso
from persx.model.event import Event, EventType
from persx.storage.scope import Staff

_SCOPE: Final = Staff("operator", "exporting")

CHUNK: Final = 10_000
"""Events, or submissions, that are in memory at a time."""


_EVENTS: Final = """
    SELECT
      sequence, type, message_id AS "messageId", anonymous_id AS "anonymousId",
      user_id AS "userId", CASE WHEN type = 'track' THEN name END AS event,
      CASE WHEN type <> 'track' THEN name END AS name, group_id AS "groupId",
      previous_id AS "previousId", make_timestamp(timestamp * 1000) AS timestamp,
      make_timestamp(received * 1000) AS "receivedAt", verified, properties, traits, context
    FROM events
    ORDER BY sequence
"""
"""The columns of the other forms of export, and times as times."""


class EventsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What takes the events: `begin` is told how many there are, `take` gets them in order."""

    begin: Callable[[int], None]
    take: Callable[[Sequence[Event]], None]


class EventsFileRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The Parquet file that takes the events."""

    path: str


class SubmissionsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What takes the submissions, newest first."""

    take: Callable[[Sequence[Submission]], None]


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """How many were handed over."""

    rows: int


async def export_events(services: Services, request: EventsRequest) -> Exported:
    """Hand over every stored event, sealed or not, exactly once and in the order of the log."""
    counted = await services.warehouse.seen_by(_SCOPE).query("SELECT count(*) FROM events")
    request.begin(int(counted.rows[0][0]))
    rows = 0
    async for events in services.warehouse.seen_by(_SCOPE).scan_events(chunk=CHUNK):
        request.take(events)
        rows += len(events)
    return Exported(rows=rows)


async def export_events_file(services: Services, request: EventsFileRequest) -> Exported:
    """Write every stored event to a Parquet file, one row each, for those who analyse them."""
    return Exported(rows=await services.warehouse.seen_by(_SCOPE).write_file(_EVENTS, request.path))


async def export_submissions(services: Services, request: SubmissionsRequest) -> Exported:
    """Hand over every submitted form, newest first."""
    rows = 0
    while found := await submissions(services, _SCOPE, limit=CHUNK, offset=rows):
        request.take(found)
        rows += len(found)
    return Exported(rows=rows)


def segment_form(event: Event) -> dict[str, Any]:
    """Return an event in the form in which Segment's API takes it, with its place in the log.

    Sending the result to ``/v1/batch`` gives the same event again.
    """
    found: dict[str, Any] = {
        "sequence": event.sequence,
        "type": event.type.value,
        "messageId": event.message_id,
        "anonymousId": event.anonymous_id,
        "userId": event.user_id,
        "event" if event.type is EventType.TRACK else "name": event.name,
        "groupId": event.group_id,
        "previousId": event.previous_id,
        "timestamp": _time(event.timestamp),
        "receivedAt": _time(event.received),
        "verified": event.verified,
        "properties": event.properties or None,
        "traits": event.traits or None,
        "context": event.context or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _time(moment: Millis) -> str | int:
    try:
        return iso(moment)
    except (ValueError, OverflowError, OSError):
        # A time that no calendar has is written as it is kept: nothing is left out.
        return moment


_ALL_EVENTS: Final = Noted("visitor.export", "", "all events")

EXPORT_EVENTS: Final = UseCase(
    "export-events",
    EventsRequest,
    Exported,
    export_events,
    writes=False,
    hands_out=_ALL_EVENTS,
)
EXPORT_EVENTS_FILE: Final = UseCase(
    "export-events-file",
    EventsFileRequest,
    Exported,
    export_events_file,
    writes=False,
    hands_out=_ALL_EVENTS,
)
EXPORT_SUBMISSIONS: Final = UseCase(
    "export-submissions",
    SubmissionsRequest,
    Exported,
    export_submissions,
    writes=False,
    hands_out=Noted("visitor.export", "", "all submissions"),
)
