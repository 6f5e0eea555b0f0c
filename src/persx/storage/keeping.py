"""What a log can keep: the one rule for events and strings, alike in every backend."""

from __future__ import annotations

import math
import re
from typing import Any, Final

import msgspec

from persx.model.clock import DAY, Millis
from persx.model.errors import BadInput
from persx.model.event import Event, RejectedEvent

BODY_LIMIT: Final = 1 << 20
"""Bytes of an event's JSON; what is sent over HTTP is limited much earlier."""

DEPTH_LIMIT: Final = 100
"""Levels of nesting; deeper values could be written but not be read back everywhere."""

DEDUPE_DAYS: Final = 7
"""A message id that was seen within so many days counts once."""

REJECTED_LIMIT: Final = 32_768
"""Characters that are kept of an event that was not accepted."""

REJECTED_KEPT: Final = 5_000
"""Events that were not accepted are kept up to this number, the newest; the metrics count all."""

_INT_LIMIT: Final = 1 << 63
_TIME_LIMIT: Final = 1 << 53
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Event).decode


def storable(text: str) -> str:
    """Return the text with NUL and lone surrogates, which not every database keeps, as U+FFFD.

    >>> storable("a\\x00b")
    'a�b'
    """
    if text.isascii() and "\x00" not in text:
        return text
    return _UNSTORABLE.sub("\ufffd", text)


def day_of(received: Millis) -> int:
    """Return the day, counted from 1970, in whose partition a message id is remembered."""
    return received // DAY


def kept(event: Event) -> tuple[Event, bytes]:
    """Return the event as it is kept and its JSON without a sequence.

    Raises:
        BadInput: It cannot be kept: no id, a time out of range, too large or nested too deep,
            or a value that JSON does not know.
    """
    if event.sequence:
        event = msgspec.structs.replace(event, sequence=0)
    try:
        body = _encode(event)
        if b"\\u0000" in body:
            event = mended(event)
            body = _encode(event)
    except UnicodeEncodeError:
        event = mended(event)
        body = _encode(event)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise BadInput(f"An event cannot be written as JSON: {error}.") from error
    if not event.message_id:
        raise BadInput("An event has no message id.", hint="Give each event an id of its own.")
    if not (event.user_id or event.anonymous_id):
        raise BadInput("An event has neither a user id nor an anonymous id.")
    if not (0 <= event.received < _TIME_LIMIT and -_TIME_LIMIT < event.timestamp < _TIME_LIMIT):
        raise BadInput(
            "An event's time is out of range.",
            value=(event.timestamp, event.received),
            hint="Times are milliseconds since 1970.",
        )
    if len(body) > BODY_LIMIT:
        raise BadInput(f"An event of {len(body):,} bytes is too large.", value=event.message_id)
    # Counting brackets is cheap and never too low, so that the walk is for odd events only.
    if body.count(b"{") + body.count(b"[") > DEPTH_LIMIT and _depth(event) > DEPTH_LIMIT:
        raise BadInput(
            f"An event is nested deeper than {DEPTH_LIMIT} levels.", value=event.message_id
        )
    return event, body


def put_aside(event: Event, reason: str) -> RejectedEvent:
    """Return an event that cannot be kept as one that is kept aside with the reason."""
    try:
        body = _encode(mended(event)).decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        body = f"message id {event.message_id!r}"
    return kept_aside(RejectedEvent(received=event.received, reason=reason, body=body))


def kept_aside(rejected: RejectedEvent) -> RejectedEvent:
    """Return a rejected event as it is kept: cut, with storable strings and a valid time."""
    return RejectedEvent(
        received=min(max(rejected.received, 0), _TIME_LIMIT),
        reason=storable(rejected.reason[:REJECTED_LIMIT]),
        body=storable(rejected.body[:REJECTED_LIMIT]),
    )


def with_sequence(sequence: int, body: bytes) -> bytes:
    """Return the JSON of a kept event with its sequence in front."""
    return b'{"sequence":%d,' % sequence + body[1:]


def read_event(sequence: int, body: bytes) -> Event:
    """Return a kept event."""
    return _decode(with_sequence(sequence, body))


def switch_note(sequence: int) -> str:
    """Return the name of the small value that notes a change of the projector after a sequence."""
    return f"projector/{sequence:020d}"


def mended(event: Event) -> Event:
    """Return the event with storable strings, and numbers that every encoding knows.

    Integers beyond 64 bits become floats; what is not a finite number becomes null.
    """
    return msgspec.structs.replace(
        event,
        **{
            name: _mend(getattr(event, name))
            for name in event.__struct_fields__
            if name not in {"type", "verified"}
        },
    )


def _mend(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {_mend(key): _mend(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mend(item) for item in value]
    if isinstance(value, int) and not -_INT_LIMIT <= value < _INT_LIMIT:
        try:
            return float(value)
        except OverflowError:
            return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _depth(event: Event) -> int:
    level: list[Any] = [event.properties, event.traits, event.context]
    depth = 0
    while level:
        depth += 1
        level = [
            item
            for value in level
            for item in (value.values() if isinstance(value, dict) else value)
            if isinstance(item, dict | list | tuple)
        ]
    return depth
