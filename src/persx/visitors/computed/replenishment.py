"""replenishment: how often a visitor buys of one category, and when they will need it again."""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import Any, Final

from persx.model.attribute import Computation, State, Value, ValueType
from persx.model.clock import DAY, Millis
from persx.model.event import Event
from persx.visitors.computed.options import (
    Options,
    check_options,
    check_property,
    duration_option,
)
from persx.visitors.computed.properties import as_name, property_values

MOST_PURCHASES: Final = 500
"""Days of a purchase that are kept over all categories, the newest."""

VALUES: Final = ("due", "interval", "due_at", "days_left")


class Replenishment:
    """Days between purchases of one category: the median of the gaps between days of purchase.

    Options: ``of: Running Shoes`` gives one category's ``value``: ``interval`` in days (the
    default), ``due_at`` (when the next is due) or ``days_left`` until then, negative once it is
    overdue. Without ``of`` the value is ``due``: the categories that are due now, the most overdue
    first. ``usual: 180d`` stands for the interval of what was bought on one day only, which is
    unknown otherwise; ``within: 730d`` leaves out older purchases. Days are those of UTC.

    State: category → its days of purchase, each once; over all categories the `MOST_PURCHASES`
    newest pairs of day and category. A pair that is dropped from a part was beaten there by so
    many newer ones, which beat it in the whole too: so the cap keeps the state independent of the
    order. Lateness horizon: none, for as long as the pairs fit.
    """

    name = "replenishment"
    description = (
        "Days between purchases of a category, when the next is due, or which are due. "
        "Options: of, value (due, interval, due_at, days_left), usual, within."
    )

    def value_type(self, options: Options) -> ValueType | None:
        if "of" not in options:
            return ValueType.STRINGS
        return ValueType.TIME if options.get("value") == "due_at" else ValueType.NUMBER

    def check(self, computation: Computation) -> list[str]:
        options = computation.options
        problems = [
            *check_property(computation, required=True),
            *check_options(
                computation,
                ["of", "value", "usual", "within"],
                durations=["usual", "within"],
                choices={"value": VALUES},
            ),
        ]
        wanted = options.get("value")
        if wanted is not None and (wanted == "due") == ("of" in options):
            problems.append(
                "The value 'due' lists categories: remove 'of'."
                if wanted == "due"
                else f"The value '{wanted}' is one category's: write of: and which."
            )
        return problems

    def zero(self) -> State:
        return None

    def add(self, state: State, event: Event, computation: Computation) -> State:
        day = event.timestamp // DAY
        of = computation.options.get("of")
        grown = False
        for value in property_values(event, computation.property or ""):
            name = as_name(value)
            if name is None or (of is not None and name != of):
                continue
            state = {} if state is None else state
            days = state.setdefault(name, [])
            if day not in days:
                days.append(day)
                if len(days) > 1 and day < days[-2]:
                    days.sort()
                grown = True
        return _capped(state) if grown else state

    def merge(self, left: State, right: State, computation: Computation) -> State:
        if left is None or right is None:
            return right if left is None else left
        merged = dict(left)
        for name, days in right.items():
            merged[name] = sorted({*days, *merged[name]}) if name in merged else days
        return _capped(merged)

    def value(self, state: State, now: Millis, computation: Computation) -> Value:
        options = computation.options
        today = now // DAY
        oldest = today - duration_option(options, "within", "3660d") // DAY
        usual = duration_option(options, "usual", "1d") / DAY if "usual" in options else None
        if "of" in options:
            days = (state or {}).get(str(options["of"]), ())
            last, interval = _interval([day for day in days if day >= oldest], usual)
            if interval is None:
                return None
            match options.get("value", "interval"):
                case "due_at":
                    return int((last + interval) * DAY)
                case "days_left":
                    return _plain(last + interval - today)
            return _plain(interval)
        found = []
        for name, days in (state or {}).items():
            last, interval = _interval([day for day in days if day >= oldest], usual)
            if interval is not None and last + interval <= today:
                found.append((last + interval, name))
        return [name for _, name in sorted(found)]

    def changed(self, state: State, computation: Computation) -> Millis | None:
        return (max(days[-1] for days in state.values()) + 1) * DAY if state else None


def _interval(days: list[int], usual: float | None) -> tuple[int, float | None]:
    """Return the last of some days in order, and the median gap between them."""
    if len(days) < 2:
        return (days[-1], usual) if days else (0, None)
    return days[-1], median(later - day for day, later in pairwise(days))


def _capped(state: dict[str, list[int]]) -> State:
    if sum(map(len, state.values())) <= MOST_PURCHASES:
        return state
    pairs = sorted((day, name) for name, days in state.items() for day in days)
    kept: dict[str, list[Any]] = {}
    for day, name in pairs[-MOST_PURCHASES:]:
        kept.setdefault(name, []).append(day)
    return kept


def _plain(number: float) -> int | float:
    return int(number) if number == int(number) else number
