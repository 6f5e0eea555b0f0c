"""Removing: what an erasure or an expiry takes out of the database, in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from persx.model.errors import Conflict
from persx.model.event import IdentityKey
from persx.storage.backends.sqlite import hot, identities, packets
from persx.storage.backends.sqlite.append import LogTail
from persx.storage.ports import Segment
from persx.storage.removal import (
    DecisionHead,
    Erasure,
    EventHead,
    Removal,
    Removed,
    Tombstone,
    Tombstones,
    refold_note,
)

_END: Final = (1 << 63) - 1
_heads: Final = msgspec.json.Decoder(EventHead).decode_lines
_decision_head: Final = msgspec.json.Decoder(DecisionHead).decode
_json: Final = msgspec.json.Encoder().encode


class Found(NamedTuple):
    """What is to go of hot events up to a sequence, and of what was set aside up to a row."""

    heads: list[EventHead]
    to: int
    rejected: list[int]
    rejected_to: int


def find(
    connection: sqlite3.Connection, removal: Removal, after: int = 0, rejected_after: int = 0
) -> Found:
    """Look through the hot events after a sequence, and what was set aside after a row."""
    found: list[EventHead] = []
    rejected: list[int] = []
    for id, received, reason, body in connection.execute(
        "SELECT id, received, reason, body FROM rejected WHERE id > ? ORDER BY id",
        (rejected_after,),
    ):
        rejected_after = id
        if removal.has_rejected(received, f"{reason}\n{body}"):
            rejected.append(id)
    after = max(after, hot.sealed_to(connection, "events"))
    for block in hot.blocks(connection, "events", after=after, to=_END, limit=_END):
        found += [head for head in _heads(block.text) if removal.has_event(head)]
        after = block.last
    return Found(found, after, rejected, rejected_after)


def remove(
    connection: sqlite3.Connection,
    tail: LogTail,
    removal: Removal,
    found: Found,
    swaps: Sequence[tuple[Segment, Segment]],
    touched: Iterable[IdentityKey],
) -> Removed:
    """Take everything out, and put the rewritten segments into the manifest.

    Args:
        found: What `find` found before; only later events are looked through here.
        swaps: Segments and what takes their place.
        touched: Identities of which a sealed event goes.

    Raises:
        Conflict: The manifest, or the visitor's edges, have changed.
    """
    if isinstance(removal, Erasure) and removal.complete:
        _check_complete(connection, removal)
    for old, new in swaps:
        swapped = connection.execute(
            "UPDATE segment SET path = ?, rows = ?, bytes = ?, digest = ? WHERE path = ?",
            (new.path, new.rows, new.bytes, new.digest, old.path),
        )
        if swapped.rowcount != 1:
            raise Conflict("The segments changed in the meantime.", hint="Do it again.")
    later = find(connection, removal, found.to, found.rejected_to)
    heads = found.heads + later.heads
    rejected = found.rejected + later.rejected
    _delete(connection, "event", "sequence", [head.sequence for head in heads])
    counts = {
        "events_hot": len(heads),
        "decisions_hot": packets.remove(
            connection,
            lambda line: removal.has_decision(_decision_head(line)),
            [_json(key) for key in removal.identities] if isinstance(removal, Erasure) else (),
        ),
        "rejected": _delete(connection, "rejected", "id", rejected),
    }
    stones: list[Tombstone] = []
    if isinstance(removal, Erasure):
        others = {key for head in heads for key in head.owners}.union(touched) - removal.identities
        counts["states"], counts["edges"] = identities.remove(connection, removal.identities)
        identities.remove_states(connection, others)
        tail.forget(removal.identities | others)
        names = connection.execute("SELECT name FROM value").fetchall()
        about = [name for (name,) in names if removal.has_value(name)]
        counts["values"] = _delete(connection, "value", "name", about)
        if removal.bury:
            stones = bury(connection, tail, removal)
        touched = sorted(others)
        if others:
            connection.execute(
                "INSERT OR REPLACE INTO value (name, value) VALUES (?, ?)",
                refold_note(others, tail.sequence),
            )
    return Removed(
        counts=counts,
        touched=tuple(touched) if isinstance(removal, Erasure) else (),
        until=tail.sequence,
        tombstones=tuple(sorted(each.id for each in stones)),
    )


def _check_complete(connection: sqlite3.Connection, erasure: Erasure) -> None:
    for identity in sorted(erasure.identities):
        if not erasure.identities.issuperset(identities.linked(connection, identity)):
            raise Conflict("The visitor has got another identity meanwhile.", hint="Do it again.")


def _delete(
    connection: sqlite3.Connection, table: str, column: str, keys: Sequence[int | str]
) -> int:
    return connection.execute(
        f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))",
        (_json(keys).decode(),),
    ).rowcount


def bury(connection: sqlite3.Connection, tail: LogTail, erasure: Erasure) -> list[Tombstone]:
    """Leave a tombstone for each identity; return them."""
    stones = tail.tombstones
    buried = [Tombstone(stones.id_of(key), erasure.at) for key in erasure.identities]
    keep(connection, stones, buried)
    return buried


def keep(connection: sqlite3.Connection, stones: Tombstones, added: Iterable[Tombstone]) -> None:
    """Write tombstones that are new, or later than those that are there."""
    for each in stones.add(added):
        connection.execute(
            "INSERT OR REPLACE INTO tombstone (id, at) VALUES (?, ?)", (each.id, each.at)
        )
