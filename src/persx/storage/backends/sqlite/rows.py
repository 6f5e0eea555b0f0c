"""Many rows in one statement: each step of a statement gives up the interpreter once."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

_SIZES: Final = (256, 32, 4, 1)


def insert(
    connection: sqlite3.Connection,
    into: str,
    width: int,
    parameters: Sequence[Any],
    *,
    on_conflict: str = "",
) -> None:
    """Insert rows whose values stand one after another in `parameters`.

    `executemany` would step once a row, and beside a busy event loop each step may wait for the
    interpreter's switch interval; this takes a handful of steps whatever the number of rows.

    Args:
        into: The statement up to its rows, such as ``INSERT INTO event (sequence, body)``.
        width: Values in a row.
        on_conflict: What follows the rows.
    """
    start, left = 0, len(parameters) // width
    for size in _SIZES:
        while left >= size:
            end = start + size * width
            connection.execute(_statement(into, width, size, on_conflict), parameters[start:end])
            start, left = end, left - size


@cache
def _statement(into: str, width: int, size: int, on_conflict: str) -> str:
    row = f"({','.join('?' * width)})"
    return f"{into} VALUES {','.join([row] * size)} {on_conflict}"
