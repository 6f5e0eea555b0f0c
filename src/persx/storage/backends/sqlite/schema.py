"""The tables of the embedded backend, their migrations, and how a connection is set up."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from persx.model.errors import Conflict, Unavailable
from persx.storage.backends.sqlite import members, records
from persx.storage.backends.sqlite.artifact_tables import TABLES as ARTIFACT_TABLES
from persx.storage.backends.sqlite.item_table import TABLES as ITEM_TABLES

MIGRATIONS: Final = (
    """
    -- The hot log. The body is the event's JSON without its sequence, kept as bytes.
    CREATE TABLE event (sequence INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
    -- Digests of message ids, 8 bytes each, many to a row; they outlive the sealing of events.
    CREATE TABLE message_ids (id INTEGER PRIMARY KEY, day INTEGER NOT NULL, digests BLOB NOT NULL);
    CREATE TABLE rejected (
        id INTEGER PRIMARY KEY, received INTEGER NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL
    );
    -- A rowid table, so that visitors of one hour share pages; only the key index is scattered.
    CREATE TABLE identity (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, first_seen INTEGER NOT NULL,
        state BLOB NOT NULL
    );
    CREATE TABLE edge (
        "left" TEXT NOT NULL, "right" TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,
        message_id TEXT NOT NULL, PRIMARY KEY ("left", "right", kind)
    ) WITHOUT ROWID;
    -- Which identities verified edges join; derived from `edge`, states stay per identity.
    CREATE TABLE member (identity TEXT PRIMARY KEY, component TEXT NOT NULL) WITHOUT ROWID;
    CREATE INDEX member_component ON member (component);
    CREATE TABLE draft (
        path TEXT PRIMARY KEY, text TEXT NOT NULL, digest TEXT NOT NULL, changed INTEGER NOT NULL,
        author TEXT NOT NULL
    );
    CREATE TABLE snapshot (
        number INTEGER PRIMARY KEY, digest TEXT NOT NULL, published INTEGER NOT NULL,
        author TEXT NOT NULL, message TEXT NOT NULL, body BLOB NOT NULL
    );
    CREATE TABLE active (id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL);
    CREATE TABLE value (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE lease (
        name TEXT PRIMARY KEY, holder TEXT NOT NULL, until INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE decision (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, at INTEGER NOT NULL,
        bucketing_id TEXT NOT NULL, page TEXT NOT NULL, snapshot INTEGER NOT NULL,
        body TEXT NOT NULL
    );
    CREATE TABLE segment (
        "table" TEXT NOT NULL, first_sequence INTEGER NOT NULL, last_sequence INTEGER NOT NULL,
        path TEXT NOT NULL UNIQUE, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
        digest TEXT NOT NULL, sealed INTEGER NOT NULL, PRIMARY KEY ("table", first_sequence)
    ) WITHOUT ROWID;
    """,
    """
    -- Lines of the decision log stand together as they were written; the sequence is the last's.
    CREATE TABLE packet (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT, rows INTEGER NOT NULL, low TEXT NOT NULL,
        high TEXT NOT NULL, lines BLOB NOT NULL
    );
    INSERT INTO packet SELECT sequence, 1, id, id, CAST(json_object('sequence', sequence, 'id', id,
        'at', at, 'bucketing_id', bucketing_id, 'page', page, 'snapshot', snapshot, 'body', body)
        AS BLOB) FROM decision;
    DELETE FROM sqlite_sequence WHERE name = 'packet';
    INSERT INTO sqlite_sequence (name, seq)
        SELECT 'packet', seq FROM sqlite_sequence WHERE name = 'decision';
    DROP TABLE decision;
    ALTER TABLE packet RENAME TO decision;
    -- Ids grow with time: the first packet whose greatest id is not less has the line.
    CREATE INDEX decision_ids ON decision (high, low);
    """,
    members.TABLES,
    """
    -- Keyed hashes of erased ids, and when they were erased.
    CREATE TABLE tombstone (id TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE tombstone_key (id INTEGER PRIMARY KEY CHECK (id = 1), key BLOB NOT NULL);
    INSERT INTO tombstone_key (id, key) VALUES (1, randomblob(32));
    """,
    ARTIFACT_TABLES,
    records.TABLES,
    ITEM_TABLES,
)
"""The steps from an empty file to today's tables; a file's `user_version` counts those done."""


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Open the file with explicit transactions and what durability and erasure ask for."""
    connection = sqlite3.connect(
        path, timeout=10, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    pragmas = ["trusted_schema=OFF", "temp_store=MEMORY"]
    if read_only:
        pragmas += ["query_only=ON", "cache_size=-4096"]
    else:
        pragmas += [
            "journal_mode=WAL",
            # An acknowledged commit survives a power cut: the WAL is synced at each one.
            "synchronous=FULL",
            "secure_delete=ON",
            "wal_autocheckpoint=4000",
            "cache_size=-32768",
        ]
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def is_current(path: Path) -> bool:
    """Tell whether the file is there with today's tables, or newer ones."""
    if not path.exists() or not path.stat().st_size:
        return False
    try:
        with closing(connect(path, read_only=True)) as connection:
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise Unavailable(f"{path} cannot be read: {error}.", value=str(path)) from error
    _check_version(version)
    return version == len(MIGRATIONS)


def _check_version(version: int) -> None:
    if version > len(MIGRATIONS):
        raise Conflict(
            f"The database has version {version}, this persx knows {len(MIGRATIONS)}.",
            value=version,
            hint="Upgrade persx.",
        )


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables up to date, all steps in one transaction.

    Raises:
        Conflict: A newer version of persx has written this file.
    """
    done: int = connection.execute("PRAGMA user_version").fetchone()[0]
    _check_version(done)
    if done < len(MIGRATIONS):
        steps = "\n".join(MIGRATIONS[done:])
        connection.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version={len(MIGRATIONS)};")
        # Derived from the edges, by today's rule.
        members.rejoin_all(connection)
        connection.execute("COMMIT")
