"""Visitors: identities, the edges between them, what is kept of each, and the merged profile."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from persx.model.attribute import Purpose, Source, State, Value
from persx.model.clock import Millis
from persx.model.event import IdentityKey
from persx.model.item import Touch


class EdgeKind(StrEnum):
    """How far an identity edge is trusted. Only verified edges merge what is known."""

    VERIFIED = "verified"
    CLAIMED = "claimed"


class Edge(msgspec.Struct, frozen=True, order=True):
    """ "These two belong together", said first at a time by an event.

    `latest` is when a call that is about who somebody is (`identify`, `alias`, `group`) said so
    last; 0 where none did.
    """

    left: IdentityKey
    right: IdentityKey
    kind: EdgeKind
    at: Millis
    message_id: str = ""
    latest: Millis = 0


class Cut(msgspec.Struct, frozen=True, order=True):
    """An edge that somebody took back: whatever events say, it joins nothing."""

    left: IdentityKey
    right: IdentityKey
    at: Millis = 0


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


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """One answer to the question of consent, as it is proved later.

    Attributes:
        at: When it was given.
        received: When we learned of it.
        latest: When it was said last: a consent manager repeats itself with every event.
        message_id: The event that said it first.
        purposes: What was granted (true) or denied.
    """

    at: Millis
    received: Millis
    latest: Millis
    message_id: str
    purposes: dict[Purpose, bool]
    source: str = ""
    version: str = ""


class IdentityState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All that is kept of one identity: the projection of its events.

    A commutative monoid: order and batching of events do not matter. `first_seen` and
    `last_seen` are the least and greatest event timestamps. `consent` holds the answers by
    purpose; a purpose that was never answered is absent. `answers` is the history of them, the
    newest hundred.
    """

    identity: IdentityKey
    first_seen: Millis = 0
    last_seen: Millis = 0
    events: int = 0
    facts: dict[str, Fact] = {}
    computed: dict[str, State] = {}
    consent: dict[Purpose, Grant] = {}
    answers: dict[str, Answer] = {}


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """What a model takes a visitor for who did not say it themselves.

    Attributes:
        value: The most probable value.
        confidence: Its probability.
        of: What is guessed: a declared attribute, or ``persona``.
        artifact: The number of the model.
    """

    value: str
    confidence: float
    of: str
    artifact: int


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a visitor now: the merge of the states of verified identities.

    Attributes:
        bucketing_id: The oldest identity's key: what experiments hash.
        attributes: Values by attribute name; unknown ones are absent.
        sources: Where each value came from.
        withheld: Attributes that are known but whose purpose is not granted, by name.
        storable: Whether anything may be kept under a persistent id; without it there is no
            experiment and no log of the visitor.
        measurable: Whether the visitor may count in statistics: only then they are in experiments.
        granted: The purposes for which facts may be used.
        consent: The newest answers that are kept of these identities, by purpose.
        guesses: Those of `attributes` that a model guessed, by name.
        models: Predicted attribute → number of the model that was asked, whatever it said.
        touches: What they did with items and pages, oldest first, where an attribute keeps that.
    """

    identities: tuple[IdentityKey, ...] = ()
    bucketing_id: str = ""
    attributes: dict[str, Value] = {}
    sources: dict[str, Source] = {}
    withheld: dict[str, Purpose] = {}
    storable: bool = True
    measurable: bool = True
    granted: frozenset[Purpose] = frozenset(Purpose)
    consent: dict[Purpose, Grant] = {}
    first_seen: Millis = 0
    guesses: dict[str, Guess] = {}
    models: dict[str, int] = {}
    touches: tuple[Touch, ...] = ()
