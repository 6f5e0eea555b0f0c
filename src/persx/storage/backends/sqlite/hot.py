"""The hot rows and the manifest, as statements on a connection.

A row is hot while its sequence is beyond the manifest's last one: one small transaction moves a
million rows out of sight, and their deletion follows in pieces that hold nobody up. Events have a
row each; lines of the decision log stand in packets, as they were written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

import msgspec

from persx.model.errors import Conflict
from persx.model.event import Event
from persx.storage.backends.sqlite import packets
from persx.storage.backends.sqlite.packets import Block
from persx.storage.ports import Segment

TABLES: Final = {"events": "event", "decisions": "decision"}
"""The warehouse's tables and those of the database that hold their hot rows."""

_BLOCK: Final = 500
"""Rows to a step: few enough for memory, many enough not to wait for the interpreter each time."""

_decode: Final = msgspec.json.Decoder(list[Event]).decode


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
    if table == "decisions":
        return packets.block(connection, after=after, to=to, limit=limit)
    rows, first, last, text = connection.execute(
        """
        SELECT count(*), min(sequence), max(sequence), CAST(group_concat(line, ?) AS BLOB) FROM (
            SELECT sequence, '{"sequence":' || sequence || ',' || substr(CAST(body AS TEXT), 2)
                AS line
            FROM event WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?
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
    if table == "decisions":
        return packets.last_to_seal(connection, keep)
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
    rows = _count(connection, segment.table, after, segment.last_sequence)
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


def _count(connection: sqlite3.Connection, table: str, after: int, to: int) -> int:
    if table == "decisions":
        return packets.count(connection, after, to)
    found: int = connection.execute(
        "SELECT count(*) FROM event WHERE sequence > ? AND sequence <= ?", (after, to)
    ).fetchone()[0]
    return found


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
