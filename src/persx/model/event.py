"""Events: timestamped facts in the Segment form."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final, NewType

import msgspec

from persx.model.clock import Millis

IdentityKey = NewType("IdentityKey", str)
"""An anonymous id as ``a:…``, a user id as ``u:…``, a user id that is only claimed as ``c:…``, a
hashed e-mail address as ``e:…``, or an account, to which several users belong, as ``g:…``."""


def anonymous_key(anonymous_id: str) -> IdentityKey:
    """Return the identity key of an anonymous id."""
    return IdentityKey("a:" + anonymous_id)


def user_key(user_id: str) -> IdentityKey:
    """Return the identity key of a user id."""
    return IdentityKey("u:" + user_id)


def claimed_key(user_id: str) -> IdentityKey:
    """Return the identity key for what was said of a user id without proof."""
    return IdentityKey("c:" + user_id)


def email_key(address: str) -> IdentityKey:
    """Return the identity key of an e-mail address: its SHA-256, trimmed and in lower case.

    Nothing else is changed: whether dots or a ``+tag`` matter, only the address's provider
    knows, and two people must not become one by a guess.

    >>> email_key(" Ada@Example.com") == email_key("ada@example.com")
    True
    >>> email_key("ada@example.com")[:18]
    'e:b5fc85e55755f9e0'
    """
    plain = address.strip().lower().encode("utf-8", "replace")
    return IdentityKey("e:" + hashlib.sha256(plain).hexdigest())


_UUID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


def previous_key(previous_id: str, anonymous_id: str | None) -> IdentityKey:
    """Return the identity key of what an `alias` calls the previous id.

    It is an anonymous one where it equals the event's own or has the form of a UUID, as all
    clients' anonymous ids have; otherwise it is a user id, because an anonymous id is whatever
    its sender says, and nobody shall be able to name theirs after somebody's user id.
    """
    if previous_id == anonymous_id or _UUID.fullmatch(previous_id):
        return anonymous_key(previous_id)
    return user_key(previous_id)


def account_key(group_id: str) -> IdentityKey:
    """Return the identity key of an account, which `group` calls name."""
    return IdentityKey("g:" + group_id)


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

RECOMMENDATIONS_VIEWED: Final = "Recommendations Viewed"
"""The track event that a delivered page sends for each block that recommended something."""

RECOMMENDATION_CLICKED: Final = "Recommendation Clicked"
"""The track event that a click on a recommended item sends."""

EMAIL_LINK_CLICKED: Final = "Email Link Clicked"
"""What Segment calls a click in an e-mail; ours name the recommended item.

Nobody tells which e-mails are read, so these are no part of the click-through of pages.
"""

BOT_DETECTED: Final = "Bot Detected"
"""The name of the event that marks a device which views pages faster than anybody reads them."""

CONSENT_CHANGED: Final = "Consent Changed"
"""The track event that holds a visitor's answer: `purposes` (name → granted), where it was asked
(`source`), and which text was shown (`version`)."""


def owners(
    *,
    type: str,
    verified: bool,
    user_id: str | None,
    anonymous_id: str | None,
    previous_id: str | None,
) -> list[IdentityKey]:
    """Return the identities of whose states an event is part: its own, then its devices.

    The devices are those that a verified event calls the user's. They were there before, and may
    have been shown an arm already, whether or not an event told of them: so they have an age.
    """
    if not (user_id and verified):
        return [anonymous_key(anonymous_id) if anonymous_id else claimed_key(user_id or "")]
    found = [user_key(user_id)]
    if anonymous_id:
        found.append(anonymous_key(anonymous_id))
    if type == EventType.ALIAS and previous_id:
        previous = previous_key(previous_id, anonymous_id)
        if previous.startswith("a:") and previous not in found:
            found.append(previous)
    return found


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

    @property
    def owners(self) -> list[IdentityKey]:
        """The identities of whose states this event is part, `identity` first; see `owners`."""
        return owners(
            type=self.type,
            verified=self.verified,
            user_id=self.user_id,
            anonymous_id=self.anonymous_id,
            previous_id=self.previous_id,
        )

    @property
    def account(self) -> IdentityKey | None:
        """The account whose state this event belongs to as well: that of a verified `group`."""
        if self.type is EventType.GROUP and self.verified and self.group_id:
            return account_key(self.group_id)
        return None


def concerned(events: Iterable[Event]) -> set[IdentityKey]:
    """Return the identities whose states these events change."""
    found: set[IdentityKey] = set()
    for event in events:
        if event.verified and event.user_id:
            found.update(event.owners)
        else:
            found.add(event.identity)
        if event.type is EventType.GROUP and (account := event.account) is not None:
            found.add(account)
    return found


class RejectedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was not accepted, kept aside with the reason.

    `body` is what was sent, cut to 32 kB.
    """

    received: Millis
    reason: str
    body: str
