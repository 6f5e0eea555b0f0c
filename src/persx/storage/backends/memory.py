"""The memory backend: stream and store in plain dicts, with the semantics of the embedded one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from persx.model.clock import Clock, Millis, system_clock
from persx.model.decision import DecisionRecord
from persx.model.errors import BadInput
from persx.model.event import Event, IdentityKey, RejectedEvent
from persx.model.visitor import Edge, EdgeKind, IdentityState
from persx.model.workspace import Snapshot
from persx.storage.drafting import check_base, check_storable, no_snapshot
from persx.storage.keeping import (
    DEDUPE_DAYS,
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
        self.values: dict[str, bytes] = {}
        self.leases: dict[str, tuple[str, Millis]] = {}

    @property
    def hot(self) -> dict[str, dict[int, bytes]]:
        """The hot rows of each table."""
        return self.log[1]

    def load(self, keys: Iterable[IdentityKey]) -> dict[IdentityKey, IdentityState]:
        """Return the kept states of these identities, for the caller to change."""
        return {key: _unpack(self.states[key]) for key in keys if key in self.states}

    def component(self, identity: IdentityKey) -> set[IdentityKey]:
        """Return an identity and all that verified edges join to it."""
        neighbours: dict[IdentityKey, set[IdentityKey]] = defaultdict(set)
        for edge in self.edges.values():
            if edge.kind is EdgeKind.VERIFIED:
                neighbours[edge.left].add(edge.right)
                neighbours[edge.right].add(edge.left)
        found, waiting = {identity}, [identity]
        while waiting:
            for other in neighbours[waiting.pop()] - found:
                found.add(other)
                waiting.append(other)
        return found

    def linked_states(self, identity: IdentityKey) -> list[IdentityState]:
        """Return the states of an identity's component, oldest first."""
        states = [
            _unpack(self.states[key]) for key in self.component(identity) if key in self.states
        ]
        return sorted(states, key=lambda state: (state.first_seen, state.identity))

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
        duplicates = 0
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
            fresh[day].add(message_id)
            new.append((event, body))
        # All that may fail comes before the first change.
        merged: dict[IdentityKey, bytes] = {}
        edges: list[Edge] = []
        if new and shelves.projector is not None:
            fresh_events = [event for event, _ in new]
            known = shelves.load({event.identity for event in fresh_events})
            projection = shelves.projector.fold(fresh_events, known)
            merged = {key: _pack(state) for key, state in projection.states.items()}
            edges = projection.edges
        shelves.states.update(merged)
        for edge in edges:
            pair = (edge.left, edge.right, edge.kind)
            shelves.edges[pair] = min(edge, shelves.edges.get(pair, edge))
        for day, ids in fresh.items():
            shelves.seen[day] |= ids
        for _, body in new:
            shelves.last["events"] += 1
            shelves.hot["events"][shelves.last["events"]] = body
        shelves.rejected += aside
        return Appended(
            accepted=len(new),
            duplicates=duplicates,
            rejected=len(aside),
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

    async def edges(self) -> Sequence[Edge]:
        """Return every identity edge, in order."""
        return sorted(self._shelves.edges.values())

    async def bucketing_ids(self) -> Mapping[IdentityKey, IdentityKey]:
        """Return identity → oldest verified identity, where these differ."""
        found: dict[IdentityKey, IdentityKey] = {}
        for left, right, kind in sorted(self._shelves.edges):
            for identity in (left, right):
                states = self._shelves.linked_states(identity)
                if kind is EdgeKind.VERIFIED and states and states[0].identity != identity:
                    found[identity] = states[0].identity
        return found

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
