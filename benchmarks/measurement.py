"""What a benchmark hands back, and how two things are timed fairly beside each other."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec


class Measurement(msgspec.Struct, frozen=True):
    """One figure that a benchmark measured.

    Attributes:
        name: What was measured; where a budget is kept for it, exactly the budget's name
            (`benchmarks/budgets.py`).
        value: The figure, in `unit`.
        unit: Such as `µs`, `ms`, `s`, `MB`, `events/s`, `requests/s`, `×`.
        peer: What it was measured against, in the same run; None where there is no peer.
        ratio: How this compares with the peer; the budget's sense says which way round
            (`times faster`, `share of the peer's throughput`, `times the peer's time`).
        note: Sizes and circumstances a reader needs in order to believe the figure.
    """

    name: str
    value: float
    unit: str
    peer: str | None = None
    ratio: float | None = None
    note: str = ""


class Interleaved(NamedTuple):
    """The timings of two callables that took turns.

    Attributes:
        a: Median seconds of one call of the first.
        b: Median seconds of one call of the second.
        ratio: Median over the rounds of (seconds of the first ÷ seconds of the second). Being
            taken within a round, it hardly feels a machine that is busy for a while.
    """

    a: float
    b: float
    ratio: float


def interleaved(
    a: Callable[[], object],
    b: Callable[[], object],
    rounds: int = 21,
    *,
    calls: int = 1,
) -> Interleaved:
    """Time two callables in turns (a b, b a, a b, …), so that both see the same machine.

    Args:
        a: The first, ours as a rule.
        b: The second, the peer.
        rounds: How many turns; each yields one timing of either.
        calls: How many calls make up one timing. Take enough for a millisecond.

    Returns:
        Medians per call, in seconds, and the median of the ratios.
    """
    if rounds < 1 or calls < 1:
        raise ValueError(f"rounds and calls must be 1 or more, not {rounds} and {calls}")
    time_calls(a, calls)
    time_calls(b, calls)
    of_a: list[float] = []
    of_b: list[float] = []
    for turn in range(rounds):
        if turn % 2:
            second = time_calls(b, calls)
            first = time_calls(a, calls)
        else:
            first = time_calls(a, calls)
            second = time_calls(b, calls)
        of_a.append(first)
        of_b.append(second)
    ratio = statistics.median(x / y for x, y in zip(of_a, of_b, strict=True))
    return Interleaved(statistics.median(of_a), statistics.median(of_b), ratio)


def time_calls(work: Callable[[], object], calls: int = 1) -> float:
    """Seconds per call of `work`, called `calls` times with the garbage collector at rest."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        begun = time.perf_counter()
        for _ in range(calls):
            work()
        return (time.perf_counter() - begun) / calls
    finally:
        if was_enabled:
            gc.enable()


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, by the nearest rank."""
    if not values:
        raise ValueError("no values to take a percentile of")
    ordered = sorted(values)
    # Rounding first: 0.07 × 100 is a hair more than 7.
    return ordered[max(0, math.ceil(round(share * len(ordered), 9)) - 1)]
