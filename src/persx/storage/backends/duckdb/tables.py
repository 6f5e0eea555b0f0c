"""The warehouse's tables: their columns, and how rows of all origins come to stand in them."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from persx.model.errors import BadInput
from persx.model.event import IdentityKey
from persx.storage.backends.duckdb.engine import identifier, quoted
from persx.storage.backends.duckdb.hot_log import Reading
from persx.storage.keeping import storable
from persx.storage.ports import Rows

if TYPE_CHECKING:
    import duckdb

COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "events": {
        "sequence": "BIGINT",
        "received": "BIGINT",
        "timestamp": "BIGINT",
        "type": "VARCHAR",
        "name": "VARCHAR",
        "message_id": "VARCHAR",
        "anonymous_id": "VARCHAR",
        "user_id": "VARCHAR",
        "group_id": "VARCHAR",
        "previous_id": "VARCHAR",
        "verified": "BOOLEAN",
        "properties": "VARCHAR",
        "traits": "VARCHAR",
        "context": "VARCHAR",
    },
    "decisions": {
        "sequence": "BIGINT",
        "id": "VARCHAR",
        "at": "BIGINT",
        "bucketing_id": "VARCHAR",
        "page": "VARCHAR",
        "snapshot": "BIGINT",
        "body": "VARCHAR",
    },
}
"""The columns of the log's tables, hot and sealed alike, in order."""

OWNER: Final[Mapping[str, str]] = {
    "events": """
        CASE WHEN verified AND user_id <> '' THEN 'u:' || user_id
             WHEN anonymous_id <> '' THEN 'a:' || anonymous_id
             ELSE 'c:' || user_id END
    """,
    "decisions": "bucketing_id",
}
"""Whose a row of the log's tables is, as `Event.identity` says it."""

_ORDER: Final = {"events": "type, name, sequence", "decisions": "sequence"}
_ROW_GROUP: Final = 8_192
"""Rows that are unpacked together."""

_ABSENT: Final = {
    "received": "0",
    "timestamp": "0",
    "verified": "false",
    "properties": "'{}'",
    "traits": "'{}'",
    "context": "'{}'",
}
"""What a kept event's JSON leaves out, being the default."""

_DOCUMENTS: Final = frozenset({"properties", "traits", "context"})
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")


def check_table_name(name: str) -> str:
    """Return the name of an imported or extra table if it is one.

    Raises:
        BadInput: It is not a plain name, or one that the log has taken.
    """
    taken = (*COLUMNS, "exposures")
    if not _NAME.fullmatch(name) or name in taken:
        raise BadInput(
            f"'{name}' cannot be the name of a table.",
            value=name,
            hint="Use lower-case letters, digits and _, beginning with a letter; "
            f"{', '.join(taken)} are taken.",
        )
    return name


def from_lines(table: str, file: Path) -> str:
    """Return the SELECT that reads a file of hot rows, one JSON object a line."""
    columns = COLUMNS[table]
    spec = ", ".join(
        f"{identifier(name)}: '{'JSON' if name in _DOCUMENTS else kind}'"
        for name, kind in columns.items()
    )
    selected = ", ".join(
        f"coalesce({identifier(name)}::{kind}, {_ABSENT[name]}) AS {identifier(name)}"
        if name in _ABSENT and table == "events"
        else identifier(name)
        for name, kind in columns.items()
    )
    return (
        f"SELECT {selected} FROM read_json({quoted(str(file))}, format = 'newline_delimited', "
        f"columns = {{{spec}}}, maximum_object_size = {16 << 20})"
    )


def write_lines(reading: Reading, table: str, file: Path, *, to: int, limit: int) -> int:
    """Write the hot rows of a table as lines of JSON; return their number."""
    rows = 0
    with file.open("wb") as lines:
        for block in reading.blocks(table, to=to, limit=limit):
            lines.write(block.text)
            lines.write(b"\n")
            rows += block.rows
    return rows


def segment_copy(table: str, select: str, file: Path) -> str:
    """Return the statement that writes rows of a table as a segment.

    Rows that questions look for together lie together, in groups of their own: who asks for one
    kind of event need not unpack the others.
    """
    return (
        f"COPY (SELECT * FROM ({select}) ORDER BY {_ORDER[table]}) TO {quoted(str(file))} "
        f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP})"
    )


def create_log_table(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    segments: Sequence[Path],
    lines: Path | None,
    *,
    as_of: int | None,
    mine: Collection[IdentityKey] | None = None,
    copied: bool = True,
) -> None:
    """Make a view of sealed and hot rows together, or a table of those of one visitor.

    A view would not do: a condition of the query may be evaluated before the one that leaves
    others' rows out, and tell of them by its error.

    Args:
        lines: The file of hot rows; None where there are none.
        as_of: The greatest sequence that is seen.
        mine: The identities whose rows are seen; None for all.
        copied: Copy these, and leave nothing else behind.
    """
    columns = COLUMNS[table]
    hot = identifier(f"hot {table}")
    connection.execute(
        f"CREATE TABLE {hot} "
        f"({', '.join(f'{identifier(name)} {kind}' for name, kind in columns.items())})"
    )
    if lines is not None:
        connection.execute(f"INSERT INTO {hot} {from_lines(table, lines)}")
    selected = ", ".join(identifier(name) for name in columns)
    sources = [f"SELECT {selected} FROM {hot}"]
    if segments:
        files = ", ".join(quoted(str(path)) for path in segments)
        sources.insert(0, f"SELECT {selected} FROM read_parquet([{files}])")
    body = " UNION ALL ".join(sources)
    if as_of is not None:
        body = f"SELECT * FROM ({body}) WHERE sequence <= {int(as_of)}"
    if mine is None:
        connection.execute(f"CREATE VIEW {identifier(table)} AS {body}")
        return
    listed = ", ".join(quoted(key) for key in sorted(mine)) or "NULL"
    body = f"SELECT {selected} FROM ({body}) WHERE {OWNER[table]} IN ({listed})"
    kind = "TABLE" if copied else "VIEW"
    connection.execute(f"CREATE {kind} {identifier(table)} AS {body}")
    if copied:
        connection.execute(f"DROP TABLE {hot}")


def create_extra_table(
    connection: duckdb.DuckDBPyConnection, name: str, rows: Rows, file: Path
) -> None:
    """Make a table of rows that the caller brought along, by way of a file.

    Raises:
        BadInput: The name, a column's name, or a column's mixture of values will not do.
    """
    check_table_name(name)
    if len({column.casefold() for column in rows.columns}) < len(rows.columns) or not rows.columns:
        raise BadInput(
            f"The columns of table '{name}' need names of their own.", value=rows.columns
        )
    kinds = [
        _kind_of((row[place] for row in rows.rows), f"{name}.{column}")
        for place, column in enumerate(rows.columns)
    ]
    # The columns travel under numbers: names may hold whatever JSON or DuckDB take amiss.
    spec = ", ".join(f"'c{place}': '{kind}'" for place, kind in enumerate(kinds))
    selected = ", ".join(
        f"c{place} AS {identifier(storable(column))}" for place, column in enumerate(rows.columns)
    )
    keys = [f"c{place}" for place in range(len(rows.columns))]
    with file.open("wb") as lines:
        for row in rows.rows:
            values = (_plain(value) for value in row)
            lines.write(msgspec.json.encode(dict(zip(keys, values, strict=True))) + b"\n")
    source = (
        f"read_json({quoted(str(file))}, format = 'newline_delimited', columns = {{{spec}}}, "
        f"maximum_object_size = {16 << 20})"
    )
    # An empty file has no columns to read.
    if not rows.rows:
        nulls = ", ".join(f"NULL::{kind} AS c{place}" for place, kind in enumerate(kinds))
        source = f"(SELECT {nulls} LIMIT 0)"
    connection.execute(f"CREATE TABLE {identifier(name)} AS SELECT {selected} FROM {source}")


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _kind_of(values: Any, where: str) -> str:
    """Return the DuckDB type that holds all of a column's values."""
    kinds = {type(value) for value in values if value is not None}
    if not kinds or all(issubclass(kind, str) for kind in kinds):
        return "VARCHAR"
    if kinds <= {bool}:
        return "BOOLEAN"
    if kinds <= {int}:
        return "BIGINT"
    if kinds <= {int, float}:
        return "DOUBLE"
    if kinds <= {list, tuple}:
        return "VARCHAR[]"
    found = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise BadInput(f"Column {where} mixes values that no type holds: {found}.", value=found)
