"""Removal: what shall go from everything that is kept, and the tombstones that erasure leaves."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

import msgspec

from persx.model.clock import Millis
from persx.model.decision import DecisionRecord
from persx.model.event import (
    Event,
    IdentityKey,
    anonymous_key,
    owners,
    user_key,
)
from persx.model.visitor import IdentityState
from persx.storage.keeping import storable
from persx.storage.needles import Needles

DEFAULT_KIND: Final = "default"
"""What stands for all kinds of event that an expiry does not name."""


class EventHead(msgspec.Struct, frozen=True, kw_only=True):
    """What tells whose an event is and how old, without reading the rest of it."""

    sequence: int
    type: str
    name: str | None = None
    anonymous_id: str | None = None
    user_id: str | None = None
    previous_id: str | None = None
    verified: bool = False
    received: Millis = 0

    @property
    def owners(self) -> list[IdentityKey]:
        """The identities of whose states the event is part; see `persx.model.event.owners`."""
        return owners(
            type=self.type,
            verified=self.verified,
            user_id=self.user_id,
            anonymous_id=self.anonymous_id,
            previous_id=self.previous_id,
        )


class DecisionHead(msgspec.Struct, frozen=True, kw_only=True):
    """What tells whose a line of the decision log is, and how old."""

    sequence: int
    id: str
    at: Millis
    bucketing_id: str


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """One visitor is to go, from everywhere, at a time.

    Attributes:
        identities: All identities of the visitor.
        complete: Refuse where verified edges join further identities to these, because what
            was read before is out of date.
        bury: Leave tombstones.
        texts: What else the visitor is known by, such as e-mail addresses: looked for, like the
            ids, in what was set aside and in imported tables.
        units: Imported table → its column of ids, which is compared even if it holds numbers.
    """

    identities: frozenset[IdentityKey]
    at: Millis
    complete: bool = True
    bury: bool = True
    texts: frozenset[str] = frozenset()
    units: Mapping[str, str] = {}

    def ids(self, prefix: str) -> frozenset[str]:
        """Return the ids of one kind, such as ``a:``, without it."""
        return frozenset(key[2:] for key in self.identities if key.startswith(prefix))

    @property
    def anonymous(self) -> frozenset[str]:
        """The anonymous ids."""
        return self.ids("a:")

    @property
    def users(self) -> frozenset[str]:
        """The user ids, claimed ones too."""
        return self.ids("u:") | self.ids("c:")

    def where(self, table: str) -> str:
        """Return the SQL condition on sealed rows that are to go; empty where none are."""
        if table == "decisions":
            return f"bucketing_id IN {_listed(self.identities)}"
        conditions = []
        if self.anonymous:
            conditions.append(f"anonymous_id IN {_listed(self.anonymous)}")
        if self.users:
            conditions.append(f"user_id IN {_listed(self.users)}")
        if found := self.anonymous | self.users:
            conditions.append(f"previous_id IN {_listed(found)}")
        return " OR ".join(conditions)

    def has_event(self, head: EventHead) -> bool:
        """Tell whether an event is to go."""
        return (
            head.anonymous_id in self.anonymous
            or head.user_id in self.users
            or head.previous_id in self.anonymous
            or head.previous_id in self.users
        )

    def has_decision(self, head: DecisionHead) -> bool:
        """Tell whether a line of the decision log is to go."""
        return head.bucketing_id in self.identities

    def has_rejected(self, received: Millis, body: str) -> bool:
        """Tell whether something that was set aside contains one of the ids, as a word."""
        return self.needles.stand_in(body)

    @property
    def needles(self) -> Needles:
        """The forms in which the visitor may stand in texts."""
        return _needles(self.anonymous | self.users | self.texts, self.ids("e:"))

    def has_value(self, name: str) -> bool:
        """Tell whether a small value is about the visitor: its name ends with the identity."""
        return any(name == key or name.endswith("/" + key) for key in self.identities)


@lru_cache(maxsize=4)
def _needles(ids: frozenset[str], addresses: frozenset[str]) -> Needles:
    return Needles(ids, addresses)


class Expiry(msgspec.Struct, frozen=True, kw_only=True):
    """What was received before a time is to go, each kind with its own.

    Attributes:
        events: Name of a track event, or type of an event, or ``default`` → the first moment
            that stays. The name counts before the type.
        decisions: The first moment of the decision log that stays; None keeps all.
        rejected: The same for what was set aside.
    """

    events: Mapping[str, Millis] = {}
    decisions: Millis | None = None
    rejected: Millis | None = None

    def where(self, table: str) -> str:
        """Return the SQL condition on sealed rows that are to go; empty where none are."""
        if table == "decisions":
            return "" if self.decisions is None else f'"at" < {self.decisions}'
        if not self.events:
            return ""
        cases = [
            f"WHEN {column} = {_quoted(kind)} THEN {moment}"
            for column in ("name", "type")
            for kind, moment in self.events.items()
            if kind != DEFAULT_KIND
        ]
        otherwise = self.events.get(DEFAULT_KIND, 0)
        return f"received < CASE {' '.join(cases) or 'WHEN false THEN 0'} ELSE {otherwise} END"

    def has_event(self, head: EventHead) -> bool:
        """Tell whether an event is to go."""
        for kind in (head.name, head.type, DEFAULT_KIND):
            if kind is not None and kind in self.events:
                return head.received < self.events[kind]
        return False

    def has_decision(self, head: DecisionHead) -> bool:
        """Tell whether a line of the decision log is to go."""
        return self.decisions is not None and head.at < self.decisions

    def has_rejected(self, received: Millis, body: str) -> bool:
        """Tell whether something that was set aside is to go."""
        return self.rejected is not None and received < self.rejected


Removal: TypeAlias = Erasure | Expiry
"""What `Warehouse.remove` takes."""


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """What went, and from where.

    Attributes:
        counts: Place → how many rows were removed there; places without any are there with 0.
        touched: Other identities of which an event went, and with it their state. What is left
            of their events up to `until` has to be folded again; the small value
            ``refold/`` + `until` as 20 digits says so too, in the transaction that removed them.
        tombstones: The ids of the tombstones that were left.
    """

    counts: dict[str, int]
    touched: tuple[IdentityKey, ...] = ()
    until: int = 0
    tombstones: tuple[str, ...] = ()


REFOLD: Final = "refold/"
"""Small values that a removal leaves where it touched identities: a `Refold` as JSON."""


class Refold(msgspec.Struct, frozen=True, kw_only=True):
    """Identities whose state was removed; their events up to `until` make it anew."""

    identities: tuple[IdentityKey, ...]
    until: int


def refold_note(identities: Iterable[IdentityKey], until: int) -> tuple[str, bytes]:
    """Return the name and the content of the small value that asks for folding again."""
    note = Refold(identities=tuple(sorted(identities)), until=until)
    return f"{REFOLD}{until:020d}", msgspec.json.encode(note)


PLACES: Final = (
    "events_hot",
    "events_sealed",
    "decisions_hot",
    "decisions_sealed",
    "rejected",
    "states",
    "edges",
    "values",
    "tables",
    "segments_rewritten",
)
"""The places that `Removed.counts` tells of."""


class Tombstone(msgspec.Struct, frozen=True, order=True):
    """That an id was erased at a time: its keyed hash, which tells nobody the id."""

    id: str
    at: Millis


class Tombstones:
    """Tells what belongs to the erased and is older than the erasure.

    Args:
        key: Of the keyed hash (HMAC-SHA-256).
    """

    def __init__(self, key: bytes, kept: Iterable[Tombstone] = ()) -> None:
        self.key = key
        self._at = {each.id: each.at for each in kept}
        self._newest = max(self._at.values(), default=-1)
        self._before: list[tuple[str, Millis | None]] = []
        self._mark = 0

    def __iter__(self) -> Iterator[Tombstone]:
        return iter([Tombstone(id, at) for id, at in sorted(self._at.items())])

    @property
    def fingerprint(self) -> str:
        """What tells this key from others without giving it away."""
        return hmac.digest(self.key, b"fingerprint", "sha256").hex()[:16]

    def id_of(self, identity: str) -> str:
        """Return the id of an identity's tombstone."""
        return hmac.digest(self.key, storable(identity).encode(), "sha256").hex()[:32]

    def at(self, identity: str) -> Millis | None:
        """Return when an identity was erased, if it was."""
        return self._at.get(self.id_of(identity))

    def add(self, stones: Iterable[Tombstone]) -> list[Tombstone]:
        """Add tombstones; return those that are new or later than what was there."""
        added = []
        for each in stones:
            before = self._at.get(each.id)
            if before is None or before < each.at:
                self._before.append((each.id, before))
                self._at[each.id] = each.at
                added.append(each)
        self._newest = max(self._newest, *(each.at for each in added)) if added else self._newest
        return added

    def turns_away(self, event: Event) -> bool:
        """Tell whether an event happened, or was received, before its visitor's erasure."""
        moment = min(event.timestamp, event.received)
        # Nearly all events are newer than any erasure, and cost no hash.
        if moment > self._newest:
            return False
        keys = []
        if event.anonymous_id:
            keys.append(anonymous_key(event.anonymous_id))
        if event.user_id:
            keys.append(user_key(event.user_id))
        if event.previous_id:
            keys += [anonymous_key(event.previous_id), user_key(event.previous_id)]
        return any(moment <= at for key in keys if (at := self.at(key)) is not None)

    def covers(self, identity: str, moment: Millis) -> bool:
        """Tell whether an identity was erased at a moment, or after it."""
        if moment > self._newest:
            return False
        at = self.at(identity)
        return at is not None and moment <= at

    def turns_away_decision(self, record: DecisionRecord) -> bool:
        """Tell whether a line of the decision log is from before its visitor's erasure."""
        return self.covers(record.bucketing_id, record.at)

    def mark(self) -> None:
        """Remember this point for `undo`."""
        self._mark = len(self._before)

    def undo(self) -> None:
        """Go back to the last mark."""
        self._back(self._mark)

    def commit(self) -> None:
        """Everything since the last commit is on disk."""
        self._before.clear()

    def rollback(self) -> None:
        """Everything since the last commit is gone."""
        self._back(0)

    def _back(self, place: int) -> None:
        if len(self._before) <= place:
            return
        for id, at in reversed(self._before[place:]):
            if at is None:
                self._at.pop(id, None)
            else:
                self._at[id] = at
        del self._before[place:]
        self._newest = max(self._at.values(), default=-1)


def without(state: IdentityState, names: Collection[str]) -> int:
    """Take facts and computed attributes out of a state, by name; return how many there were."""
    facts = {name: fact for name, fact in state.facts.items() if name not in names}
    # A computed attribute's key is its name, @, and a digest of its definition.
    computed = {
        key: kept for key, kept in state.computed.items() if key.rpartition("@")[0] not in names
    }
    removed = len(state.facts) - len(facts) + len(state.computed) - len(computed)
    state.facts, state.computed = facts, computed
    return removed


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _listed(texts: Iterable[str]) -> str:
    return f"({', '.join(map(_quoted, sorted(texts)))})"
