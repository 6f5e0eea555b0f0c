"""The memory backend: stream and store in plain dicts, with the semantics of the embedded one."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from persx.model.clock import Clock, Millis, system_clock
from persx.model.decision import DecisionRecord
from persx.model.errors import BadInput
from persx.model.event import Event, IdentityKey, RejectedEvent, concerned
from persx.model.visitor import Cut, Edge, EdgeKind, IdentityState
from persx.model.workspace import Snapshot
from persx.storage.drafting import check_base, check_storable, no_snapshot
from persx.storage.joining import Joined, account_of, joined, said_again
from persx.storage.keeping import (
    DEDUPE_DAYS,
    REJECTED_KEPT,
    day_of,
    kept,
    kept_aside,
    mended,
    put_aside,
    read_event,
    storable,
    switch_note,
)
from persx.storage.ports import (
    Appended,
    DraftFile,
    Projector,
    Segment,
    SnapshotHead,
)
from persx.storage.removal import Tombstone, Tombstones, without

_pack: Final = msgspec.msgpack.Encoder().encode
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
            self._joined = joined(self.edges.values(), self.cuts)
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


class MemoryStream:
    """Implements `persx.storage.ports.Stream`."""

    def __init__(self, shelves: Shelves) -> None:
        self._shelves = shelves

    async def append(
        self, events: Sequence[Event], rejected: Sequence[RejectedEvent] = ()
    ) -> Appended:
        """Keep the new events and project them; what cannot be kept joins the rejected."""
        shelves = self._shelves
        aside = [kept_aside(one) for one in rejected]
        new: list[tuple[Event, bytes]] = []
        fresh: dict[int, set[str]] = defaultdict(set)
        duplicates = erased = 0
        for event in events:
            try:
                event, _ = kept(event)
                event, body = kept(mended(event))
            except BadInput as error:
                aside.append(put_aside(event, str(error)))
                continue
            day, message_id = day_of(event.received), event.message_id
            if any(
                message_id in ids
                for days in (shelves.seen, fresh)
                for other, ids in days.items()
                if other >= day - DEDUPE_DAYS
            ):
                duplicates += 1
                continue
            if shelves.tombstones.turns_away(event):
                erased += 1
                continue
            fresh[day].add(message_id)
            new.append((event, body))
        # All that may fail comes before the first change.
        merged: dict[IdentityKey, bytes] = {}
        edges: list[Edge] = []
        if new and shelves.projector is not None:
            fresh_events = [event for event, _ in new]
            known = shelves.load(concerned(fresh_events))
            projection = shelves.projector.fold(fresh_events, known)
            merged = {key: _pack(state) for key, state in projection.states.items()}
            edges = projection.edges
        shelves.states.update(merged)
        for edge in edges:
            pair = (edge.left, edge.right, edge.kind)
            shelves.edges[pair] = said_again(shelves.edges.get(pair), edge)
            shelves.rejoin()
        for day, ids in fresh.items():
            shelves.seen[day] |= ids
        for _, body in new:
            shelves.last["events"] += 1
            shelves.hot["events"][shelves.last["events"]] = body
        shelves.rejected += aside
        del shelves.rejected[:-REJECTED_KEPT]
        return Appended(
            accepted=len(new),
            duplicates=duplicates,
            rejected=len(aside),
            erased=erased,
            last_sequence=shelves.last["events"],
        )

    async def use_projector(self, projector: Projector, note: bytes | None = None) -> int:
        """Project what is appended from now on with this fold; return where that begins."""
        shelves = self._shelves
        shelves.projector = projector
        if note is not None:
            shelves.values[switch_note(shelves.last["events"])] = note
        return shelves.last["events"]

    async def read(self, after: int = 0, limit: int = 10_000) -> Sequence[Event]:
        """Return unsealed events with a greater sequence, in order."""
        hot = self._shelves.hot["events"]
        found = [sequence for sequence in hot if sequence > after][:limit]
        return [read_event(sequence, hot[sequence]) for sequence in found]

    async def rejected(self, limit: int = 1_000) -> Sequence[RejectedEvent]:
        """Return the newest events that were kept aside, newest first."""
        return self._shelves.rejected[::-1][:limit]


class MemoryStore:
    """Implements `persx.storage.ports.Store`."""

    def __init__(self, shelves: Shelves) -> None:
        self._shelves = shelves
        self._drafts: dict[str, DraftFile] = {}
        self._snapshots: dict[int, Snapshot] = {}
        self._active = 0

    async def states(self, identity: IdentityKey) -> Sequence[IdentityState]:
        """Return the states of all identities joined to this one, oldest first."""
        return self._shelves.linked_states(IdentityKey(storable(identity)))

    async def edges(self, touching: Collection[IdentityKey] | None = None) -> Sequence[Edge]:
        """Return every identity edge, in order, or those that touch one of some identities."""
        return sorted(
            edge
            for edge in self._shelves.edges.values()
            if touching is None or edge.left in touching or edge.right in touching
        )

    async def all_states(self, after: str = "", limit: int = 1_000) -> Sequence[IdentityState]:
        """Return kept states whose keys are greater, in order of their keys."""
        keys = sorted(key for key in self._shelves.states if key > after)[:limit]
        return [_unpack(self._shelves.states[key]) for key in keys]

    async def account(self, identity: IdentityKey) -> IdentityState | None:
        """Return the state of the account that the visitor was last verified to belong to."""
        shelves = self._shelves
        members = shelves.visitor(IdentityKey(storable(identity)))
        found = account_of(members, shelves.edges.values(), shelves.cuts)
        return _unpack(shelves.states[found]) if found in shelves.states else None

    async def cut(self, cut: Cut) -> bool:
        """Take an edge back; tell whether it was not cut before."""
        pair = cut.left, cut.right
        new = pair not in self._shelves.cuts
        self._shelves.cuts.setdefault(pair, cut)
        self._shelves.rejoin()
        return new

    async def mend(self, left: IdentityKey, right: IdentityKey) -> bool:
        """Undo a cut; tell whether there was one."""
        self._shelves.rejoin()
        return self._shelves.cuts.pop((left, right), None) is not None

    async def cuts(self) -> Sequence[Cut]:
        """Return all cuts, in order."""
        return sorted(self._shelves.cuts.values())

    async def linked(self, identity: IdentityKey) -> Sequence[IdentityKey]:
        """Return this identity and all that belong together with it, in order."""
        return sorted(self._shelves.component(IdentityKey(storable(identity))))

    async def identities(self) -> Sequence[IdentityKey]:
        """Return every identity that has a state or an edge, in order."""
        ends = {key for pair in self._shelves.edges for key in pair[:2]}
        return sorted({*self._shelves.states, *ends})

    async def bucketing_ids(self) -> Mapping[IdentityKey, IdentityKey]:
        """Return identity → oldest identity that it belongs together with, where these differ."""
        oldest: dict[IdentityKey, tuple[Millis, IdentityKey]] = {}
        components = self._shelves.joined.components
        for key, name in components.items():
            if key in self._shelves.states:
                seen = _unpack(self._shelves.states[key]).first_seen, key
                oldest[name] = min(oldest.get(name, seen), seen)
        return {
            key: oldest[name][1]
            for key, name in sorted(components.items())
            if name in oldest and oldest[name][1] != key
        }

    async def merge_states(
        self, name: str, position: int, states: Sequence[IdentityState], projector: Projector
    ) -> None:
        """Merge states into the kept ones and set a value to the position, as decimal digits."""
        merged = self._shelves.load({state.identity for state in states})
        for state in states:
            old = merged.get(state.identity)
            merged[state.identity] = state if old is None else projector.merge(old, state)
        self._shelves.states.update({key: _pack(state) for key, state in merged.items()})
        self._shelves.values[storable(name)] = b"%d" % position

    async def drafts(self) -> Mapping[str, DraftFile]:
        """Return the workspace's files by path."""
        return dict(sorted(self._drafts.items()))

    async def save_drafts(
        self, changed: Sequence[DraftFile], removed: Sequence[str], base: Mapping[str, str]
    ) -> None:
        """Write and remove files, unless somebody changed one of them in the meantime."""
        check_storable(changed)
        digests = {path: file.digest for path, file in self._drafts.items()}
        check_base([file.path for file in changed], removed, base, digests)
        for path in removed:
            self._drafts.pop(path, None)
        self._drafts.update({file.path: file for file in changed})

    async def publish(self, snapshot: Snapshot) -> int:
        """Keep the snapshot under the next number and make it the active one."""
        self._active = len(self._snapshots) + 1
        self._snapshots[self._active] = msgspec.structs.replace(snapshot, number=self._active)
        return self._active

    async def activate(self, number: int) -> None:
        """Make an earlier snapshot the active one."""
        if number not in self._snapshots:
            raise no_snapshot(number)
        self._active = number

    async def snapshot(self, number: int | None = None) -> Snapshot | None:
        """Return a snapshot by number, or the active one."""
        return self._snapshots.get(self._active if number is None else number)

    async def snapshots(self) -> Sequence[SnapshotHead]:
        """Return all snapshots, newest first."""
        return [
            SnapshotHead(
                number=one.number,
                digest=one.digest,
                published=one.published,
                author=one.author,
                message=one.message,
                active=one.number == self._active,
            )
            for one in reversed(self._snapshots.values())
        ]

    async def active_number(self) -> int:
        """Return the number of the active snapshot, 0 where nothing is published."""
        return self._active

    async def value(self, name: str) -> bytes | None:
        """Return a small named value."""
        return self._shelves.values.get(storable(name))

    async def set_value(self, name: str, value: bytes | None) -> None:
        """Keep a small named value, or remove it."""
        if value is None:
            self._shelves.values.pop(storable(name), None)
        else:
            self._shelves.values[storable(name)] = value

    async def values(self, prefix: str) -> Mapping[str, bytes]:
        """Return all small values whose names begin so."""
        prefix = storable(prefix)
        return {
            name: value
            for name, value in sorted(self._shelves.values.items())
            if name.startswith(prefix)
        }

    async def lease(self, name: str, holder: str, until: Millis, now: Millis) -> bool:
        """Take or prolong a lease unless another holder has it now."""
        return self._shelves.take_lease(storable(name), storable(holder), until, now)

    async def log_decisions(self, records: Sequence[DecisionRecord]) -> None:
        """Append to the decision log; an id that it holds already is left out."""
        hot = self._shelves.hot["decisions"]
        ids = {_record(body).id for body in hot.values()}
        for record in records:
            clean = DecisionRecord(
                id=storable(record.id),
                at=record.at,
                bucketing_id=storable(record.bucketing_id),
                page=storable(record.page),
                snapshot=record.snapshot,
                body=storable(record.body),
            )
            if self._shelves.tombstones.turns_away_decision(clean):
                continue
            if clean.id not in ids:
                ids.add(clean.id)
                self._shelves.last["decisions"] += 1
                hot[self._shelves.last["decisions"]] = msgspec.json.encode(clean)

    async def decision(self, id: str) -> DecisionRecord | None:
        """Return one line of the decision log that is not sealed yet."""
        for body in self._shelves.hot["decisions"].values():
            record = _record(body)
            if record.id == storable(id):
                return record
        return None

    async def tombstones(self) -> Tombstones:
        """Return what is known of the erased, as a copy."""
        kept = self._shelves.tombstones
        return Tombstones(kept.key, kept)

    async def add_tombstones(self, stones: Sequence[Tombstone]) -> None:
        """Turn away what is older than these erasures."""
        self._shelves.tombstones.add(stones)
        self._shelves.tombstones.commit()

    async def forget_attributes(
        self, identities: Collection[IdentityKey], names: Collection[str]
    ) -> int:
        """Remove facts and computed attributes by name from states."""
        removed = 0
        for key in set(identities) & set(self._shelves.states):
            state = self._shelves.load([key])[key]
            removed += without(state, names)
            self._shelves.states[key] = _pack(state)
        return removed

    async def expire_facts(self, before: Mapping[str, Millis]) -> int:
        """Remove facts that were said before a time, by name."""
        removed = 0
        for key in list(self._shelves.states):
            state = self._shelves.load([key])[key]
            facts = {
                name: fact
                for name, fact in state.facts.items()
                if fact.at >= before.get(name, fact.at)
            }
            removed += len(state.facts) - len(facts)
            state.facts = facts
            self._shelves.states[key] = _pack(state)
        return removed

    async def decisions_of(
        self, bucketing_ids: Collection[str], limit: int
    ) -> Sequence[DecisionRecord]:
        """Return the newest lines of these visitors that are not sealed yet, newest first."""
        wanted = {storable(each) for each in bucketing_ids}
        lines = [_record(body) for body in reversed(self._shelves.hot["decisions"].values())]
        return [line for line in lines if line.bucketing_id in wanted][: max(limit, 0)]

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


def _record(body: bytes) -> DecisionRecord:
    return msgspec.json.decode(body, type=DecisionRecord)
