"""The ports: what persx asks of storage. Backends implement them and pass the contract suites."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from persx.model.clock import Millis
from persx.model.decision import DecisionRecord
from persx.model.event import Event, IdentityKey, RejectedEvent
from persx.model.visitor import Cut, Edge, IdentityState
from persx.model.workspace import Snapshot
from persx.storage.reading import EventReader, RowReader, VisitorReader
from persx.storage.removal import Removal, Removed, Tombstone, Tombstones
from persx.storage.scope import Everyone, VisitorScope


class Projection(msgspec.Struct, kw_only=True):
    """What a batch of events adds to the identities it concerns."""

    states: dict[IdentityKey, IdentityState] = {}
    edges: list[Edge] = []


class Projector(Protocol):
    """The fold, as the log calls it inside its transaction. Pure, and a commutative monoid."""

    def fold(
        self, events: Sequence[Event], known: Mapping[IdentityKey, IdentityState] | None = None
    ) -> Projection:
        """Return the states of the events' identities after them, and the edges.

        Args:
            known: The states before them, which are changed in place; an identity that is not
                among them begins from nothing.
        """
        ...

    def merge(self, left: IdentityState, right: IdentityState) -> IdentityState:
        """Return the state of one identity after both; neither argument is changed."""
        ...


class Appended(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch: it is durable and projected when this is returned.

    `last_sequence` is the position of the newest event in the log. `erased` counts events that
    are older than their visitor's erasure: they are turned away, and nothing of them is kept.
    """

    accepted: int
    duplicates: int
    rejected: int = 0
    erased: int = 0
    last_sequence: int = 0


class Stream(Protocol):
    """The log of events: append is durable before it returns, idempotent by message id."""

    async def append(
        self, events: Sequence[Event], rejected: Sequence[RejectedEvent] = ()
    ) -> Appended:
        """Keep the events that are new, project them, and keep the rejected ones aside.

        Group commit: concurrent calls share one transaction and one fsync. A message id that
        was seen within 7 days (by `received`) counts once, in the same batch too.
        """
        ...

    async def use_projector(self, projector: Projector, note: bytes | None = None) -> int:
        """Project events with this fold from the next transaction on.

        The switch takes its place in the queue of appends. Returns the last sequence that was
        projected without it (0 where the log is empty). A `note` is kept, in the transaction
        that switches, as the small value ``projector/`` + that sequence as 20 digits, replacing
        one that is there: backfills learn from these notes which fold saw which events, and a
        crash can not lose one.
        """
        ...

    def seen_by(self, scope: Everyone) -> EventReader:
        """Return what reads the log. Raises `Forbidden` for a bearer."""
        ...


class DraftFile(msgspec.Struct, frozen=True, kw_only=True):
    """One workspace file as it stands in the store. `digest` is the SHA-256 of `text`."""

    path: str
    text: str
    digest: str
    changed: Millis
    author: str


class SnapshotHead(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot without its workspace, for listings. `active` is true for the served one."""

    number: int
    digest: str
    published: Millis
    author: str
    message: str
    active: bool


class Record(msgspec.Struct, frozen=True):
    """One entry of a log that only grows; numbers begin with 1 and have no gaps."""

    number: int
    body: bytes


class Store(Protocol):
    """Profiles, the workspace's drafts and snapshots, small values, leases, the decision log."""

    def seen_by(self, scope: VisitorScope) -> VisitorReader:
        """Return what reads visitors' data, as far as this scope may see it."""
        ...

    async def cut(self, cut: Cut) -> bool:
        """Take an edge back: from now on it joins nothing, however often events say it again.

        Tells whether it was not cut before. `left` is the lesser key. All profiles are then what
        they would be had the edge never been said.
        """
        ...

    async def mend(self, left: IdentityKey, right: IdentityKey) -> bool:
        """Undo a cut; tell whether there was one."""
        ...

    async def merge_states(
        self, name: str, position: int, states: Sequence[IdentityState], projector: Projector
    ) -> None:
        """Merge states into the kept ones and set the value `name` to `position`, atomically.

        Backfills use it: a crash repeats no step, because the position moves with the states.
        `value(name)` then returns the decimal digits of `position`.
        """
        ...

    async def drafts(self) -> Mapping[str, DraftFile]:
        """Return the workspace's files by path."""
        ...

    async def save_drafts(
        self, changed: Sequence[DraftFile], removed: Sequence[str], base: Mapping[str, str]
    ) -> None:
        """Write and remove files atomically.

        `base` maps each path concerned to the digest that its editor started from ("" for a
        file that was not there). Raises `Conflict`, naming all of them, where the store has
        something else.
        """
        ...

    async def publish(self, snapshot: Snapshot) -> int:
        """Keep the snapshot under the next number, make it the active one, return the number."""
        ...

    async def activate(self, number: int) -> None:
        """Make an earlier snapshot the active one. Raises `NotFound`."""
        ...

    async def snapshot(self, number: int | None = None) -> Snapshot | None:
        """Return a snapshot by number, or the active one; none where nothing is published.

        Raises `Unreadable` where another version stored it, or it is damaged.
        """
        ...

    async def snapshots(self) -> Sequence[SnapshotHead]:
        """Return all snapshots, newest first."""
        ...

    async def active_number(self) -> int:
        """Return the number of the active snapshot, 0 where nothing is published. Cheap."""
        ...

    async def value(self, name: str) -> bytes | None:
        """Return a small named value. Raises `Forbidden` for one about a visitor."""
        ...

    async def set_value(self, name: str, value: bytes | None) -> None:
        """Keep a small named value, or remove it. One about a visitor is ``KIND/IDENTITY``."""
        ...

    async def values(self, prefix: str) -> Mapping[str, bytes]:
        """Return all small values whose names begin so, but for those about visitors."""
        ...

    async def swap_value(self, name: str, expected: bytes | None, value: bytes | None) -> bool:
        """Set or remove a small value if it is what the caller believes; tell whether it was.

        `None` stands for a value that is not there. Of several callers who believe the same, one
        succeeds: so a thing is taken once. Raises `Forbidden` for values about visitors.
        """
        ...

    async def add_record(self, log: str, make: Callable[[int, bytes | None], bytes]) -> Record:
        """Append to a log of records, durably.

        Args:
            make: Returns the body, given its number and the body before it, inside the
                transaction: each record can rest on the one before, whoever writes at the same
                time. It must be pure; it may be called more than once.
        """
        ...

    async def records(
        self, log: str, *, after: int = 0, limit: int = 1_000, newest: bool = False
    ) -> Sequence[Record]:
        """Return the oldest records with a greater number, in order; or the newest, newest first.

        Nothing takes a record out again, erasure neither: what is in one must not be about a
        visitor.
        """
        ...

    async def lease(self, name: str, holder: str, until: Millis, now: Millis) -> bool:
        """Take or prolong a lease unless another holder has it now; tell whether it is held."""
        ...

    async def log_decisions(self, records: Sequence[DecisionRecord]) -> None:
        """Append to the decision log, but for lines older than their visitor's erasure."""
        ...

    async def tombstones(self) -> Tombstones:
        """Return what is known of the erased, as a copy."""
        ...

    async def add_tombstones(self, stones: Sequence[Tombstone]) -> None:
        """Turn away what is older than these erasures; of two for one id, the later counts."""
        ...

    async def expire_facts(self, before: Mapping[str, Millis]) -> int:
        """Remove facts that were said before a time, by name; return how many there were."""
        ...

    async def forget_attributes(
        self, identities: Collection[IdentityKey], names: Collection[str]
    ) -> int:
        """Remove facts and computed attributes by name from states; return how many there were.

        A computed attribute's states of all its definitions go.
        """
        ...

    async def close(self) -> None:
        """Finish writing and let go of everything."""
        ...


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A sealed, immutable file of one table in the manifest."""

    table: str
    path: str
    first_sequence: int
    last_sequence: int
    rows: int
    bytes: int
    digest: str
    sealed: Millis


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """A query's result."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Warehouse(Protocol):
    """Sealed segments, imported tables, and what reads them together with the hot tail."""

    def seen_by(self, scope: VisitorScope) -> RowReader:
        """Return what queries the rows that this scope may see."""
        ...

    async def seal(self, *, keep: int = 0, segment_rows: int = 1_000_000) -> Sequence[Segment]:
        """Move the hot log, but for the newest `keep` rows of a table, into segments."""
        ...

    async def segments(self) -> Sequence[Segment]:
        """Return the manifest, in order."""
        ...

    async def import_file(self, name: str, path: str) -> int:
        """Keep a CSV or Parquet file as table ``name``, replacing it; return its row count."""
        ...

    async def drop_table(self, name: str) -> None:
        """Remove an imported table if it is there."""
        ...

    async def remove(self, removal: Removal) -> Removed:
        """Remove what an erasure or an expiry names, from all that is kept, in one step.

        Hot rows, segments and, where visitors are erased, their states, edges, small values and
        what was set aside go at one moment, and tombstones come in their place. Whoever reads
        meanwhile sees each other row exactly once. Nothing of it is readable in any file once
        this returns; that waits for readers who began before.

        Raises:
            Conflict: Verified edges join further identities to those of a complete erasure, or
                sealing took too long to wait for. Nothing was removed.
            Unavailable: It is removed, but somebody still reads what was; do it again.
        """
        ...

    async def copy_to(self, folder: str) -> None:
        """Copy everything, as of one moment, into an empty folder on the home's own disk.

        Raises `BadInput` where everything is in memory.
        """
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...
