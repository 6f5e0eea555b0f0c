"""Options of computed attributes: durations, choices and limits, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Final

from persx.model.attribute import Computation
from persx.model.clock import Millis, parse_duration
from persx.model.errors import BadInput, did_you_mean

Options = Mapping[str, str | int | float | bool]

LONGEST: Final = parse_duration("3660d")
"""No window or half-life is longer than about ten years."""


@lru_cache(maxsize=1024)
def duration(text: str) -> Millis:
    """Read an option that is a length of time; it was checked when the workspace was."""
    return parse_duration(text)


def duration_option(options: Options, name: str, default: str) -> Millis:
    """Return an option that is a length of time, in milliseconds."""
    return duration(str(options.get(name, default)))


def check_options(
    computation: Computation,
    known: Collection[str],
    *,
    durations: Collection[str] = (),
    choices: Mapping[str, Collection[str]] | None = None,
) -> list[str]:
    """Return the problems of a definition's options: unknown names, bad durations and choices."""
    problems = []
    for name, value in computation.options.items():
        if name not in known:
            hint = did_you_mean(name, known) if known else "It takes none."
            problems.append(f"'{computation.kind}' has no option '{name}'. {hint}")
        elif name in durations:
            problems += _check_duration(name, value)
        elif choices and name in choices and value not in choices[name]:
            problems.append(
                f"Option '{name}' is '{value}'. Use one of: {', '.join(choices[name])}."
            )
    return problems


def _check_duration(name: str, value: object) -> list[str]:
    try:
        length = parse_duration(str(value))
    except BadInput as error:
        return [f"Option '{name}': {error}"]
    if not 60_000 <= length <= LONGEST:
        return [f"Option '{name}' is '{value}'. Use between 1m and 3660d."]
    return []


def check_property(computation: Computation, *, required: bool) -> list[str]:
    """Return the problems of a definition's property: missing, unneeded or misspelt."""
    path = computation.property
    if path is None:
        if required:
            return [f"'{computation.kind}' needs a property, such as 'category'."]
        return []
    if not path or len(path) > 200 or not all(path.split(".")):
        return [f"Property '{path}' is not a dotted path. Write 'category' or 'products.price'."]
    return []


def check_no_property(computation: Computation) -> list[str]:
    """Return a problem where a definition names a property that its kind would not read."""
    if computation.property is None:
        return []
    return [f"'{computation.kind}' reads no property. Remove '{computation.property}'."]


def check_limit(computation: Computation, name: str, least: int, most: int) -> list[str]:
    """Return the problem of a numeric option outside its bounds."""
    value = computation.options.get(name, least)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        return [f"Option '{name}' is '{value}'. Use a whole number from {least} to {most}."]
    return []
