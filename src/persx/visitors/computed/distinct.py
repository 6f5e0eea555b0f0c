"""distinct: the different values of a property, newest first, or how many there are."""

from __future__ import annotations

from typing import Final

from persx.model.attribute import Computation, State, Value, ValueType
from persx.model.clock import Millis
from persx.model.event import Event
from persx.visitors.computed.options import (
    Options,
    check_limit,
    check_options,
    check_property,
    duration_option,
)
from persx.visitors.computed.properties import as_name, property_values

DEFAULT_LIMIT: Final = 100
LARGEST_LIMIT: Final = 1_000


class Distinct:
    """Different values of a property.

    Options: ``value: values`` (the list, newest first; the default) or ``count``;
    ``limit: 100``, the most values that are kept (a count of 100 then means "100 or more");
    ``within: 30d`` leaves out values that did not come again within that time.

    State: value → timestamp of its newest event, for the `limit` values with the newest ones.
    A value that is dropped from a part was beaten there by `limit` newer ones, which beat it
    in the whole too: so the cap keeps the state independent of the order. Lateness horizon:
    none.
    """

    name = "distinct"
    description = (
        "The different values of a property, or how many. Options: value (values, count), "
        "limit, within."
    )

    def value_type(self, options: Options) -> ValueType | None:
        return ValueType.NUMBER if options.get("value") == "count" else ValueType.STRINGS

    def check(self, computation: Computation) -> list[str]:
        return [
            *check_property(computation, required=True),
            *check_options(
                computation,
                ["value", "limit", "within"],
                durations=["within"],
                choices={"value": ["values", "count"]},
            ),
            *check_limit(computation, "limit", 1, LARGEST_LIMIT),
        ]

    def zero(self) -> State:
        return None

    def add(self, state: State, event: Event, computation: Computation) -> State:
        at = event.timestamp
        values = property_values(event, computation.property or "")
        for name in map(as_name, values):
            if name is not None:
                state = {} if state is None else state
                state[name] = max(at, state.get(name, at))
        return _capped(state, computation) if state else state

    def merge(self, left: State, right: State, computation: Computation) -> State:
        if left is None or right is None:
            return right if left is None else left
        merged = dict(left)
        for name, at in right.items():
            merged[name] = max(at, merged.get(name, at))
        return _capped(merged, computation)

    def value(self, state: State, now: Millis, computation: Computation) -> Value:
        names = sorted(state or {}, key=lambda name: (-state[name], name))
        if "within" in computation.options:
            start = now - duration_option(computation.options, "within", "30d")
            names = [name for name in names if state[name] > start]
        return len(names) if computation.options.get("value") == "count" else names

    def changed(self, state: State, computation: Computation) -> Millis | None:
        return max(state.values()) if state else None


def _capped(state: dict[str, int], computation: Computation) -> dict[str, int]:
    limit = int(computation.options.get("limit", DEFAULT_LIMIT))
    if len(state) <= limit:
        return state
    newest = sorted(state.items(), key=lambda item: (-item[1], item[0]))[:limit]
    return dict(newest)
