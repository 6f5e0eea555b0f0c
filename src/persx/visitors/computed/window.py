"""Sliding windows: amounts in time buckets, whose size follows from the window's length.

A window of length W is kept in buckets of the largest of 1m, 5m, 15m, 1h, 6h, 1d, 7d and 30d
of which at least 24 fit into W (of 1m where none does). The value counts the bucket in which
the window begins in full, so it reaches back less than one bucket too far: at most 1/24 of W.

Buckets that lie more than W before the newest one are dropped. They would be dropped whenever
the parts are merged, because the newest bucket only moves forward: so the state stays exactly
the same in any order. Lateness horizon: the window itself. An event that comes late but within
the window of the newest one counts fully; an older one is not in the window anyway.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, TypeVar

from persx.model.clock import DAY, HOUR, MINUTE, Millis
from persx.visitors.computed.options import duration

Buckets = dict[str, int]
"""Bucket number (as text, for JSON) → exact amount."""

_SIZES: Final = (30 * DAY, 7 * DAY, DAY, 6 * HOUR, HOUR, 15 * MINUTE, 5 * MINUTE, MINUTE)


@lru_cache(maxsize=1024)
def bucket_size(within: str) -> Millis:
    """Return the size of the buckets of a window.

    >>> bucket_size("30d") == DAY
    True
    """
    length = duration(within)
    return next((size for size in _SIZES if length >= 24 * size), MINUTE)


@lru_cache(maxsize=1024)
def buckets_kept(within: str) -> int:
    """Return how many of the newest buckets a window may need."""
    return duration(within) // bucket_size(within) + 2


def add_to_bucket(state: Buckets, at: Millis, amount: int, within: str) -> Buckets:
    """Add an amount at a time, in place."""
    key = str(at // bucket_size(within))
    if key in state:
        state[key] += amount
        return state
    state[key] = amount
    return without_old(state, within)


def merge_buckets(left: Buckets, right: Buckets, within: str) -> Buckets:
    """Return the sum of both, without what no window can reach any more."""
    merged = dict(left)
    for key, amount in right.items():
        merged[key] = merged.get(key, 0) + amount
    return merged if len(merged) == len(left) else without_old(merged, within)


def window_sum(state: Buckets, now: Millis, within: str) -> int:
    """Return the amount in the window that ends at `now`."""
    size = bucket_size(within)
    first = (now - duration(within)) // size
    last = now // size
    return sum(amount for key, amount in state.items() if first <= int(key) <= last)


def newest_bucket(state: Buckets, within: str) -> Millis | None:
    """Return when the newest bucket ends."""
    return (max(map(int, state)) + 1) * bucket_size(within) if state else None


Amount = TypeVar("Amount")


def without_old(state: dict[str, Amount], within: str) -> dict[str, Amount]:
    """Return the buckets that a window ending at the newest one or later can reach."""
    if len(state) < 2:
        return state
    numbers = [int(key) for key in state]
    oldest = max(numbers) - buckets_kept(within)
    if min(numbers) > oldest:
        return state
    return {key: amount for key, amount in state.items() if int(key) > oldest}
