"""days_since_last: whole days since the newest event."""

from __future__ import annotations

from persx.model.attribute import Computation, State, Value, ValueType
from persx.model.clock import DAY, Millis
from persx.model.event import Event
from persx.visitors.computed.options import Options, check_no_property, check_options


class DaysSinceLast:
    """Whole days (24 hours) since the newest event; unknown where there was none.

    State: the newest timestamp. Lateness horizon: none.
    """

    name = "days_since_last"
    description = "Whole days since the newest event."

    def value_type(self, options: Options) -> ValueType | None:
        return ValueType.NUMBER

    def check(self, computation: Computation) -> list[str]:
        return [*check_no_property(computation), *check_options(computation, [])]

    def zero(self) -> State:
        return None

    def add(self, state: State, event: Event, computation: Computation) -> State:
        return event.timestamp if state is None or event.timestamp > state else state

    def merge(self, left: State, right: State, computation: Computation) -> State:
        if left is None or right is None:
            return right if left is None else left
        return max(left, right)

    def value(self, state: State, now: Millis, computation: Computation) -> Value:
        return None if state is None else int(max(0, now - state) // DAY)

    def changed(self, state: State, computation: Computation) -> Millis | None:
        return None if state is None else int(state)
