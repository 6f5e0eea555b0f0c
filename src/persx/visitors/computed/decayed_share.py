"""decayed_share: which values of a property a visitor prefers now, older events counting less."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

from persx.model.attribute import Computation, State, Value, ValueType
from persx.model.clock import Millis
from persx.model.event import Event
from persx.visitors.computed.options import (
    Options,
    check_options,
    check_property,
    duration_option,
)
from persx.visitors.computed.properties import as_name, property_values

UNIT: Final = 1 << 20
"""A weight at the start of a half-life; within it weights grow to twice that."""

HALF_LIVES: Final = 20
"""Events this many half-lives older than the newest weigh less than a millionth: dropped."""

MOST_VALUES: Final = 200


class DecayedShare:
    """Share of each value of a property, where an event's weight halves every `half_life`.

    Options: ``half_life: 30d`` (required); ``of: Running`` gives that value's share, a number
    from 0 to 1; otherwise ``value: top`` (the default) gives the value with the greatest share
    and ``value: ranked`` the values in order, without those below ``at_least: 0.1``.

    Shares do not change as time passes without events, because all weights shrink alike. So a
    weight can be counted from a fixed epoch: an event at t weighs 2^(t / half_life), which is
    2^e · m with e = ⌊t / half_life⌋ and 1 ≤ m < 2. The state keeps, for each value and each e,
    the sum of the m as whole numbers of 2⁻²⁰: exact integers, which add up alike in any order.
    What is `HALF_LIVES` older than the newest is dropped (it would be dropped in any order,
    as the newest only moves forward), but a value's name stays. At most `MOST_VALUES` names are
    kept: those whose checksums are least, a choice that no order can change; shares are then
    shares of a sample. Lateness horizon: `HALF_LIVES` half-lives.
    """

    name = "decayed_share"
    description = (
        "The value of a property with the greatest share, older events counting less. "
        "Options: half_life, of, value (top, ranked), at_least."
    )

    def value_type(self, options: Options) -> ValueType | None:
        if "of" in options:
            return ValueType.NUMBER
        return ValueType.STRINGS if options.get("value") == "ranked" else ValueType.STRING

    def check(self, computation: Computation) -> list[str]:
        options = computation.options
        problems = [
            *check_property(computation, required=True),
            *check_options(
                computation,
                ["half_life", "of", "value", "at_least"],
                durations=["half_life"],
                choices={"value": ["top", "ranked"]},
            ),
        ]
        if "half_life" not in options:
            problems.append("'decayed_share' needs the option 'half_life', such as 30d.")
        least = options.get("at_least", 0)
        if isinstance(least, bool | str) or not 0 <= least <= 1:
            problems.append(f"Option 'at_least' is '{least}'. Use a number from 0 to 1.")
        return problems

    def zero(self) -> State:
        return None

    def add(self, state: State, event: Event, computation: Computation) -> State:
        names = [as_name(value) for value in property_values(event, computation.property or "")]
        if not any(names):
            return state
        half_life = duration_option(computation.options, "half_life", "30d")
        exponent, rest = divmod(event.timestamp, half_life)
        weight = round(UNIT * 2.0 ** (rest / half_life))
        if state is None:
            state = {"newest": exponent, "weights": {}}
        weights = state["weights"]
        key = str(exponent)
        grown = exponent > state["newest"] or exponent <= state["newest"] - HALF_LIVES
        for name in names:
            if name is not None:
                kept = weights.get(name)
                if kept is None:
                    kept = weights[name] = {}
                    grown = grown or len(weights) > MOST_VALUES
                kept[key] = kept.get(key, 0) + weight
        return _bounded(max(exponent, state["newest"]), weights) if grown else state

    def merge(self, left: State, right: State, computation: Computation) -> State:
        if left is None or right is None:
            return right if left is None else left
        merged = dict(left["weights"])
        for name, kept in right["weights"].items():
            into = merged.get(name)
            if into is None:
                merged[name] = kept
                continue
            merged[name] = into = dict(into)
            for key, weight in kept.items():
                into[key] = into.get(key, 0) + weight
        newest = left["newest"]
        if newest == right["newest"] and len(merged) <= MOST_VALUES:
            return {"newest": newest, "weights": merged}
        return _bounded(max(newest, right["newest"]), merged)

    def value(self, state: State, now: Millis, computation: Computation) -> Value:
        if state is None:
            return None
        options = computation.options
        shares = _shares(state["weights"])
        if "of" in options:
            return shares.get(str(options["of"]), 0.0)
        ranked = sorted(shares, key=lambda name: (-shares[name], name))
        least = float(options.get("at_least", 0.0))
        if options.get("value") == "ranked":
            return [name for name in ranked if shares[name] >= least]
        return ranked[0] if ranked and shares[ranked[0]] >= least else None

    def changed(self, state: State, computation: Computation) -> Millis | None:
        if state is None:
            return None
        return int((state["newest"] + 1) * duration_option(computation.options, "half_life", "30d"))


def _bounded(newest: int, weights: dict[str, dict[str, int]]) -> State:
    """Return the state without old weights and without the names that are too many.

    Both bounds hold in every order. Names without weights count too, and `newest` is that of
    dropped names too: were they forgotten, what they displaced in one part could have stayed
    in another.
    """
    names: Iterable[str] = weights
    if len(weights) > MOST_VALUES:
        names = sorted(weights, key=lambda name: (zlib.crc32(name.encode()), name))[:MOST_VALUES]
    oldest = newest - HALF_LIVES
    kept = {
        name: {key: weight for key, weight in weights[name].items() if int(key) > oldest}
        for name in names
    }
    return {"newest": newest, "weights": kept}


def _shares(weights: dict[str, dict[str, int]]) -> dict[str, float]:
    least = min((int(key) for kept in weights.values() for key in kept), default=0)
    totals = {
        name: sum(weight << (int(key) - least) for key, weight in kept.items())
        for name, kept in weights.items()
        if kept
    }
    whole = sum(totals.values())
    return {name: total / whole for name, total in totals.items()}
