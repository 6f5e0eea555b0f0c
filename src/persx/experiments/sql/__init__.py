"""The readouts' SQL, in DuckDB's dialect, one query a file, and the filling in of column names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

from persx.model.errors import BadInput

_PLACE: Final = re.compile(r"\{each (\w+): ([^}]*)\}|\{(\w+)\}")
_LAST: Final = "\n)\nSELECT\n"
_WITH: Final = re.compile(r"\{with (\w+)\}")
_COLUMN: Final = re.compile(r"%\d?|#")


@cache
def _text(name: str) -> str:
    text = files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
    return _WITH.sub(lambda found: _text(found[1]).strip(), text)


def query(
    name: str, *, rows: str | None = None, **names: str | Sequence[str | tuple[str, ...]]
) -> str:
    """Return a query with table and column names filled in.

    ``{table}`` is one quoted name. ``{each metrics: , sum(%) AS total#}`` is its text once for
    each of several names, with ``%`` as the quoted name and ``#`` as its place from 0 on. Values
    never come this way: they are ``$name`` parameters. A name is whatever a file's header says,
    so quotation marks inside are doubled. With `rows`, the last SELECT is that file's.

    >>> 'FROM "experiment_a" AS r' in query("columns", table="experiment_a")
    True
    """

    def fill(found: re.Match[str]) -> str:
        several, body, single = found.groups()
        if single:
            return identifier(str(names[single]))
        return "\n".join(_repeat(body, place, each) for place, each in enumerate(names[several]))

    return _PLACE.sub(fill, _text(name) if rows is None else _rows(name, rows))


def _rows(name: str, rows: str) -> str:
    """Return a query's steps with another last SELECT, which answers unit by unit.

    So what is exported is what was added up, not what another query found.
    """
    steps, found, _ = _text(name).rpartition(_LAST)
    assert found, f"{name}.sql has no last SELECT of its own"
    return f"{steps}\n)\n{_text(rows)}"


def _repeat(body: str, place: int, name: str | tuple[str, ...]) -> str:
    """Fill both signs in one pass: a name may hold them too."""
    names = (name,) if isinstance(name, str) else name

    def fill(sign: re.Match[str]) -> str:
        return str(place) if sign[0] == "#" else identifier(names[int(sign[0][1:] or 1) - 1])

    return _COLUMN.sub(fill, body)


def identifier(name: str) -> str:
    """Quote a table or column name.

    >>> print(identifier('say "hi"'))
    "say ""hi"\""
    """
    if not name or "\0" in name:
        raise BadInput(f"{name!r} cannot be the name of a column.", value=name)
    return '"' + name.replace('"', '""') + '"'
