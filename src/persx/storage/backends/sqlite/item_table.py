"""The table that items are kept in."""

from __future__ import annotations

from typing import Final

TABLES: Final = """
    -- Items of the catalogue. One that was removed stays as a revision without a body.
    CREATE TABLE item (id TEXT PRIMARY KEY, revision INTEGER NOT NULL, body BLOB);
    CREATE UNIQUE INDEX item_revision ON item (revision);
"""
