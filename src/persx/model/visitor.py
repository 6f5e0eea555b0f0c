"""Visitors: identities, the edges between them, what is kept of each, and the merged profile."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from persx.model.attribute import Purpose, Source, State, Value
from persx.model.clock import Millis
from persx.model.event import IdentityKey


class EdgeKind(StrEnum):
    """How far an identity edge is trusted. Only verified edges merge what is known."""

    VERIFIED = "verified"
    CLAIMED = "claimed"


class Edge(msgspec.Struct, frozen=True, order=True):
    """ "These two belong together", said at a time by an event."""

    left: IdentityKey
    right: IdentityKey
    kind: EdgeKind
    at: Millis
    message_id: str = ""


class Fact(msgspec.Struct, frozen=True, array_like=True):
    """A declared value with its time; the later one wins, ties go to the greater message id."""

    value: Any
    at: Millis
    message_id: str = ""


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """A visitor's answer for one purpose: granted, or denied.

    The later one wins, ties go to the greater message id.

    Attributes:
        source: Where it was asked, such as ``banner``, ``api`` or ``context.consent``.
        version: Which text was shown.
    """

    granted: bool
    at: Millis
    message_id: str = ""
    source: str = ""
    version: str = ""


class IdentityState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All that is kept of one identity: the projection of its events.

    A commutative monoid: order and batching of events do not matter. `first_seen` and
    `last_seen` are the least and greatest event timestamps. `consent` holds the answers by
    purpose; a purpose that was never answered is absent.
    """

    identity: IdentityKey
    first_seen: Millis = 0
    last_seen: Millis = 0
    events: int = 0
    facts: dict[str, Fact] = {}
    computed: dict[str, State] = {}
    consent: dict[Purpose, Grant] = {}


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a visitor now: the merge of the states of verified identities.

    Attributes:
        bucketing_id: The oldest identity's key: what experiments hash.
        attributes: Values by attribute name; unknown ones are absent.
        sources: Where each value came from.
        withheld: Attributes that are known but whose purpose is not granted, by name.
        storable: Whether anything may be kept under a persistent id; without it there is no
            experiment and no log of the visitor.
    """

    identities: tuple[IdentityKey, ...] = ()
    bucketing_id: str = ""
    attributes: dict[str, Value] = {}
    sources: dict[str, Source] = {}
    withheld: dict[str, Purpose] = {}
    storable: bool = True
    first_seen: Millis = 0
