"""The table that artifacts are kept in."""

from __future__ import annotations

from typing import Final

TABLES: Final = """
    -- What was computed from data, for decisions. `active` is 1 for the one that they use.
    CREATE TABLE artifact (
        kind TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL, digest TEXT NOT NULL,
        size INTEGER NOT NULL, made INTEGER NOT NULL, events INTEGER NOT NULL,
        snapshot INTEGER NOT NULL, meta BLOB NOT NULL, active INTEGER NOT NULL,
        activated INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (kind, name, number)
    );
    CREATE UNIQUE INDEX artifact_active ON artifact (kind, name) WHERE active = 1;
"""
