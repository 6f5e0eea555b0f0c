"""The hot rows and the manifest, as statements on a connection.

A row is hot while its sequence is beyond the manifest's last one: one small transaction moves a
million rows out of sight, and their deletion follows in pieces that hold nobody up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from persx.model.errors import Conflict
from persx.model.event import Event
from persx.storage.ports import Segment

TABLES: Final = {"events": "event", "decisions": "decision"}
"""The warehouse's tables and those of the database that hold their hot rows."""

_BLOCK: Final = 500
"""Rows to a step: few enough for memory, many enough not to wait for the interpreter each time."""

_LINES: Final = {
    "events": """'{"sequence":' || sequence || ',' || substr(CAST(body AS TEXT), 2)""",
    "decisions": """json_object('sequence', sequence, 'id', id, 'at', at, 'bucketing_id',
        bucketing_id, 'page', page, 'snapshot', snapshot, 'body', body)""",
}
_decode: Final = msgspec.json.Decoder(list[Event]).decode


class Block(NamedTuple):
    """Some hot rows as JSON texts, between which `separator` stands."""

    rows: int
    first: int
    last: int
    text: bytes


def sealed_to(connection: sqlite3.Connection, table: str) -> int:
    """Return the last sequence of a table that segments hold."""
    found: int = connection.execute(
        'SELECT coalesce(max(last_sequence), 0) FROM segment WHERE "table" = ?', (table,)
    ).fetchone()[0]
    return found


def manifest(connection: sqlite3.Connection, table: str | None = None) -> list[Segment]:
    """Return the segments, of one table or of all, in order."""
    rows = connection.execute(
        """
        SELECT "table", path, first_sequence, last_sequence, rows, bytes, digest, sealed
        FROM segment WHERE ?1 IS NULL OR "table" = ?1 ORDER BY "table", first_sequence
        """,
        (table,),
    ).fetchall()
    return [Segment(**dict(zip(Segment.__struct_fields__, row, strict=True))) for row in rows]


def block(
    connection: sqlite3.Connection,
    table: str,
    *,
    after: int,
    to: int,
    limit: int = _BLOCK,
    separator: str = "\n",
) -> Block | None:
    """Return the next rows of a table after a sequence, in one step of the database."""
    rows, first, last, text = connection.execute(
        f"""
        SELECT count(*), min(sequence), max(sequence), CAST(group_concat(line, ?) AS BLOB) FROM (
            SELECT sequence, {_LINES[table]} AS line FROM {TABLES[table]}
            WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?
        )
        """,
        (separator, after, to, min(limit, _BLOCK)),
    ).fetchone()
    return Block(rows, first, last, text) if rows else None


def blocks(
    connection: sqlite3.Connection, table: str, *, after: int, to: int, limit: int
) -> Iterator[Block]:
    """Yield at most `limit` rows of a table after a sequence, in order, as lines of JSON."""
    while limit > 0:
        found = block(connection, table, after=after, to=to, limit=limit)
        if found is None:
            return
        yield found
        after = found.last
        limit -= found.rows


def events(connection: sqlite3.Connection, after: int, limit: int) -> list[Event]:
    """Return some of the next hot events after a sequence, none only at the end."""
    found = block(connection, "events", after=after, to=_END, limit=limit, separator=",")
    return [] if found is None else _decode(b"[" + found.text + b"]")


_END: Final = (1 << 63) - 1


def last_to_seal(connection: sqlite3.Connection, table: str, keep: int) -> int:
    """Return the sequence up to which rows may be sealed if the newest `keep` stay hot."""
    row = connection.execute(
        f"SELECT sequence FROM {TABLES[table]} ORDER BY sequence DESC LIMIT 1 OFFSET ?", (keep,)
    ).fetchone()
    return int(row[0]) if row else 0


def add_segment(connection: sqlite3.Connection, segment: Segment) -> None:
    """Put a segment into the manifest: from this transaction on its rows are no longer hot.

    Raises:
        Conflict: The log has changed since the file was written.
    """
    after = sealed_to(connection, segment.table)
    rows = connection.execute(
        f"SELECT count(*) FROM {TABLES[segment.table]} WHERE sequence > ? AND sequence <= ?",
        (after, segment.last_sequence),
    ).fetchone()[0]
    if rows != segment.rows or segment.first_sequence <= after:
        raise Conflict(
            f"The log of {segment.table} changed while it was sealed.",
            value=segment.path,
            hint="Seal again.",
        )
    connection.execute(
        'INSERT INTO segment ("table", path, first_sequence, last_sequence, rows, bytes, digest, '
        "sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        msgspec.structs.astuple(segment),
    )


def discard_sealed(connection: sqlite3.Connection, table: str, limit: int) -> bool:
    """Delete some rows that segments hold; tell whether there may be more."""
    deleted = connection.execute(
        f"""
        DELETE FROM {TABLES[table]} WHERE sequence IN (
            SELECT sequence FROM {TABLES[table]} WHERE sequence <= ? ORDER BY sequence LIMIT ?
        )
        """,
        (sealed_to(connection, table), limit),
    ).rowcount
    return deleted == limit
