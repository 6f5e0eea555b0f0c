"""A home with a large sealed log, written as quickly as DuckDB can make up rows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb

from persx.storage.backends.duckdb.files import digest_of
from persx.storage.backends.duckdb.tables import segment_copy


def fill(home: Path, select: str, *, events: int, rows: int) -> None:
    """Write sealed events into a home that was opened before, so many to a segment.

    Args:
        select: A SELECT with the columns of events, over ``range({first}, {last} + 1)``.
        events: How many there are in all.
        rows: How many a segment has.
    """
    folder = home / "segments"
    folder.mkdir(exist_ok=True)
    with closing(duckdb.connect()) as engine, closing(sqlite3.connect(home / "persx.db")) as store:
        for first in range(1, events + 1, rows):
            last = min(first + rows - 1, events)
            path = folder / f"events-{first:016d}-{last:016d}-benchmark.parquet"
            engine.execute(segment_copy("events", select.format(first=first, last=last), path))
            store.execute(
                "INSERT INTO segment VALUES ('events', ?, ?, ?, ?, ?, ?, 0)",
                (
                    first,
                    last,
                    f"segments/{path.name}",
                    last - first + 1,
                    path.stat().st_size,
                    digest_of(path),
                ),
            )
        store.execute("DELETE FROM sqlite_sequence WHERE name = 'event'")
        store.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('event', ?)", (events,))
        store.commit()
