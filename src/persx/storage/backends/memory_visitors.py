"""What a scope may read of visitors in memory: the one place where their rows are read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from persx.model.clock import Millis
from persx.model.decision import DecisionRecord
from persx.model.event import Event, IdentityKey, RejectedEvent
from persx.model.visitor import Cut, Edge, IdentityState
from persx.storage.backends.memory_shelves import Shelves
from persx.storage.joining import account_of
from persx.storage.keeping import read_event, storable
from persx.storage.scope import (
    Bearer,
    VisitorScope,
    follows_edges,
    identity_in,
    sees_everyone,
    value_name,
    visible,
)


class MemoryVisitors:
    """Implements `persx.storage.reading.VisitorReader`."""

    def __init__(self, shelves: Shelves, scope: VisitorScope) -> None:
        self._shelves = shelves
        self._scope = scope

    def _covering(self) -> Callable[[str], bool]:
        """Return what tells whether the scope covers an identity now."""
        if isinstance(self._scope, Bearer):
            return visible(self._scope, self._shelves.visitor).__contains__
        everyone = sees_everyone(self._scope)
        return lambda _: everyone

    async def sees(self, identity: IdentityKey) -> bool:
        """Tell whether the scope covers an identity."""
        return self._covering()(storable(identity))

    async def states(self, identity: IdentityKey) -> Sequence[IdentityState]:
        """Return the states of all identities joined to this one, oldest first."""
        covers = self._covering()
        key = IdentityKey(storable(identity))
        found = self._shelves.linked_states(key) if covers(key) else []
        return [state for state in found if covers(state.identity)]

    async def all_states(self, after: str = "", limit: int = 1_000) -> Sequence[IdentityState]:
        """Return kept states whose keys are greater, in order of their keys."""
        covers = self._covering()
        keys = sorted(key for key in self._shelves.states if key > after and covers(key))
        found = self._shelves.load(keys[:limit])
        return [found[key] for key in keys[:limit]]

    async def account(self, identity: IdentityKey) -> IdentityState | None:
        """Return the state of the account that the visitor was last verified to belong to."""
        covers = self._covering()
        shelves, key = self._shelves, IdentityKey(storable(identity))
        if not follows_edges(self._scope) or not covers(key):
            return None
        found = account_of(shelves.visitor(key), shelves.edges.values(), shelves.cuts)
        return shelves.load([found]).get(found) if found else None

    async def edges(self, touching: Collection[IdentityKey] | None = None) -> Sequence[Edge]:
        """Return every identity edge, in order, or those that touch one of some identities."""
        covers = self._covering()
        return sorted(
            edge
            for edge in self._shelves.edges.values()
            if touching is None or edge.left in touching or edge.right in touching
            if covers(edge.left) and covers(edge.right)
        )

    async def cuts(self) -> Sequence[Cut]:
        """Return all cuts, in order."""
        covers = self._covering()
        found = sorted(self._shelves.cuts.values())
        return [each for each in found if covers(each.left) and covers(each.right)]

    async def linked(self, identity: IdentityKey) -> Sequence[IdentityKey]:
        """Return this identity and all that belong together with it, in order."""
        covers = self._covering()
        key = IdentityKey(storable(identity))
        found = self._shelves.component(key) if covers(key) else ()
        return sorted(filter(covers, found))

    async def visitor(self, identity: IdentityKey) -> Sequence[IdentityKey]:
        """Return all identities that are read for one, in order."""
        covers = self._covering()
        key = IdentityKey(storable(identity))
        found = self._shelves.visitor(key) if covers(key) else ()
        return sorted(filter(covers, found))

    async def identities(self) -> Sequence[IdentityKey]:
        """Return every identity that has a state or an edge, in order."""
        covers = self._covering()
        ends = {key for pair in self._shelves.edges for key in pair[:2]}
        return sorted(filter(covers, {*self._shelves.states, *ends}))

    async def bucketing_ids(self) -> Mapping[IdentityKey, IdentityKey]:
        """Return identity → oldest identity that it belongs together with, where these differ."""
        covers = self._covering()
        oldest: dict[IdentityKey, tuple[Millis, IdentityKey]] = {}
        components = self._shelves.joined.components
        for key, state in self._shelves.load(components).items():
            name, seen = components[key], (state.first_seen, key)
            oldest[name] = min(oldest.get(name, seen), seen)
        return {
            key: oldest[name][1]
            for key, name in sorted(components.items())
            if name in oldest and oldest[name][1] != key and covers(key)
        }

    async def decision(self, id: str) -> DecisionRecord | None:
        """Return one line of the decision log that is not sealed yet."""
        return next((line for line in self._lines() if line.id == storable(id)), None)

    async def decisions_of(
        self, bucketing_ids: Collection[str], limit: int
    ) -> Sequence[DecisionRecord]:
        """Return the newest lines of these visitors that are not sealed yet, newest first."""
        wanted = {storable(each) for each in bucketing_ids}
        found = [line for line in self._lines() if line.bucketing_id in wanted]
        return found[::-1][: max(limit, 0)]

    def _lines(self) -> list[DecisionRecord]:
        covers = self._covering()
        bodies = list(self._shelves.hot["decisions"].values())
        lines = [msgspec.json.decode(body, type=DecisionRecord) for body in bodies]
        return [line for line in lines if covers(line.bucketing_id)]

    async def value_of(self, kind: str, identity: IdentityKey) -> bytes | None:
        """Return the small value of a kind that is about an identity."""
        covers = self._covering()
        name = value_name(kind, identity)
        return self._shelves.values.get(name) if covers(storable(identity)) else None

    async def values_of(self, kind: str) -> Mapping[IdentityKey, bytes]:
        """Return all small values of a kind that are about an identity."""
        covers = self._covering()
        value_name(kind, IdentityKey(""))
        return {
            identity: value
            for name, value in sorted(self._shelves.values.items())
            if (identity := identity_in(name, kind)) and covers(identity)
        }


class MemoryEvents:
    """Implements `persx.storage.reading.EventReader`."""

    def __init__(self, shelves: Shelves) -> None:
        self._shelves = shelves

    async def read(self, after: int = 0, limit: int = 10_000) -> Sequence[Event]:
        """Return unsealed events with a greater sequence, in order."""
        hot = self._shelves.hot["events"]
        found = [sequence for sequence in hot if sequence > after][:limit]
        return [read_event(sequence, hot[sequence]) for sequence in found]

    async def rejected(self, limit: int = 1_000) -> Sequence[RejectedEvent]:
        """Return the newest events that were kept aside, newest first."""
        return self._shelves.rejected[::-1][:limit]
