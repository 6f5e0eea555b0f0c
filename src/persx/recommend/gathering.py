"""Gathering: touches as a log has them, in any order, become interactions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from persx.model.clock import MINUTE
from persx.model.item import Item
from persx.recommend.interactions import Codes, Interactions

SESSION_GAP: Final = 30 * MINUTE
"""Who does nothing for longer begins another session."""

SAME: Final = MINUTE
"""The same of the same item within this time is one touch: a reload, or a page view and the
``Product Viewed`` of that page."""

MOST_OF_ONE: Final = 2_000
"""Of one visitor the newest so many touches count, so that nobody rules over the others."""

BYTES_A_TOUCH: Final = 110
"""Bytes that gathering takes at most for each touch: its columns, their order, and copies."""

_QUARTER: Final = 15 * MINUTE


class Touches(NamedTuple):
    """What a log says, in any order; n rows.

    Attributes:
        units: (n,) uint64, a number for each visitor.
        keys: (n,) uint64, a number for each item's id or page's path.
        times: (n,) int64, epoch milliseconds.
        actions: (n,) uint8, places in `ACTIONS`.
        devices: (n,) int16, places in `DEVICES`; −1 where nobody knows.
    """

    units: NDArray[np.uint64]
    keys: NDArray[np.uint64]
    times: NDArray[np.int64]
    actions: NDArray[np.uint8]
    devices: NDArray[np.int16]


def interactions_of(
    touches: Touches,
    names: Mapping[int, str],
    catalogue: Mapping[str, Item],
    *,
    zone: str = "UTC",
    most: int = MOST_OF_ONE,
) -> Interactions:
    """Return interactions, ordered, each once, with sessions and contexts.

    Items that the catalogue lacks are among them: they tell of others, and are never shown.

    Args:
        names: Number of a key → the item's id; what is not among them is left out.
        catalogue: All items by id.
        zone: IANA zone of the hours.
        most: Touches of one visitor that count, the newest.
    """
    known, inverse = np.unique(touches.keys, return_inverse=True)
    ids = sorted({*(names[int(key)] for key in known if int(key) in names), *catalogue})
    places = {id: code for code, id in enumerate(ids)}
    code_of = np.array([places.get(names.get(int(key), ""), -1) for key in known], dtype=np.int32)
    items = code_of[inverse] if len(known) else np.empty(0, dtype=np.int32)
    del inverse
    # Whose number is smaller says nothing, so that the order of users is arbitrary and the same.
    order = np.lexsort((touches.actions, items, touches.times, touches.units))
    order = order[items[order] >= 0]
    order = order[_first(touches, items, order)]
    order = order[_newest(touches.units[order], most)]
    times = touches.times[order]
    units, visitors = np.unique(touches.units[order], return_inverse=True)
    users: Codes = visitors.astype(np.int32)
    fresh = np.ones(len(order), dtype=np.bool_)
    fresh[1:] = (np.diff(users) != 0) | (np.diff(times) > SESSION_GAP)
    return Interactions(
        users=users,
        items=items[order],
        times=times,
        sessions=(np.cumsum(fresh) - 1).astype(np.int32),
        actions=touches.actions[order],
        ids=ids,
        user_count=int(users[-1]) + 1 if len(users) else 0,
        catalogue=catalogue,
        contexts={"hour": hours(times, zone), "device": touches.devices[order]},
        units=units,
    )


def _first(
    touches: Touches, items: NDArray[np.int32], order: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Tell of each place in an order whether it is no repetition of one shortly before."""
    units, at = touches.units[order], touches.times[order]
    what, action = items[order], touches.actions[order]
    alike = np.lexsort((at, action, what, units))
    again = np.zeros(len(order), dtype=np.bool_)
    if len(order):
        same = np.ones(len(order) - 1, dtype=np.bool_)
        for column in (units, what, action):
            same &= column[alike][1:] == column[alike][:-1]
        again[alike[1:]] = same & (np.diff(at[alike]) <= SAME)
    return ~again


def _newest(units: NDArray[np.uint64], most: int) -> NDArray[np.bool_]:
    """Tell of rows that are ordered by visitor whether they are among the last of theirs."""
    if not len(units):
        return np.zeros(0, dtype=np.bool_)
    starts = np.flatnonzero(np.r_[True, units[1:] != units[:-1]])
    counts = np.diff(np.r_[starts, len(units)])
    after = np.repeat(starts + counts, counts) - np.arange(len(units))
    return after <= most


def hours(times: NDArray[np.int64], zone: str) -> NDArray[np.int16]:
    """Return the hour of the day of each moment, as the clocks of a zone show it.

    >>> hours(np.array([0, 1_752_580_800_000]), "Europe/Vienna").tolist()
    [1, 14]
    """
    place = ZoneInfo(zone)
    # No zone is off by less than a quarter of an hour.
    quarters, inverse = np.unique(times // _QUARTER, return_inverse=True)
    found = [
        datetime.fromtimestamp(int(each) * _QUARTER / 1000, UTC).astimezone(place).hour
        for each in quarters
    ]
    return np.array(found, dtype=np.int16)[inverse] if len(times) else np.empty(0, np.int16)
