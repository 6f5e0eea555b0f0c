"""States, edges and components of identities, as statements on a connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from persx.model.event import IdentityKey
from persx.model.visitor import Edge, EdgeKind, IdentityState
from persx.storage.backends.sqlite.rows import insert

_EDGES_LIMIT: Final = 50_000
_STATES_LIMIT: Final = 5_000

_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(IdentityState).decode
_unpack_many: Final = msgspec.msgpack.Decoder(list[IdentityState]).decode
_json: Final = msgspec.json.Encoder().encode

_LINKED: Final = """
    SELECT identity FROM member
    WHERE component = (SELECT component FROM member WHERE identity = ?)
"""


def linked_states(
    connection: sqlite3.Connection, identity: str
) -> tuple[list[IdentityState], bool]:
    """Return the states of an identity and of all that verified edges join to it, oldest first.

    Tells too whether there is such an edge.
    """
    row = connection.execute(
        """
        SELECT (SELECT state FROM identity WHERE key = ?1),
               (SELECT component FROM member WHERE identity = ?1)
        """,
        (identity,),
    ).fetchone()
    if row[1] is None:
        return ([] if row[0] is None else [_unpack(row[0])]), False
    rows = connection.execute(
        f"SELECT state FROM identity WHERE key IN ({_LINKED}) ORDER BY first_seen, key",
        (identity,),
    ).fetchall()
    return [_unpack(state) for (state,) in rows], True


def linked(connection: sqlite3.Connection, identity: str) -> list[IdentityKey]:
    """Return an identity and all that verified edges join to it, in order."""
    found = connection.execute(_LINKED, (identity,)).fetchall()
    return sorted({IdentityKey(identity), *(IdentityKey(key) for (key,) in found)})


def remove(connection: sqlite3.Connection, keys: Collection[IdentityKey]) -> tuple[int, int]:
    """Remove identities with their edges; return how many states and edges there were.

    What the edges that stay join, they join again.
    """
    listed = _json(sorted(keys)).decode()
    states = remove_states(connection, keys)
    edges = connection.execute(
        """
        DELETE FROM edge WHERE "left" IN (SELECT value FROM json_each(?1))
                            OR "right" IN (SELECT value FROM json_each(?1))
        """,
        (listed,),
    ).rowcount
    # A component may be named after one that goes: whoever is left is joined anew.
    left = [
        identity
        for (identity,) in connection.execute(
            """
            SELECT identity FROM member WHERE component IN (
                SELECT component FROM member WHERE identity IN (SELECT value FROM json_each(?))
            )
            """,
            (listed,),
        ).fetchall()
    ]
    listed = _json(left).decode()
    connection.execute(
        "DELETE FROM member WHERE identity IN (SELECT value FROM json_each(?))", (listed,)
    )
    for one, other in connection.execute(
        """
        SELECT "left", "right" FROM edge WHERE kind = ?2 AND (
            "left" IN (SELECT value FROM json_each(?1))
            OR "right" IN (SELECT value FROM json_each(?1)))
        """,
        (listed, EdgeKind.VERIFIED.value),
    ).fetchall():
        if one != other:
            _join(connection, one, other)
    return states, edges


def remove_states(connection: sqlite3.Connection, keys: Collection[IdentityKey]) -> int:
    """Remove the states of identities; return how many there were."""
    return connection.execute(
        "DELETE FROM identity WHERE key IN (SELECT value FROM json_each(?))",
        (_json(sorted(keys)).decode(),),
    ).rowcount


class States:
    """Reads and writes what is kept of identities, and remembers what is in use, packed.

    Visitors who are on the site now come up in batch after batch: what the writer knows of them
    it need not read again. Used by the writer's thread alone; every write of a state goes
    through here.
    """

    def __init__(self) -> None:
        self._known: dict[IdentityKey, bytes] = {}
        self._staged: dict[IdentityKey, bytes] = {}
        self._marked: dict[IdentityKey, bytes] = {}

    def load(
        self, connection: sqlite3.Connection, keys: Collection[IdentityKey]
    ) -> dict[IdentityKey, IdentityState]:
        """Return the kept states of these identities, for the caller to change."""
        staged, known = self._staged, self._known
        found = [packed for key in keys if (packed := staged.get(key) or known.get(key))]
        count = len(found)
        if count < len(keys):
            missing = [key for key in keys if key not in staged and key not in known]
            read, states = connection.execute(
                """
                SELECT count(*), group_concat(hex(state), '') FROM identity
                WHERE key IN (SELECT value FROM json_each(?))
                """,
                (_json(missing).decode(),),
            ).fetchone()
            if read:
                found.append(bytes.fromhex(states))
                count += read
        # The states side by side, behind the head of a msgpack array of so many items.
        packed = b"\xdd" + count.to_bytes(4, "big") + b"".join(found)
        return {state.identity: state for state in _unpack_many(packed)}

    def write(
        self, connection: sqlite3.Connection, states: Mapping[IdentityKey, IdentityState]
    ) -> None:
        """Put states in the place of the kept ones."""
        parameters: list[Any] = []
        staged = self._staged
        for key, state in states.items():
            staged[key] = packed = _pack(state)
            parameters += (key, state.first_seen, packed)
        insert(
            connection,
            "INSERT INTO identity (key, first_seen, state)",
            3,
            parameters,
            on_conflict="ON CONFLICT (key) DO UPDATE SET first_seen = excluded.first_seen, "
            "state = excluded.state",
        )

    def forget(self, keys: Collection[IdentityKey]) -> None:
        """Forget identities whose states were removed; what is forgotten is read again."""
        for key in keys:
            self._known.pop(key, None)
            self._staged.pop(key, None)

    @property
    def staged(self) -> Collection[IdentityKey]:
        """The identities whose states were written since the last commit."""
        return self._staged.keys()

    def mark(self) -> None:
        """Remember this point for `undo`."""
        self._marked = dict(self._staged)

    def undo(self) -> None:
        """Go back to the last mark; what was staged before it is written all the same."""
        self._staged = self._marked

    def commit(self) -> None:
        """Remember what was written, the newest at the end; let the oldest go."""
        known = self._known
        for key in self._staged:
            known.pop(key, None)
        known.update(self._staged)
        self._staged = {}
        for key in list(islice(known, max(0, len(known) - _STATES_LIMIT))):
            del known[key]

    def rollback(self) -> None:
        """Forget what was not written."""
        self._staged = {}


class Edges:
    """Writes identity edges: of each pair and kind the earliest is kept.

    Most events repeat an edge; a bounded memory of committed ones spares the file.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], tuple[int, str]] = {}
        self._staged: dict[tuple[str, str, str], tuple[int, str]] = {}

    def merge(self, connection: sqlite3.Connection, edges: Sequence[Edge]) -> None:
        """Keep the edges, and join what verified ones join."""
        earliest: dict[tuple[str, str, str], tuple[int, str]] = {}
        for edge in edges:
            pair, said = (edge.left, edge.right, edge.kind), (edge.at, edge.message_id)
            known = self._known.get(pair) or earliest.get(pair)
            if known is None or said < known:
                earliest[pair] = said
        if not earliest:
            return
        parameters = [item for pair, said in earliest.items() for item in (*pair, *said)]
        insert(
            connection,
            'INSERT INTO edge ("left", "right", kind, at, message_id)',
            5,
            parameters,
            on_conflict="ON CONFLICT DO UPDATE SET at = excluded.at, "
            "message_id = excluded.message_id "
            "WHERE (excluded.at, excluded.message_id) < (edge.at, edge.message_id)",
        )
        for left, right, kind in earliest:
            if kind == EdgeKind.VERIFIED and left != right:
                _join(connection, left, right)
        self._staged.update(earliest)

    def forget(self, keys: Collection[IdentityKey]) -> None:
        """Forget the edges of identities that were removed; what is forgotten is written again."""
        for memory in (self._known, self._staged):
            for pair in [pair for pair in memory if pair[0] in keys or pair[1] in keys]:
                del memory[pair]

    @property
    def staged(self) -> Collection[tuple[str, str, str]]:
        """The edges that were written since the last commit."""
        return self._staged.keys()

    def commit(self) -> None:
        """Remember what was written."""
        if len(self._known) > _EDGES_LIMIT:
            self._known.clear()
        self._known.update(self._staged)
        self._staged.clear()

    def rollback(self) -> None:
        """Forget what was not written."""
        self._staged.clear()


def _join(connection: sqlite3.Connection, left: str, right: str) -> None:
    """Put two identities into one component; the smaller one is renamed."""
    found = dict(
        connection.execute(
            "SELECT identity, component FROM member WHERE identity IN (?, ?)", (left, right)
        ).fetchall()
    )
    if len(found) < 2:
        component = found.get(left) or found.get(right) or left
        connection.execute(
            "INSERT OR IGNORE INTO member (identity, component) VALUES (?, ?), (?, ?)",
            (left, component, right, component),
        )
        return
    if found[left] == found[right]:
        return
    sizes = {
        component: connection.execute(
            "SELECT count(*) FROM member WHERE component = ?", (component,)
        ).fetchone()[0]
        for component in sorted(set(found.values()))
    }
    smaller, larger = sorted(sizes, key=lambda component: (sizes[component], component))
    connection.execute("UPDATE member SET component = ? WHERE component = ?", (larger, smaller))


def all_edges(connection: sqlite3.Connection) -> list[Edge]:
    """Return every edge, in order."""
    rows = connection.execute('SELECT "left", "right", kind, at, message_id FROM edge').fetchall()
    return sorted(
        Edge(IdentityKey(left), IdentityKey(right), EdgeKind(kind), at, message_id)
        for left, right, kind, at, message_id in rows
    )


def bucketing_ids(connection: sqlite3.Connection) -> dict[IdentityKey, IdentityKey]:
    """Return identity → oldest identity of its component, where these differ."""
    rows = connection.execute(
        """
        WITH oldest AS (
            SELECT component, key, row_number() OVER (
                PARTITION BY component ORDER BY first_seen, key
            ) AS place
            FROM member JOIN identity ON identity.key = member.identity
        )
        SELECT member.identity, oldest.key FROM member
        JOIN oldest ON oldest.component = member.component AND oldest.place = 1
        WHERE member.identity <> oldest.key
        ORDER BY member.identity
        """
    ).fetchall()
    return {IdentityKey(identity): IdentityKey(oldest) for identity, oldest in rows}
