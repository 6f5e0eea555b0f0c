"""Clearing: imported tables without the rows in which somebody who is erased stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from persx.storage.backends.duckdb.engine import Limits, engine, identifier, quoted
from persx.storage.backends.duckdb.files import scratch, settle
from persx.storage.backends.duckdb.importing import imported
from persx.storage.needles import names_person
from persx.storage.removal import Erasure, Removal

_PLAIN: Final = frozenset(
    {
        "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT",
        "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE", "DATE", "TIME", "TIMESTAMP",
        "TIMESTAMP WITH TIME ZONE", "TIME WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS",
        "TIMESTAMP_NS", "INTERVAL", "BIT",
    }
)  # fmt: skip
"""Types of columns that hold no text. Whole numbers are ids only where the column is that of the
units, or its name says so: any count or price could be equal to one."""


def clear(home: Path, removal: Removal, limits: Limits) -> int:
    """Remove the rows in which the visitor of an erasure stands; return how many there were.

    Each table is looked through once, and written anew only where there are such rows. It appears
    whole or not at all, and one that is imported anew meanwhile is looked through again.
    """
    if not isinstance(removal, Erasure) or not removal.needles.texts:
        return 0
    removed = 0
    with scratch(home) as work, engine(work, limits) as connection:
        for name, path in imported(home).items():
            while True:
                try:
                    before = path.stat()
                    source = f"read_parquet({quoted(str(path))})"
                    columns = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
                    where = _condition(removal, columns, removal.units.get(name, ""))
                    if not where:
                        break
                    ((gone,),) = connection.execute(
                        f"SELECT count(*) FROM {source} WHERE {where}"
                    ).fetchall()
                    if not gone:
                        break
                    temporary = work / "table.parquet"
                    connection.execute(
                        f"COPY (SELECT * FROM {source} WHERE NOT coalesce(({where}), false)) "
                        f"TO {quoted(str(temporary))} (FORMAT parquet, COMPRESSION zstd)"
                    )
                    now = path.stat()
                except FileNotFoundError:
                    # Dropped meanwhile.
                    break
                if (now.st_ino, now.st_mtime_ns) == (before.st_ino, before.st_mtime_ns):
                    settle(temporary, path)
                    removed += int(gone)
                    break
    return removed


def _condition(erasure: Erasure, columns: Sequence[tuple[str, ...]], units: str) -> str:
    """Return the SQL condition on rows that name the visitor; empty where no column can."""
    parts = []
    for name, kind, *_ in columns:
        if kind not in _PLAIN and not kind.startswith("DECIMAL"):
            parts.append(erasure.needles.condition(identifier(name)))
        elif _is_number(kind) and (name == units or names_person(name)):
            parts.append(erasure.needles.number_condition(identifier(name)))
    return " OR ".join(parts)


def _is_number(kind: str) -> bool:
    return kind.endswith("INT") or kind.startswith(
        ("INTEGER", "UINTEGER", "FLOAT", "DOUBLE", "DECIMAL")
    )
