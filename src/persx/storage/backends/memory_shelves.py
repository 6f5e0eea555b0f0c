"""What the memory backend keeps: plain dicts under the rules of the embedded one's tables."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec

from persx.model.clock import Clock, Millis, system_clock
from persx.model.event import IdentityKey, RejectedEvent
from persx.model.visitor import Cut, Edge, EdgeKind, IdentityState
from persx.storage.joining import Joined, joined
from persx.storage.ports import Projector, Segment
from persx.storage.removal import Tombstones

_unpack: Final = msgspec.msgpack.Decoder(IdentityState).decode


class Shelves:
    """What stream, store and log of one memory backend share.

    States are kept packed, so that nobody changes what another was given. `log` is the manifest
    and, per table, sequence → JSON without the sequence; sealing replaces both in one step, as
    the warehouse reads on other threads.
    """

    def __init__(self, clock: Clock = system_clock) -> None:
        self.clock = clock
        self.projector: Projector | None = None
        self.log: tuple[tuple[Segment, ...], dict[str, dict[int, bytes]]] = (
            (),
            {"events": {}, "decisions": {}},
        )
        self.last: dict[str, int] = {"events": 0, "decisions": 0}
        self.seen: dict[int, set[str]] = defaultdict(set)
        self.rejected: list[RejectedEvent] = []
        self.states: dict[IdentityKey, bytes] = {}
        self.edges: dict[tuple[IdentityKey, IdentityKey, EdgeKind], Edge] = {}
        self.cuts: dict[tuple[IdentityKey, IdentityKey], Cut] = {}
        self._joined: Joined | None = None
        self.values: dict[str, bytes] = {}
        self.tombstones = Tombstones(secrets.token_bytes(32))
        self.leases: dict[str, tuple[str, Millis]] = {}

    @property
    def hot(self) -> dict[str, dict[int, bytes]]:
        """The hot rows of each table."""
        return self.log[1]

    def load(self, keys: Iterable[IdentityKey]) -> dict[IdentityKey, IdentityState]:
        """Return the kept states of these identities, for the caller to change."""
        return {key: _unpack(self.states[key]) for key in keys if key in self.states}

    @property
    def joined(self) -> Joined:
        """What the edges join now."""
        if self._joined is None:
            # Copies: the warehouse asks on other threads.
            self._joined = joined(list(self.edges.values()), dict(self.cuts))
        return self._joined

    def rejoin(self) -> None:
        """Notice that an edge or a cut has changed."""
        self._joined = None

    def component(self, identity: IdentityKey) -> set[IdentityKey]:
        """Return an identity and all that belong together with it."""
        components = self.joined.components
        name = components.get(identity)
        return {key for key, other in components.items() if other == name} | {identity}

    def visitor(self, identity: IdentityKey) -> set[IdentityKey]:
        """Return the identities that are read for one: of a shared device its person's too."""
        person = self.joined.speaks_for.get(identity)
        return self.component(identity) | (self.component(person) if person else set())

    def linked_states(self, identity: IdentityKey) -> list[IdentityState]:
        """Return the states that are read for an identity, a shared device's own state first."""
        found = self.visitor(identity)
        alone = identity in self.joined.speaks_for
        return sorted(
            (_unpack(self.states[key]) for key in found if key in self.states),
            key=lambda each: (alone and each.identity != identity, each.first_seen, each.identity),
        )

    def take_lease(self, name: str, holder: str, until: Millis, now: Millis) -> bool:
        """Take or prolong a lease."""
        held = self.leases.get(name)
        if held is not None and held[0] != holder and held[1] > now:
            return False
        self.leases[name] = (holder, until)
        return True
