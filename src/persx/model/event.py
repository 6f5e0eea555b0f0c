"""Events: timestamped facts in the Segment form."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, NewType

import msgspec

from persx.model.clock import Millis

IdentityKey = NewType("IdentityKey", str)
"""An anonymous id as ``a:…``, a user id as ``u:…``, or a user id that is only claimed, ``c:…``."""


def anonymous_key(anonymous_id: str) -> IdentityKey:
    """Return the identity key of an anonymous id."""
    return IdentityKey("a:" + anonymous_id)


def user_key(user_id: str) -> IdentityKey:
    """Return the identity key of a user id."""
    return IdentityKey("u:" + user_id)


def claimed_key(user_id: str) -> IdentityKey:
    """Return the identity key for what was said of a user id without proof."""
    return IdentityKey("c:" + user_id)


class EventType(StrEnum):
    """The calls of the Segment tracking API."""

    IDENTIFY = "identify"
    TRACK = "track"
    PAGE = "page"
    SCREEN = "screen"
    GROUP = "group"
    ALIAS = "alias"


EXPOSURE: Final = "Experiment Viewed"
"""The track event from which a visitor counts in an experiment's analysis."""

FORM_SUBMITTED: Final = "Form Submitted"
"""The track event that a form block sends; its properties hold the answers."""

CONSENT_CHANGED: Final = "Consent Changed"
"""The track event that holds a visitor's answer: `purposes` (name → granted), where it was asked
(`source`), and which text was shown (`version`)."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event as it is kept.

    Attributes:
        name: The track event's name, or the page's or screen's.
        timestamp: When it happened: the client's time corrected for clock skew by
            (received − sentAt), never after `received`.
        received: When the server acknowledged it.
        sequence: Position in the log, given by the store; 0 before that.
        verified: Sent with the server key, or a token signed by it: its identity links count.
    """

    type: EventType
    message_id: str
    anonymous_id: str | None = None
    user_id: str | None = None
    name: str | None = None
    group_id: str | None = None
    previous_id: str | None = None
    timestamp: Millis = 0
    received: Millis = 0
    sequence: int = 0
    verified: bool = False
    properties: dict[str, Any] = {}
    traits: dict[str, Any] = {}
    context: dict[str, Any] = {}

    @property
    def identity(self) -> IdentityKey:
        """The identity whose state this event belongs to.

        The user where that is verified. Whoever knows the public write key may claim to be any
        user: such an event belongs to its anonymous id, or, where it has none, to the claimed
        identity of the user id, which is never merged into the user's profile.
        """
        if self.user_id and self.verified:
            return user_key(self.user_id)
        if self.anonymous_id:
            return anonymous_key(self.anonymous_id)
        return claimed_key(self.user_id or "")


class RejectedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was not accepted, kept aside with the reason.

    `body` is what was sent, cut to 32 kB.
    """

    received: Millis
    reason: str
    body: str
