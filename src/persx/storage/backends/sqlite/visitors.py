"""What a scope may read of visitors in SQLite: the one place where their rows are read."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from persx.model.decision import DecisionRecord
from persx.model.event import IdentityKey
from persx.model.visitor import Cut, Edge, IdentityState
from persx.storage.backends.sqlite import hot, identities, members, packets
from persx.storage.backends.sqlite.database import Database
from persx.storage.keeping import storable
from persx.storage.scope import (
    Bearer,
    VisitorScope,
    follows_edges,
    identity_in,
    is_own,
    sees_everyone,
    value_name,
    visible,
)


class SqliteVisitors:
    """Implements `persx.storage.reading.VisitorReader`."""

    __slots__ = ("_database", "_read", "_scope")

    def __init__(self, database: Database, scope: VisitorScope) -> None:
        self._database = database
        self._read = database.reader
        self._scope = scope

    def _seen(self) -> frozenset[IdentityKey] | None:
        """Return the identities that the scope covers now; None for all."""
        if isinstance(self._scope, Bearer):
            return visible(self._scope, lambda identity: members.visitor(self._read(), identity))
        return None if sees_everyone(self._scope) else frozenset()

    async def sees(self, identity: IdentityKey) -> bool:
        """Tell whether the scope covers an identity."""
        seen = self._seen()
        return seen is None or storable(identity) in seen

    async def states(self, identity: IdentityKey) -> Sequence[IdentityState]:
        """Return the states of all identities joined to this one, oldest first."""
        key = IdentityKey(storable(identity))
        scope = self._scope
        # What is read for a proven identity is what its bearer may see.
        if type(scope) is Bearer and is_own(scope, key):
            return self._linked(key, alone=not scope.proven)
        return self._states_within(key)

    def _states_within(self, key: IdentityKey) -> Sequence[IdentityState]:
        seen = self._seen()
        if seen is None:
            return self._linked(key)
        if key not in seen:
            return []
        found = self._linked(key, alone=len(seen) == 1)
        return [state for state in found if state.identity in seen]

    def _linked(self, key: IdentityKey, *, alone: bool = False) -> Sequence[IdentityState]:
        recent = self._database.recent
        found = recent.get(key) if recent is not None else None
        if found is None:
            generation = recent.generation if recent is not None else 0
            found, linked = identities.linked_states(self._read(), key, alone=alone)
            if recent is not None and not linked:
                recent.keep(key, found, generation)
        return found

    async def all_states(self, after: str = "", limit: int = 1_000) -> Sequence[IdentityState]:
        """Return kept states whose keys are greater, in order of their keys."""
        return identities.states_after(self._read(), after, limit, self._seen())

    async def account(self, identity: IdentityKey) -> IdentityState | None:
        """Return the state of the account that the visitor was last verified to belong to."""
        key = IdentityKey(storable(identity))
        if not follows_edges(self._scope) or not await self.sees(key):
            return None
        return identities.account(self._read(), key)

    async def edges(self, touching: Collection[IdentityKey] | None = None) -> Sequence[Edge]:
        """Return every identity edge, in order, or those that touch one of some identities."""
        seen = self._seen()
        if seen is None:
            return identities.all_edges(self._read(), touching)
        near = seen if touching is None else seen.intersection(touching)
        found = identities.all_edges(self._read(), near)
        return [edge for edge in found if edge.left in seen and edge.right in seen]

    async def cuts(self) -> Sequence[Cut]:
        """Return all cuts, in order."""
        seen = self._seen()
        found = members.all_cuts(self._read())
        return [each for each in found if seen is None or {each.left, each.right} <= seen]

    async def linked(self, identity: IdentityKey) -> Sequence[IdentityKey]:
        """Return this identity and all that belong together with it, in order."""
        key, seen = IdentityKey(storable(identity)), self._seen()
        found = identities.linked(self._read(), key)
        return found if seen is None else _within(seen, key, found)

    async def visitor(self, identity: IdentityKey) -> Sequence[IdentityKey]:
        """Return all identities that are read for one, in order."""
        key, seen = IdentityKey(storable(identity)), self._seen()
        found = members.visitor(self._read(), key)
        return found if seen is None else _within(seen, key, found)

    async def identities(self) -> Sequence[IdentityKey]:
        """Return every identity that has a state or an edge, in order."""
        return identities.known(self._read(), self._seen())

    async def bucketing_ids(self) -> Mapping[IdentityKey, IdentityKey]:
        """Return identity → oldest identity that it belongs together with, where these differ."""
        found, seen = identities.bucketing_ids(self._read()), self._seen()
        return {key: oldest for key, oldest in found.items() if seen is None or key in seen}

    async def decision(self, id: str) -> DecisionRecord | None:
        """Return one line of the decision log that is not sealed yet."""
        connection = self._read()
        found = packets.find(connection, id, hot.sealed_to(connection, "decisions"))
        seen = self._seen() if found is not None else None
        return found if found is None or seen is None or found.bucketing_id in seen else None

    async def decisions_of(
        self, bucketing_ids: Collection[str], limit: int
    ) -> Sequence[DecisionRecord]:
        """Return the newest lines of these visitors that are not sealed yet, newest first."""
        seen, wanted = self._seen(), {storable(each) for each in bucketing_ids}

        def look() -> list[DecisionRecord]:
            connection = self._read()
            after = hot.sealed_to(connection, "decisions")
            covered = wanted if seen is None else wanted & seen
            return packets.newest_of(connection, covered, after=after, limit=limit)

        # It reads the whole hot log where there are few such lines: too long for the loop.
        return await asyncio.to_thread(look)

    async def value_of(self, kind: str, identity: IdentityKey) -> bytes | None:
        """Return the small value of a kind that is about an identity."""
        if not await self.sees(identity):
            return None
        row = (
            self._read()
            .execute("SELECT value FROM value WHERE name = ?", (value_name(kind, identity),))
            .fetchone()
        )
        return None if row is None else bytes(row[0])

    async def values_of(self, kind: str) -> Mapping[IdentityKey, bytes]:
        """Return all small values of a kind that are about an identity."""
        prefix = value_name(kind, IdentityKey(""))
        rows = self._read().execute(
            "SELECT name, value FROM value WHERE name >= ?1 AND name < ?2 ORDER BY name",
            (prefix, prefix[:-1] + chr(ord("/") + 1)),
        )
        seen = self._seen()
        return {
            identity: bytes(value)
            for name, value in rows.fetchall()
            if (identity := identity_in(name, kind)) and (seen is None or identity in seen)
        }


def _within(
    seen: frozenset[IdentityKey], identity: IdentityKey, found: Sequence[IdentityKey]
) -> list[IdentityKey]:
    return [key for key in found if key in seen] if identity in seen else []
