"""The memory backend: stream and store in plain dicts, with the semantics of the embedded one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from persx.model.clock import Millis
from persx.model.decision import DecisionRecord
from persx.model.errors import BadInput
from persx.model.event import Event, IdentityKey, RejectedEvent, concerned
from persx.model.visitor import Cut, Edge, IdentityState
from persx.model.workspace import Snapshot
from persx.storage.backends.memory_records import MemoryRecords
from persx.storage.backends.memory_shelves import Shelves
from persx.storage.backends.memory_visitors import MemoryEvents, MemoryVisitors
from persx.storage.drafting import check_base, check_storable, no_snapshot
from persx.storage.joining import said_again
from persx.storage.keeping import (
    DEDUPE_DAYS,
    REJECTED_KEPT,
    day_of,
    kept,
    kept_aside,
    mended,
    put_aside,
    storable,
    switch_note,
)
from persx.storage.ports import (
    Appended,
    DraftFile,
    Projector,
    SnapshotHead,
)
from persx.storage.removal import Tombstone, Tombstones, without
from persx.storage.scope import (
    Everyone,
    VisitorScope,
    check_about_nobody,
    check_everyone,
    is_about_visitor,
)

_pack: Final = msgspec.msgpack.Encoder().encode


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

    def seen_by(self, scope: Everyone) -> MemoryEvents:
        """Return what reads the log."""
        check_everyone(scope)
        return MemoryEvents(self._shelves)


class MemoryStore(MemoryRecords):
    """Implements `persx.storage.ports.Store`."""

    def __init__(self, shelves: Shelves) -> None:
        super().__init__(shelves.values)
        self._shelves = shelves
        self._drafts: dict[str, DraftFile] = {}
        self._snapshots: dict[int, Snapshot] = {}
        self._active = 0

    def seen_by(self, scope: VisitorScope) -> MemoryVisitors:
        """Return what reads visitors' data, as far as this scope may see it."""
        return MemoryVisitors(self._shelves, scope)

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
        """Return a small named value that is about nobody."""
        return self._shelves.values.get(storable(check_about_nobody(name)))

    async def set_value(self, name: str, value: bytes | None) -> None:
        """Keep a small named value, or remove it."""
        if value is None:
            self._shelves.values.pop(storable(name), None)
        else:
            self._shelves.values[storable(name)] = value

    async def values(self, prefix: str) -> Mapping[str, bytes]:
        """Return all small values whose names begin so, but for those about visitors."""
        prefix = storable(prefix)
        return {
            name: value
            for name, value in sorted(self._shelves.values.items())
            if name.startswith(prefix) and not is_about_visitor(name)
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

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


def _record(body: bytes) -> DecisionRecord:
    return msgspec.json.decode(body, type=DecisionRecord)
