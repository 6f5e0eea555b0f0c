"""Events for tests, and a fold that is small enough to be checked by eye."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from persx.model.clock import Millis
from persx.model.event import Event, EventType, IdentityKey, anonymous_key, user_key
from persx.model.visitor import Edge, EdgeKind, Fact, IdentityState
from persx.storage.ports import Projection

NOW: Final[Millis] = 1_790_000_000_000
"""A moment in September 2026."""

HOSTILE: Final = (
    "a\x00b",
    "\ud800 half a pair",
    "'; DROP TABLE event; --",
    '"quoted" \\ back',
    "<script>alert(1)</script>",
    "{{ 7 * 7 }} %s $name ?",
    "🏃\u200d♀️ \u202e right to left",
    "line\nbreak\r\ttab\x1b[31m",
    "x" * 32_000,
    "",
)
"""Strings that break what is careless with them."""


def make_event(number: int, **fields: Any) -> Event:
    """Return a track event of one of ten visitors, with a message id from its number."""
    given: dict[str, Any] = {
        "type": EventType.TRACK,
        "message_id": f"message-{number}",
        "anonymous_id": f"visitor-{number % 10}",
        "name": "Product Viewed",
        "timestamp": NOW + number,
        "received": NOW + number,
        "properties": {"number": number, "product": f"P{number % 7}"},
    }
    return Event(**{**given, **fields})


def make_events(start: int, stop: int) -> list[Event]:
    """Return the events with these numbers."""
    return [make_event(number) for number in range(start, stop)]


class CountingProjector:
    """A `Projector` that counts events by name, and keeps the latest value of each trait."""

    def fold(
        self, events: Sequence[Event], known: Mapping[IdentityKey, IdentityState] | None = None
    ) -> Projection:
        """Return the states after these events."""
        before = known or {}
        states: dict[IdentityKey, IdentityState] = {}
        edges: list[Edge] = []
        for event in events:
            key = event.identity
            added = IdentityState(
                identity=key,
                first_seen=event.timestamp,
                last_seen=event.timestamp,
                events=1,
                facts={
                    name: Fact(value, event.timestamp, event.message_id)
                    for name, value in event.traits.items()
                },
                computed={event.name or event.type.value: 1},
            )
            old = states.get(key) or before.get(key)
            states[key] = added if old is None else self.merge(old, added)
            if event.anonymous_id and event.user_id:
                kind = EdgeKind.VERIFIED if event.verified else EdgeKind.CLAIMED
                left, right = anonymous_key(event.anonymous_id), user_key(event.user_id)
                latest = event.timestamp if event.type is EventType.IDENTIFY else 0
                edges.append(Edge(left, right, kind, event.timestamp, event.message_id, latest))
        return Projection(states=states, edges=edges)

    def merge(self, left: IdentityState, right: IdentityState) -> IdentityState:
        """Return the state after both."""
        facts = dict(left.facts)
        for name, fact in right.facts.items():
            old = facts.get(name)
            if old is None or (old.at, old.message_id) < (fact.at, fact.message_id):
                facts[name] = fact
        return IdentityState(
            identity=left.identity,
            first_seen=min(left.first_seen, right.first_seen),
            last_seen=max(left.last_seen, right.last_seen),
            events=left.events + right.events,
            facts=facts,
            computed={
                name: left.computed.get(name, 0) + right.computed.get(name, 0)
                for name in {**left.computed, **right.computed}
            },
        )


def refolded(events: Sequence[Event]) -> dict[IdentityKey, bytes]:
    """Return the states that a fold of all events at once gives, comparable as bytes."""
    return {
        key: comparable(state) for key, state in CountingProjector().fold(events).states.items()
    }


def comparable(state: IdentityState) -> bytes:
    """Return a state as bytes that are equal when the states are."""
    return msgspec.json.encode(state, order="deterministic")
