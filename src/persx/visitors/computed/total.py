"""sum: the total of a numeric property, ever or within a sliding window."""

from __future__ import annotations

from typing import Final

from persx.model.attribute import Computation, State, Value, ValueType
from persx.model.clock import Millis
from persx.model.event import Event
from persx.visitors.computed import window
from persx.visitors.computed.options import Options, check_options, check_property
from persx.visitors.computed.properties import as_number, property_values

UNIT: Final = 1_000_000
"""Amounts are kept as whole millionths: a sum of floats would depend on the order."""

LARGEST: Final = 10**12
"""Greater amounts, or less than the negative of it, are mistakes and do not count."""

_EXACT: Final = 2**53


class Sum:
    """Total of a property (of each value, where it is a list). Option ``within: 30d``.

    State: the total in millionths (as text where a JSON reader might round it), or with a
    window the total in each time bucket. Lateness horizon: none without a window, the window
    with one.
    """

    name = "sum"
    description = "Total of a numeric property, ever or within a window. Options: within."

    def value_type(self, options: Options) -> ValueType | None:
        return ValueType.NUMBER

    def check(self, computation: Computation) -> list[str]:
        return [
            *check_property(computation, required=True),
            *check_options(computation, ["within"], durations=["within"]),
        ]

    def zero(self) -> State:
        return None

    def add(self, state: State, event: Event, computation: Computation) -> State:
        amount = _amount(event, computation.property or "")
        if amount is None:
            return state
        within = computation.options.get("within")
        if within is None:
            return _packed(int(state or 0) + amount)
        key = str(event.timestamp // window.bucket_size(str(within)))
        state = {} if state is None else state
        if key in state:
            state[key] = _packed(int(state[key]) + amount)
            return state
        state[key] = _packed(amount)
        return window.without_old(state, str(within))

    def merge(self, left: State, right: State, computation: Computation) -> State:
        if left is None or right is None:
            return right if left is None else left
        within = computation.options.get("within")
        if within is None:
            return _packed(int(left) + int(right))
        merged = window.merge_buckets(_unpacked(left), _unpacked(right), str(within))
        return {key: _packed(amount) for key, amount in merged.items()}

    def value(self, state: State, now: Millis, computation: Computation) -> Value:
        if state is None:
            return 0
        within = computation.options.get("within")
        if within is None:
            return _number(int(state))
        return _number(window.window_sum(_unpacked(state), now, str(within)))

    def changed(self, state: State, computation: Computation) -> Millis | None:
        if isinstance(state, dict):
            return window.newest_bucket(state, str(computation.options["within"]))
        return None


def _amount(event: Event, path: str) -> int | None:
    numbers = [as_number(value) for value in property_values(event, path)]
    amounts = [round(n * UNIT) for n in numbers if n is not None and -LARGEST <= n <= LARGEST]
    return sum(amounts) if amounts else None


def _packed(amount: int) -> int | str:
    return amount if -_EXACT < amount < _EXACT else str(amount)


def _unpacked(state: dict[str, int | str]) -> dict[str, int]:
    return {key: int(amount) for key, amount in state.items()}


def _number(millionths: int) -> int | float:
    whole, rest = divmod(millionths, UNIT)
    return whole if rest == 0 else millionths / UNIT
