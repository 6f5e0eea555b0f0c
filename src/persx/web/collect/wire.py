"""The door for events: Segment messages become events, bad ones are kept aside with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from persx.model.clock import Millis
from persx.model.errors import BadInput
from persx.model.event import Event, EventType, RejectedEvent
from persx.web.collect.envelope import Envelope, Id, depth_exceeds, open_batch, open_single

MAX_EVENT: Final = 32 << 10
"""Bytes of one message."""

MAX_ID: Final = 255
"""Characters of an id or a name."""

MAX_DEPTH: Final = 32
"""Levels of lists and objects in a message."""

_NOBODY: Final = ("", "null", "undefined")
"""Ids that name nobody: what pages send where a variable is empty. All such would be one person."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_LEAST_NUMBER: Final = 10**11
"""Numbers from here on are epoch milliseconds; lesser ones may be seconds, nobody knows."""

_TYPES: Final = {kind.value: kind for kind in EventType}

# Escapes in order, so that an escaped backslash is not taken for the beginning of another.
_ESCAPE: Final = re.compile(
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(\\u(?:[dD][89a-fA-F][0-9a-fA-F]{2}|0000))|(\\.)",
    re.DOTALL,
)


class Message(msgspec.Struct, rename="camel", gc=False):
    """A message of the Segment tracking API; fields that are not here are ignored."""

    type: str | None = None
    message_id: Id = None
    anonymous_id: Id = None
    user_id: Id = None
    event: Id = None
    name: Id = None
    category: Id = None
    group_id: Id = None
    previous_id: Id = None
    timestamp: str | int | float | None = None
    original_timestamp: str | int | float | None = None
    sent_at: str | int | float | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    context: dict[str, Any] | None = None


_message = msgspec.json.Decoder(Message)


def parse_batch(
    body: bytes,
    kind: EventType | None,
    received: Millis,
    verified: bool,
    id_factory: Callable[[], str],
) -> tuple[list[Event], list[RejectedEvent]]:
    """Read a request's body; see `open_batch`, `open_single` and `parse_messages`.

    Raises:
        BadInput: The body as a whole cannot be read.
    """
    envelope = open_batch(body) if kind is None else open_single(body)
    return parse_messages(
        envelope, kind, received=received, verified=verified, id_factory=id_factory
    )


def parse_messages(
    envelope: Envelope,
    kind: EventType | None,
    *,
    received: Millis,
    verified: bool,
    id_factory: Callable[[], str],
    anonymous_id: str | None = None,
) -> tuple[list[Event], list[RejectedEvent]]:
    """Make events of messages.

    * Ids may be numbers. A missing ``messageId`` is made by `id_factory`: such a message counts
      again when it is sent again.
    * Explicit nulls are as good as nothing, unknown keys are ignored, of equal keys the last
      holds.
    * ``timestamp`` (else ``originalTimestamp``, else `received`) is ISO 8601, in UTC where it
      names no zone, or epoch milliseconds; it is corrected by (received − sentAt) and never
      after `received`.
    * NUL characters and halves of surrogate pairs in texts become U+FFFD.

    Args:
        envelope: The messages, with what holds for all of them.
        kind: What all of them are; none where each says its type.
        received: When they arrived.
        verified: They came with the server key.
        id_factory: Makes message ids.
        anonymous_id: For messages that name nobody.

    Returns:
        The events in order, and the messages that are none, each with the reason.
    """
    events: list[Event] = []
    rejected: list[RejectedEvent] = []
    reader = _Reader(envelope, kind, received, verified, id_factory, anonymous_id)
    for raw in envelope.messages:
        try:
            events.append(reader.event(raw))
        except BadInput as error:
            rejected.append(reject(raw, received, error))
    return events, rejected


def reject(raw: msgspec.Raw | bytes, received: Millis, error: BadInput) -> RejectedEvent:
    """Return what is kept of bytes that are no event."""
    shown = bytes(raw)[:MAX_EVENT].decode("utf-8", "replace").replace("\0", "\ufffd")
    return RejectedEvent(received=received, reason=str(error), body=shown)


class _Reader:
    """Reads the messages of one request."""

    def __init__(
        self,
        envelope: Envelope,
        kind: EventType | None,
        received: Millis,
        verified: bool,
        id_factory: Callable[[], str],
        anonymous_id: str | None,
    ) -> None:
        self.kind = kind
        self.received = received
        self.verified = verified
        self.id_factory = id_factory
        self.anonymous_id = anonymous_id
        self.context = envelope.context
        self.skew = self._skew(envelope.sent_at)

    def event(self, raw: msgspec.Raw | bytes) -> Event:
        message = _read(raw)
        kind = self.kind
        if kind is None:
            kind = _TYPES.get(message.type or "")
            if kind is None:
                raise BadInput(
                    f"Type '{_short(message.type)}' is none of {', '.join(_TYPES)}."
                    if message.type
                    else "The message has no type."
                )
        user_id = _id("userId", message.user_id)
        anonymous_id = _id("anonymousId", message.anonymous_id)
        if anonymous_id is None and user_id is None:
            anonymous_id = self.anonymous_id
            if anonymous_id is None:
                raise BadInput("The message has neither userId nor anonymousId.")
        properties = message.properties or {}
        name = message.event if kind is EventType.TRACK else message.name
        name = _name(name)
        group_id = previous_id = None
        if kind is EventType.TRACK:
            if not name:
                raise BadInput("A track message needs an event.")
        elif kind is EventType.GROUP:
            group_id = _required("groupId", message.group_id, "group")
        elif kind is EventType.ALIAS:
            previous_id = _required("previousId", message.previous_id, "alias")
            if user_id is None:
                raise BadInput("An alias message needs a userId.")
        if message.category is not None and kind in (EventType.PAGE, EventType.SCREEN):
            properties = {"category": _name(message.category), **properties}
        context = message.context or {}
        if self.context:
            context = {**self.context, **context}
        return Event(
            type=kind,
            message_id=_id("messageId", message.message_id) or self.id_factory(),
            anonymous_id=anonymous_id,
            user_id=user_id,
            name=name,
            group_id=group_id,
            previous_id=previous_id,
            timestamp=self._timestamp(message),
            received=self.received,
            verified=self.verified,
            properties=properties,
            traits=message.traits or {},
            context=context,
        )

    def _timestamp(self, message: Message) -> Millis:
        given = message.timestamp
        if given is None:
            given = message.original_timestamp
            if given is None:
                return self.received
        happened = read_time(given)
        skew = self.skew if message.sent_at is None else self._skew(message.sent_at)
        return max(0, min(happened + skew, self.received))

    def _skew(self, sent_at: str | int | float | None) -> Millis:
        """Return by how much the client's clock is behind ours; 0 where it does not tell."""
        if sent_at is None:
            return 0
        try:
            return self.received - read_time(sent_at)
        except BadInput:
            return 0


def read_time(given: str | int | float) -> Millis:
    """Read ISO 8601, in UTC where it names no zone, or a number of epoch milliseconds.

    Raises:
        BadInput: It is neither, or before 1970.

    >>> read_time("2026-11-27T10:00:00.250+01:00")
    1795770000250
    """
    if isinstance(given, str):
        try:
            moment = datetime.fromisoformat(given)
        except ValueError:
            moment = _unusual_time(given)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        try:
            at = (moment - _EPOCH) // _MILLISECOND
        except OverflowError:
            at = -1
        if at < 0:
            raise BadInput(f"The time '{_short(given)}' is before 1970.")
        return at
    if not _LEAST_NUMBER <= given < 10**14:
        raise BadInput(
            f"The time {_short(given)} is not a number of epoch milliseconds.",
            hint="Send ISO 8601.",
        )
    return int(given)


def _unusual_time(given: str) -> datetime:
    try:
        return datetime.fromisoformat(given.strip().upper())
    except ValueError:
        raise BadInput(f"The time '{_short(given)}' is not ISO 8601.") from None


def _read(raw: msgspec.Raw | bytes) -> Message:
    text = bytes(raw)
    if len(text) > MAX_EVENT:
        raise BadInput(f"The message has {len(text)} bytes.", hint=f"Send at most {MAX_EVENT}.")
    if depth_exceeds(text, MAX_DEPTH):
        raise BadInput(f"The message is nested deeper than {MAX_DEPTH} levels.")
    if b"\\u0000" in text:
        text = _ESCAPE.sub(_repaired, text)
    try:
        return _message.decode(text)
    except msgspec.ValidationError as error:
        raise BadInput(f"{error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        repaired = _ESCAPE.sub(_repaired, text)
        if repaired != text:
            return _read(repaired)
        raise BadInput(f"The message is not JSON: {error}.") from error


def _repaired(escape: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if escape[2] else escape[0]


def _id(field: str, value: Id) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else str(value)
    if text.strip() in _NOBODY:
        return None
    if len(text) > MAX_ID:
        raise BadInput(f"{field} has {len(text)} characters.", hint=f"Send at most {MAX_ID}.")
    if not text.isprintable() or "\ufffd" in text:
        raise BadInput(f"{field} holds characters that cannot be printed.")
    return text


def _required(field: str, value: Id, call: str) -> str:
    text = _id(field, value)
    if text is None:
        raise BadInput(f"The {call} message has no {field}.")
    return text


def _name(value: Id) -> str | None:
    if value is None or value == "":
        return None
    text = value if isinstance(value, str) else str(value)
    if len(text) > MAX_ID:
        raise BadInput(f"The name has {len(text)} characters.", hint=f"Send at most {MAX_ID}.")
    return text


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:40] + "…"
