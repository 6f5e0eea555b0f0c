"""The SQL of recommending, in DuckDB's dialect, one query a file."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final

_WITH: Final = re.compile(r"\{with (\w+)\}")


@cache
def query(name: str) -> str:
    """Return a query by its file's name, the steps that several share filled in."""
    text = files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
    return _WITH.sub(lambda found: query(found[1]).strip(), text)
