"""last: the newest value of a property, or the time of the newest event."""

from __future__ import annotations

from typing import Any

import msgspec

from persx.model.attribute import Computation, State, Value, ValueType
from persx.model.clock import Millis
from persx.model.event import Event
from persx.visitors.computed.options import Options, check_options, check_property
from persx.visitors.computed.properties import LONGEST_TEXT, property_values


class Last:
    """Value of a property in the newest event that has it; without a property, its time.

    State: ``[timestamp, message id, value]`` of the newest event, ties broken by message id,
    then by value. Lateness horizon: none.
    """

    name = "last"
    description = "The newest value of a property; without one, the time of the newest event."

    def value_type(self, options: Options) -> ValueType | None:
        return None

    def check(self, computation: Computation) -> list[str]:
        return [*check_property(computation, required=False), *check_options(computation, [])]

    def zero(self) -> State:
        return None

    def add(self, state: State, event: Event, computation: Computation) -> State:
        if state is not None and state[0] > event.timestamp:
            return state
        value = _kept(event, computation.property)
        if value is None:
            return state
        return self.merge(state, [event.timestamp, event.message_id, value], computation)

    def merge(self, left: State, right: State, computation: Computation) -> State:
        if left is None or right is None:
            return right if left is None else left
        if left[:2] != right[:2]:
            return left if left[:2] > right[:2] else right
        return max(left, right, key=lambda state: msgspec.json.encode(state[2]))

    def value(self, state: State, now: Millis, computation: Computation) -> Value:
        return None if state is None else state[2]

    def changed(self, state: State, computation: Computation) -> Millis | None:
        return None if state is None else state[0]


def _kept(event: Event, path: str | None) -> Any:
    if path is None:
        return event.timestamp
    found = property_values(event, path)
    if len(found) == 1:
        return found[0] if _fits(found[0]) else None
    values = [value for value in found if _fits(value)]
    if not values:
        return None
    return values[0] if len(values) == 1 else [v for v in values if isinstance(v, str)] or values[0]


def _fits(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT
    return isinstance(value, bool) or (
        isinstance(value, int | float) and -(2**53) <= value <= 2**53
    )
