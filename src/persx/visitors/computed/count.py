"""count: how many events, ever or within a sliding window."""

from __future__ import annotations

from persx.model.attribute import Computation, State, Value, ValueType
from persx.model.clock import Millis
from persx.model.event import Event
from persx.visitors.computed import window
from persx.visitors.computed.options import Options, check_no_property, check_options


class Count:
    """Number of events. Option ``within: 30d`` counts those of a sliding window (see `window`).

    State: the number, or with a window the number in each time bucket, as an object.
    Lateness horizon: none without a window, the window with one.
    """

    name = "count"
    description = "How many events, ever or within a window. Options: within."

    def value_type(self, options: Options) -> ValueType | None:
        return ValueType.NUMBER

    def check(self, computation: Computation) -> list[str]:
        return [
            *check_no_property(computation),
            *check_options(computation, ["within"], durations=["within"]),
        ]

    def zero(self) -> State:
        return None

    def add(self, state: State, event: Event, computation: Computation) -> State:
        within = computation.options.get("within")
        if within is None:
            return (state or 0) + 1
        return window.add_to_bucket(state or {}, event.timestamp, 1, str(within))

    def merge(self, left: State, right: State, computation: Computation) -> State:
        if not left or not right:
            return left or right
        within = computation.options.get("within")
        if within is None:
            return left + right
        return window.merge_buckets(left, right, str(within))

    def value(self, state: State, now: Millis, computation: Computation) -> Value:
        if not state:
            return 0
        within = computation.options.get("within")
        if within is None:
            return int(state)
        return window.window_sum(state, now, str(within))

    def changed(self, state: State, computation: Computation) -> Millis | None:
        if isinstance(state, dict):
            return window.newest_bucket(state, str(computation.options["within"]))
        return None
