"""Reading an event: the property a computed attribute folds, and whether an event is selected."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from persx.model.event import Event, EventType

MOST_VALUES: Final = 100
"""Of a list in an event, this many values are read."""

LONGEST_TEXT: Final = 200
"""Longer texts are not names of anything; they are not kept as values."""

_PAGE_FIELDS: Final = frozenset({"path", "url", "title", "search", "referrer"})
_TRAIT_CALLS: Final = frozenset({EventType.IDENTIFY, EventType.GROUP})


@lru_cache(maxsize=4096)
def _steps(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def property_values(event: Event, path: str) -> Sequence[Any]:
    """Return what an event holds at a dotted path: nothing, one value, or those of a list.

    `identify` and `group` calls are read in their traits. What a page call does not say in its
    properties (path, url, title, search, referrer) is read in ``context.page``; a path that
    begins with ``context.`` is read in the context. A path runs through lists:
    ``products.category`` is the category of each product.
    """
    source = event.traits if event.type in _TRAIT_CALLS else event.properties
    value = source.get(path)
    if value is None:
        value = _nested(event, source, path)
        if value is None:
            return ()
    if isinstance(value, list):
        return value[:MOST_VALUES]
    return (value,)


def _nested(event: Event, source: dict[str, Any], path: str) -> Any:
    steps = _steps(path)
    if len(steps) > 1:
        if steps[0] == "context":
            return _walk(event.context, steps[1:])
        return _walk(source, steps)
    if path in _PAGE_FIELDS and event.type is EventType.PAGE:
        page = event.context.get("page")
        return page.get(path) if isinstance(page, dict) else None
    return None


def _walk(value: Any, steps: Sequence[str]) -> Any:
    for position, step in enumerate(steps):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list):
            rest = steps[position:]
            found = [_walk(item, rest) for item in value[:MOST_VALUES]]
            return [item for item in found if item is not None and not isinstance(item, list)]
        else:
            return None
    return value


def matches(event: Event, where: Mapping[str, str | int | float | bool]) -> bool:
    """Tell whether each property in `where` has the value given there, or a list that holds it."""
    for path, wanted in where.items():
        flag = isinstance(wanted, bool)
        if not any(
            value == wanted and isinstance(value, bool) is flag
            for value in property_values(event, path)
        ):
            return False
    return True


def as_name(value: Any) -> str | None:
    """Return a value as the text under which it is counted; none for what is no name."""
    if isinstance(value, str):
        return value if 0 < len(value) <= LONGEST_TEXT else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and math.isfinite(value):
        return str(value)
    return None


def as_number(value: Any) -> int | float | None:
    """Return a finite number, also from its decimal text; none for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if len(value) > 32:
            return None
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, int | float) and -1e300 < value < 1e300:
        return value
    return None
