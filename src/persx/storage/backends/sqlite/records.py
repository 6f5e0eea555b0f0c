"""Logs that only grow, and values that change hands once, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

from persx.storage.keeping import storable
from persx.storage.ports import Record
from persx.storage.scope import check_about_nobody

TABLES: Final = """
    -- Logs that only grow; the triggers refuse even our own mistakes.
    CREATE TABLE record (
        log TEXT NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (log, number)
    ) WITHOUT ROWID;
    CREATE TRIGGER record_is_kept BEFORE DELETE ON record
        BEGIN SELECT RAISE(ABORT, 'records are kept'); END;
    CREATE TRIGGER record_stays BEFORE UPDATE ON record
        BEGIN SELECT RAISE(ABORT, 'records stay as they are'); END;
    """


def swap(
    connection: sqlite3.Connection, name: str, expected: bytes | None, value: bytes | None
) -> bool:
    """Set or remove a value if it is what the caller believes; tell whether it was.

    Raises:
        Forbidden: It is about a visitor: whether it is what one believes would tell what it is.
    """
    name = storable(check_about_nobody(name))
    row = connection.execute("SELECT value FROM value WHERE name = ?", (name,)).fetchone()
    if (None if row is None else bytes(row[0])) != expected:
        return False
    if value is None:
        connection.execute("DELETE FROM value WHERE name = ?", (name,))
    else:
        connection.execute(
            "INSERT OR REPLACE INTO value (name, value) VALUES (?, ?)", (name, value)
        )
    return True


def add(
    connection: sqlite3.Connection, log: str, make: Callable[[int, bytes | None], bytes]
) -> Record:
    """Append a record."""
    last = newest(connection, log, after=0, limit=1)
    number = last[0].number + 1 if last else 1
    body = make(number, last[0].body if last else None)
    connection.execute(
        "INSERT INTO record (log, number, body) VALUES (?, ?, ?)", (storable(log), number, body)
    )
    return Record(number, body)


def oldest(connection: sqlite3.Connection, log: str, *, after: int, limit: int) -> list[Record]:
    """Return the first records after a number, in order."""
    return _found(connection, log, after, limit, "")


def newest(connection: sqlite3.Connection, log: str, *, after: int, limit: int) -> list[Record]:
    """Return the last records after a number, newest first."""
    return _found(connection, log, after, limit, "DESC")


def _found(
    connection: sqlite3.Connection, log: str, after: int, limit: int, order: str
) -> list[Record]:
    rows = connection.execute(
        "SELECT number, body FROM record WHERE log = ? AND number > ? "
        f"ORDER BY number {order} LIMIT ?",
        (storable(log), after, max(limit, 0)),
    )
    return [Record(number, bytes(body)) for number, body in rows.fetchall()]
