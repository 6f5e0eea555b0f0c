"""Which identities belong together, kept up to date in SQLite as edges and cuts come.

The rule is that of `persx.storage.joining`; here only what a change concerns is looked at again.
`member` holds each identity's component, and for a shared device whom it speaks for.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from persx.model.clock import Millis
from persx.model.event import IdentityKey
from persx.model.visitor import Cut, Edge, EdgeKind
from persx.storage.joining import MOST_USERS, is_address, is_device, is_person, joined

TABLES: Final = """
    -- When a call about who somebody is said it last.
    ALTER TABLE edge ADD COLUMN latest INTEGER NOT NULL DEFAULT 0;
    UPDATE edge SET latest = at;
    CREATE INDEX edge_right ON edge ("right", kind);
    -- Edges that somebody took back: whatever events say, they join nothing.
    CREATE TABLE cut (
        "left" TEXT NOT NULL, "right" TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY ("left", "right")
    ) WITHOUT ROWID;
    ALTER TABLE member ADD COLUMN speaks_for TEXT;
    -- The edges that may join.
    CREATE VIEW joining AS SELECT "left", "right", at, latest FROM edge
        WHERE kind = 'verified' AND NOT EXISTS (
            SELECT 1 FROM cut WHERE cut."left" = edge."left" AND cut."right" = edge."right"
        );
"""
"""The step of the migrations that these functions need."""

_OWN: Final = """
    WITH own (key) AS (
        SELECT ?1
        UNION SELECT identity FROM member
            WHERE component = (SELECT component FROM member WHERE identity = ?1)
        UNION SELECT identity FROM member WHERE component = (
            SELECT component FROM member
            WHERE identity = (SELECT speaks_for FROM member WHERE identity = ?1)
        )
    )
"""


def join(connection: sqlite3.Connection, edges: Iterable[tuple[str, str]]) -> None:
    """Join what verified edges join that are in the table now."""
    for left, right in edges:
        if is_device(left) and is_person(right):
            _enter(connection, right)
            _place(connection, left)
        elif is_person(left) and is_person(right):
            _unite(connection, left, right)


def turn(connection: sqlite3.Connection, devices: Sequence[str]) -> bool:
    """Look again whom shared devices speak for; tell whether one of these is shared."""
    if not devices:
        return False
    shared = connection.execute(
        "SELECT identity FROM member WHERE speaks_for IS NOT NULL "
        "AND identity IN (SELECT value FROM json_each(?))",
        (json.dumps(devices),),
    ).fetchall()
    for (device,) in shared:
        _place(connection, device)
    return bool(shared)


def cut(connection: sqlite3.Connection, one: Cut) -> bool:
    """Take an edge back; tell whether it was not cut before."""
    done = connection.execute(
        'INSERT OR IGNORE INTO cut ("left", "right", at) VALUES (?, ?, ?)',
        (one.left, one.right, one.at),
    )
    if done.rowcount:
        _rejoin(connection, one.left, one.right)
    return done.rowcount > 0


def mend(connection: sqlite3.Connection, left: str, right: str) -> bool:
    """Undo a cut; tell whether there was one."""
    done = connection.execute('DELETE FROM cut WHERE "left" = ? AND "right" = ?', (left, right))
    if done.rowcount:
        _rejoin(connection, left, right)
    return done.rowcount > 0


def all_cuts(connection: sqlite3.Connection) -> list[Cut]:
    """Return all cuts, in order."""
    rows = connection.execute('SELECT "left", "right", at FROM cut ORDER BY 1, 2').fetchall()
    return [Cut(IdentityKey(left), IdentityKey(right), at) for left, right, at in rows]


def together(connection: sqlite3.Connection, identity: str) -> list[str]:
    """Return the members of an identity's component; none where no edge has joined it."""
    rows = connection.execute(
        "SELECT identity FROM member "
        "WHERE component = (SELECT component FROM member WHERE identity = ?)",
        (identity,),
    )
    return [str(key) for (key,) in rows]


def visitor(connection: sqlite3.Connection, identity: str) -> list[IdentityKey]:
    """Return the identities that are read for one: of a shared device its person's too."""
    rows = connection.execute(f"{_OWN} SELECT key FROM own ORDER BY key", (identity,))
    return [IdentityKey(key) for (key,) in rows.fetchall()]


def near(connection: sqlite3.Connection, keys: Iterable[str]) -> set[str]:
    """Return whoever shares a component or a joining edge with one of these identities."""
    found: set[str] = set()
    for key in keys:
        found.update(together(connection, key))
        rows = connection.execute(
            'SELECT "left", "right" FROM joining WHERE "left" = ?1 OR "right" = ?1', (key,)
        )
        found.update(str(end) for row in rows.fetchall() for end in row)
    return found


def rejoin_without(
    connection: sqlite3.Connection, removed: Collection[str], others: Iterable[str]
) -> None:
    """Take members out, and work out anew where those `near` them belong."""
    left = sorted(set(others).difference(removed))
    connection.execute(
        "DELETE FROM member WHERE identity IN (SELECT value FROM json_each(?))",
        (json.dumps([*removed, *left]),),
    )
    _rebuild(connection, filter(is_person, left))
    for device in filter(is_device, left):
        _place(connection, device)


def rejoin_all(connection: sqlite3.Connection) -> None:
    """Work out all members anew."""
    rows = connection.execute('SELECT "left", "right", at, latest FROM joining').fetchall()
    found = joined(
        Edge(left, right, EdgeKind.VERIFIED, at, latest=latest) for left, right, at, latest in rows
    )
    connection.execute("DELETE FROM member")
    connection.executemany(
        "INSERT INTO member (identity, component, speaks_for) VALUES (?, ?, ?)",
        [(key, name, found.speaks_for.get(key)) for key, name in found.components.items()],
    )


def account_edges(connection: sqlite3.Connection, identity: str) -> list[Edge]:
    """Return the joining edges from the identities that are read for this one to accounts."""
    rows: list[tuple[str, str, Millis, Millis]] = connection.execute(
        f"""
        {_OWN}
        SELECT "left", "right", at, latest FROM own JOIN joining ON "left" = own.key
            WHERE "right" GLOB 'g:*'
        UNION ALL
        SELECT "left", "right", at, latest FROM own JOIN joining ON "right" = own.key
            WHERE "left" GLOB 'g:*'
        """,
        (identity,),
    ).fetchall()
    return [
        Edge(IdentityKey(left), IdentityKey(right), EdgeKind.VERIFIED, at, latest=latest)
        for left, right, at, latest in rows
    ]


def _rejoin(connection: sqlite3.Connection, left: str, right: str) -> None:
    if is_device(left) and is_person(right):
        _place(connection, left)
    elif is_person(left) and is_person(right):
        _rebuild(connection, (left, right))


def _component(connection: sqlite3.Connection, identity: str) -> str | None:
    row = connection.execute(
        "SELECT component FROM member WHERE identity = ?", (identity,)
    ).fetchone()
    return None if row is None else str(row[0])


def _enter(connection: sqlite3.Connection, person: str) -> str:
    """Return a person's component, their own where they are new."""
    connection.execute(
        "INSERT OR IGNORE INTO member (identity, component) VALUES (?1, ?1)", (person,)
    )
    return _component(connection, person) or person


def _place(connection: sqlite3.Connection, device: str) -> None:
    """Put a device where all its edges lead, or by itself where they lead to several persons."""
    components = [
        str(row[0])
        for row in connection.execute(
            "SELECT DISTINCT member.component FROM joining "
            'JOIN member ON member.identity = joining."right" '
            'WHERE joining."left" = ? AND joining."right" GLOB \'[ue]:*\' LIMIT 2',
            (device,),
        ).fetchall()
    ]
    if not components:
        connection.execute("DELETE FROM member WHERE identity = ?", (device,))
        return
    speaks_for = None
    if len(components) > 1:
        components = [device]
        speaks_for = connection.execute(
            'SELECT "right" FROM joining WHERE "left" = ? AND "right" GLOB \'[ue]:*\' '
            'ORDER BY latest DESC, at DESC, "right" DESC LIMIT 1',
            (device,),
        ).fetchone()[0]
    connection.execute(
        "INSERT OR REPLACE INTO member (identity, component, speaks_for) VALUES (?, ?, ?)",
        (device, components[0], speaks_for),
    )


def _place_devices_of(connection: sqlite3.Connection, persons: Iterable[str]) -> None:
    devices = {
        str(row[0])
        for person in persons
        for row in connection.execute(
            'SELECT "left" FROM joining WHERE "right" = ? AND "left" GLOB \'a:*\'', (person,)
        )
    }
    for device in sorted(devices):
        _place(connection, device)


def _unite(connection: sqlite3.Connection, left: str, right: str) -> None:
    """Make one person of two; the smaller component is renamed."""
    one, other = _enter(connection, left), _enter(connection, right)
    if is_address(left) and len(_neighbours(connection, left, MOST_USERS + 1)) > MOST_USERS:
        _rebuild(connection, (left, right))
        return
    if one == other or right not in _neighbours(connection, left):
        return
    sizes = {
        name: connection.execute(
            "SELECT count(*) FROM member WHERE component = ?", (name,)
        ).fetchone()[0]
        for name in (one, other)
    }
    smaller, larger = sorted(sizes, key=lambda name: (sizes[name], name))
    moved = _persons(connection, smaller)
    connection.executemany(
        "UPDATE member SET component = ? WHERE identity = ?", [(larger, key) for key in moved]
    )
    _place_devices_of(connection, moved)


def _persons(connection: sqlite3.Connection, component: str) -> list[str]:
    rows = connection.execute(
        "SELECT identity FROM member WHERE component = ? AND identity GLOB '[ue]:*'", (component,)
    ).fetchall()
    return [str(key) for (key,) in rows]


def _neighbours(connection: sqlite3.Connection, person: str, most: int = -1) -> set[str]:
    """Return the users and addresses that edges lead to from a user or address."""
    rows = connection.execute(
        """
        SELECT "right" FROM joining WHERE "left" = ?1 AND "right" GLOB '[ue]:*'
        UNION SELECT "left" FROM joining WHERE "right" = ?1 AND "left" GLOB '[ue]:*'
        LIMIT ?2
        """,
        (person, most),
    ).fetchall()
    return {str(key) for (key,) in rows}


def _rebuild(connection: sqlite3.Connection, seeds: Iterable[str]) -> None:
    """Work out anew which persons the members of these identities' components are."""
    left: set[str] = set(seeds)
    for name in {_component(connection, seed) for seed in left}:
        if name is not None:
            left.update(_persons(connection, name))
    everyone = sorted(left)
    while left:
        start = min(left)
        together, waiting = {start}, [start]
        while waiting:
            here = waiting.pop()
            for other in _passable(connection, here) - together:
                together.add(other)
                waiting.append(other)
        left -= together
        connection.executemany(
            "INSERT OR REPLACE INTO member (identity, component) VALUES (?, ?)",
            [(key, start) for key in together],
        )
    _place_devices_of(connection, everyone)


def _passable(connection: sqlite3.Connection, person: str) -> set[str]:
    """Return the neighbours of a person but for addresses that too many users share."""
    found = _neighbours(connection, person)
    if is_address(person):
        return found if len(found) <= MOST_USERS else set()
    return {
        other
        for other in found
        if not is_address(other)
        or len(_neighbours(connection, other, MOST_USERS + 1)) <= MOST_USERS
    }
