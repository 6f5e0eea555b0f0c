"""Expiring: facts that are too old, or may not be kept any more, leave the states they stand in."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from persx.model.clock import Millis
from persx.model.event import IdentityKey
from persx.model.visitor import IdentityState
from persx.storage.backends.sqlite.database import Database
from persx.storage.removal import without

_PIECE: Final = 1_000
_unpack: Final = msgspec.msgpack.Decoder(IdentityState).decode


async def expire_facts(database: Database, before: Mapping[str, Millis]) -> int:
    """Remove facts that were said before a time, by name; return how many there were.

    States are looked through beside the writer, which looks again at those that have one.
    """
    removed = 0
    after: int | None = 0
    while after is not None and before:
        keys, after = await asyncio.to_thread(_look, database, before, after)
        if keys:
            removed += await database.write(
                lambda connection, keys=tuple(keys): _expire(  # type: ignore[misc]
                    database, connection, keys, before
                )
            )
    return removed


def expired(state: IdentityState, before: Mapping[str, Millis]) -> list[str]:
    """Return the names of a state's facts that are too old."""
    return [name for name, fact in state.facts.items() if fact.at < before.get(name, fact.at)]


def _look(
    database: Database, before: Mapping[str, Millis], after: int
) -> tuple[list[IdentityKey], int | None]:
    rows = (
        database.reader()
        .execute("SELECT id, state FROM identity WHERE id > ? ORDER BY id LIMIT ?", (after, _PIECE))
        .fetchall()
    )
    states = [_unpack(state) for _, state in rows]
    return (
        [state.identity for state in states if expired(state, before)],
        rows[-1][0] if rows else None,
    )


def _expire(
    database: Database,
    connection: sqlite3.Connection,
    keys: tuple[IdentityKey, ...],
    before: Mapping[str, Millis],
) -> int:
    kept = database.tail.states
    states = kept.load(connection, keys)
    removed = 0
    for state in states.values():
        gone = expired(state, before)
        removed += len(gone)
        state.facts = {name: fact for name, fact in state.facts.items() if name not in gone}
    kept.write(connection, states)
    return removed


async def forget_attributes(
    database: Database, identities: Collection[IdentityKey], names: Collection[str]
) -> int:
    """Remove facts and computed attributes by name from states; return how many there were."""
    keys, gone = tuple(identities), frozenset(names)

    def forget(connection: sqlite3.Connection) -> int:
        kept = database.tail.states
        states = kept.load(connection, keys)
        removed = sum(without(state, gone) for state in states.values())
        kept.write(connection, states)
        return removed

    return await database.write(forget)
