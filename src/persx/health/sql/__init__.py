"""The SQL of health, in DuckDB's dialect, one query a file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> str:
    """Return a query by its file's name."""
    return files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
