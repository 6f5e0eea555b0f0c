"""States, edges and components of identities, as statements on a connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from persx.model.event import IdentityKey
from persx.model.visitor import Cut, Edge, EdgeKind, IdentityState
from persx.storage.backends.sqlite import members
from persx.storage.backends.sqlite.rows import insert
from persx.storage.joining import account_of, said_again

_EDGES_LIMIT: Final = 50_000
_STATES_LIMIT: Final = 20_000
_READ_TOGETHER: Final = 256
"""States that are read in one step, during which no request gets its turn."""

_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(IdentityState).decode
_unpack_many: Final = msgspec.msgpack.Decoder(list[IdentityState]).decode
_json: Final = msgspec.json.Encoder().encode

_LINKED: Final = """
    SELECT state FROM identity WHERE key IN (
        SELECT identity FROM member
        WHERE component = (SELECT component FROM member WHERE identity = ?)
    ) ORDER BY first_seen, key
"""


def linked_states(
    connection: sqlite3.Connection, identity: str, *, alone: bool = False
) -> tuple[list[IdentityState], bool]:
    """Return the states of an identity and of all that belong together with it, oldest first.

    Of a shared device its own state comes first, then those of the person it speaks for. Tells
    too whether there is an edge that could join something.

    Args:
        alone: Read its own state and no other.
    """
    row = connection.execute(
        """
        SELECT (SELECT state FROM identity WHERE key = ?1), component, speaks_for
        FROM (SELECT 1) LEFT JOIN member ON member.identity = ?1
        """,
        (identity,),
    ).fetchone()
    own = [] if row[0] is None else [_unpack(row[0])]
    if alone or row[1] is None:
        return own, row[1] is not None
    rows = connection.execute(_LINKED, (row[2] or identity,)).fetchall()
    states = [_unpack(state) for (state,) in rows]
    return [*own, *states] if row[2] else states, True


def states_after(
    connection: sqlite3.Connection, key: str, limit: int, among: Collection[IdentityKey] | None
) -> list[IdentityState]:
    """Return states whose keys are greater, in order of their keys; of these identities alone."""
    within = "" if among is None else "AND key IN (SELECT value FROM json_each(?3))"
    rows = connection.execute(
        f"SELECT state FROM identity WHERE key > ?1 {within} ORDER BY key LIMIT ?2",
        (key, limit) if among is None else (key, limit, _listed(among)),
    ).fetchall()
    return [_unpack(state) for (state,) in rows]


def account(connection: sqlite3.Connection, identity: str) -> IdentityState | None:
    """Return the state of the account that the visitor was last verified to belong to."""
    edges = members.account_edges(connection, identity)
    key = account_of({side for edge in edges for side in (edge.left, edge.right)}, edges)
    if key is None:
        return None
    row = connection.execute("SELECT state FROM identity WHERE key = ?", (key,)).fetchone()
    return None if row is None else _unpack(row[0])


def linked(connection: sqlite3.Connection, identity: str) -> list[IdentityKey]:
    """Return an identity and all that belong together with it, in order."""
    found = members.together(connection, identity)
    return sorted({IdentityKey(identity), *map(IdentityKey, found)})


def known(
    connection: sqlite3.Connection, among: Collection[IdentityKey] | None
) -> list[IdentityKey]:
    """Return every identity that has a state or an edge, in order; of these alone."""
    within = "" if among is None else "WHERE key IN (SELECT value FROM json_each(?1))"
    rows = connection.execute(
        'SELECT key FROM (SELECT key FROM identity UNION SELECT "left" FROM edge '
        f'UNION SELECT "right" FROM edge) {within}',
        () if among is None else (_listed(among),),
    )
    return sorted(IdentityKey(key) for (key,) in rows.fetchall())


def remove(connection: sqlite3.Connection, keys: Collection[IdentityKey]) -> tuple[int, int]:
    """Remove identities with their edges; return how many states and edges there were.

    What the edges that stay join, they join again.
    """
    listed = _json(sorted(keys)).decode()
    states = remove_states(connection, keys)
    near = members.near(connection, keys)
    edges = connection.execute(
        """
        DELETE FROM edge WHERE "left" IN (SELECT value FROM json_each(?1))
                            OR "right" IN (SELECT value FROM json_each(?1))
        """,
        (listed,),
    ).rowcount
    connection.execute(
        """
        DELETE FROM cut WHERE "left" IN (SELECT value FROM json_each(?1))
                           OR "right" IN (SELECT value FROM json_each(?1))
        """,
        (listed,),
    )
    members.rejoin_without(connection, keys, near)
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
        states: dict[IdentityKey, IdentityState] = {}
        left = iter(keys)
        while some := list(islice(left, _READ_TOGETHER)):
            states.update(self._load(connection, some))
        return states

    def _load(
        self, connection: sqlite3.Connection, keys: Sequence[IdentityKey]
    ) -> Iterator[tuple[IdentityKey, IdentityState]]:
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
        return ((state.identity, state) for state in _unpack_many(packed))

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
    """Writes identity edges: of each pair and kind the first time and the latest.

    Most events repeat an edge; a bounded memory of committed ones spares the file.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], Edge] = {}
        self._staged: dict[tuple[str, str, str], Edge] = {}
        self._rejoined = False

    def merge(self, connection: sqlite3.Connection, edges: Sequence[Edge]) -> None:
        """Keep the edges, and join what verified ones join."""
        news: dict[tuple[str, str, str], Edge] = {}
        joining: list[tuple[str, str]] = []
        turning: list[str] = []
        for edge in edges:
            pair = (edge.left, edge.right, edge.kind)
            known = news.get(pair) or self._staged.get(pair) or self._known.get(pair)
            after = said_again(known, edge)
            if after is known:
                continue
            news[pair] = after
            if edge.kind is EdgeKind.VERIFIED:
                if known is None:
                    joining.append((edge.left, edge.right))
                else:
                    turning.append(edge.left)
        if not news:
            return
        parameters = [
            item
            for pair, edge in news.items()
            for item in (*pair, edge.at, edge.message_id, edge.latest)
        ]
        insert(
            connection,
            'INSERT INTO edge ("left", "right", kind, at, message_id, latest)',
            6,
            parameters,
            on_conflict="ON CONFLICT DO UPDATE SET latest = max(latest, excluded.latest), "
            "at = min(at, excluded.at), message_id = CASE "
            "WHEN (excluded.at, excluded.message_id) < (at, message_id) "
            "THEN excluded.message_id ELSE message_id END",
        )
        members.join(connection, joining)
        turned = members.turn(connection, turning)
        self._rejoined |= bool(joining) or turned
        self._staged.update(news)

    def cut(self, connection: sqlite3.Connection, cut: Cut) -> bool:
        """Take an edge back; tell whether it was not cut before."""
        self._rejoined = True
        return members.cut(connection, cut)

    def mend(self, connection: sqlite3.Connection, left: str, right: str) -> bool:
        """Undo a cut; tell whether there was one."""
        self._rejoined = True
        return members.mend(connection, left, right)

    def forget(self, keys: Collection[IdentityKey]) -> None:
        """Forget the edges of identities that were removed; what is forgotten is written again."""
        for memory in (self._known, self._staged):
            for pair in [pair for pair in memory if pair[0] in keys or pair[1] in keys]:
                del memory[pair]

    @property
    def rejoined(self) -> bool:
        """Whether the next commit changes who belongs together with whom."""
        return self._rejoined

    def undo(self) -> None:
        """Forget what was taken back inside the transaction, and what came before it."""
        self._staged.clear()

    def commit(self) -> None:
        """Remember what was written."""
        if len(self._known) > _EDGES_LIMIT:
            self._known.clear()
        self._known.update(self._staged)
        self.rollback()

    def rollback(self) -> None:
        """Forget what was not written."""
        self._staged.clear()
        self._rejoined = False


def all_edges(
    connection: sqlite3.Connection, touching: Collection[IdentityKey] | None
) -> list[Edge]:
    """Return every edge, in order, or those that touch one of some identities."""
    chosen = 'SELECT "left", "right", kind, at, message_id, latest FROM edge'
    if touching is None:
        rows = connection.execute(chosen).fetchall()
    else:
        rows = connection.execute(
            f'{chosen} WHERE "left" IN (SELECT value FROM json_each(?1)) UNION '
            f'{chosen} WHERE "right" IN (SELECT value FROM json_each(?1))',
            (_listed(touching),),
        ).fetchall()
    return sorted(
        Edge(IdentityKey(left), IdentityKey(right), EdgeKind(kind), at, message_id, latest)
        for left, right, kind, at, message_id, latest in rows
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


def _listed(keys: Collection[IdentityKey]) -> str:
    return _json(sorted(keys)).decode()
