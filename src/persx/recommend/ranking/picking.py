"""Picking: candidates take the places of a list, under caps, for diversity, and some by chance.

Places are filled from the first to the last. What is pinned has its place; any other place goes to
the best candidate that is left, or, with the probability of exploring, to another one that is
left, each with the same probability. So the probability of each item at its place, given those
above it, is known exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from persx.recommend.query import NOTHING, Codes, Floats
from persx.recommend.ranking.prepared import Prepared

SAME_CATEGORY: Final = 0.5
"""How alike two items are of one narrowest category; those of one widest category are half so."""

SAME_BRAND: Final = 0.5

EXTRA: Final = 1_000
"""The tier of what is there to be tried only."""

Draw = Callable[[int], float]
"""Gives a place's number from 0 up to 1, by which it is decided who gets it."""


class Picked(NamedTuple):
    """Who got a place.

    Attributes:
        row: In the field; `NOTHING` for what was pinned.
        item: Its code.
        propensity: Of this item at this place, given those above it.
        tried: It is not the best one: chance gave it the place.
    """

    row: int
    item: int
    propensity: float
    tried: bool


class Field:
    """The candidates that are left, in tiers: a tier has its turn when those before it are empty.

    Args:
        cap: How many items of one narrowest category get a place; any number where 0.
        diversity: From 0 (the best) to 1 (the most different).
    """

    def __init__(self, prepared: Prepared, cap: int, diversity: float) -> None:
        self._columns, self._tops = prepared.catalogue.columns, prepared.tops
        self._cap, self._diversity = cap, diversity
        self._counts: dict[int, int] = {}
        self._taken: list[int] = []
        self.items: Codes = np.empty(0, dtype=np.int32)
        self._values: Floats = np.empty(0, dtype=np.float32)
        self._tiers = np.empty(0, dtype=np.int16)
        self._left = np.empty(0, dtype=np.bool_)
        self._alike: Floats = np.empty(0, dtype=np.float32)

    def add(self, items: Codes, scores: Floats, tier: int) -> NDArray[np.intp]:
        """Add candidates; those that are there already stay, but what was extra joins the tier.

        Returns:
            The row of each.
        """
        rows = np.arange(len(self.items), len(self.items) + len(items))
        fresh = np.ones(len(items), dtype=np.bool_)
        if len(self.items):
            order = np.argsort(self.items)
            at = np.searchsorted(self.items, items, sorter=order).clip(max=len(order) - 1)
            known = order[at]
            fresh = self.items[known] != items
            rows = np.where(fresh, len(self.items) + np.cumsum(fresh) - 1, known)
        most = scores.max() if len(scores) else 0.0
        values = scores / most if most > 0 else scores
        again = rows[~fresh]
        joins = self._tiers[again] == EXTRA
        self._tiers[again[joins]] = tier
        self._values[again[joins]] = values[~fresh][joins]
        new = items[fresh]
        self.items = np.concatenate([self.items, new])
        self._values = np.concatenate([self._values, values[fresh]])
        self._tiers = np.concatenate([self._tiers, np.full(len(new), tier, dtype=np.int16)])
        self._left = np.concatenate([self._left, self._open(new)])
        if self._diversity:
            alike = np.zeros(len(new), dtype=np.float32)
            for code in self._taken:
                np.maximum(alike, self._likeness(new, code), out=alike)
            self._alike = np.concatenate([self._alike, alike])
        return rows

    def _open(self, items: Codes) -> NDArray[np.bool_]:
        """Tell which items neither have a place nor are of a category that has enough."""
        found = np.ones(len(items), dtype=np.bool_)
        if self._taken:
            found &= ~np.isin(items, self._taken)
        for category, count in self._counts.items():
            if self._cap and count >= self._cap:
                found &= self._columns.category[items] != category
        return found

    def take(self, item: int) -> None:
        """Give an item a place: it is no candidate any more, and counts in its category."""
        self._taken.append(item)
        self._left &= self.items != item
        category = int(self._columns.category[item])
        if self._cap and category != NOTHING:
            self._counts[category] = self._counts.get(category, 0) + 1
            if self._counts[category] >= self._cap:
                self._left &= self._columns.category[self.items] != category
        if self._diversity:
            np.maximum(self._alike, self._likeness(self.items, item), out=self._alike)

    def _likeness(self, items: Codes, item: int) -> Floats:
        columns, tops = self._columns, self._tops
        categories, category = columns.category[items], columns.category[item]
        found = np.zeros(len(items), dtype=np.float32)
        if category != NOTHING:
            found += (categories == category) * np.float32(SAME_CATEGORY / 2)
            found += (tops[categories] == tops[category]) * np.float32(SAME_CATEGORY / 2)
        if columns.brand[item] != NOTHING:
            found += (columns.brand[items] == columns.brand[item]) * np.float32(SAME_BRAND)
        return found

    def best(self) -> int:
        """Return the row of the candidate whose turn it is; `NOTHING` where none is left."""
        left = np.flatnonzero(self._left)
        if not len(left):
            return NOTHING
        tiers = self._tiers[left]
        least = tiers.min()
        if least == EXTRA:
            return NOTHING
        left = left[tiers == least]
        if not self._diversity:
            return int(left[np.argmax(self._values[left])])
        worth = (1 - self._diversity) * self._values[left] - self._diversity * self._alike[left]
        return int(left[np.argmax(worth)])

    def others(self, row: int) -> NDArray[np.intp]:
        """Return the rows of all candidates that are left but one."""
        left = np.flatnonzero(self._left)
        others: NDArray[np.intp] = left[left != row]
        return others


def pick(
    field: Field,
    count: int,
    pins: Mapping[int, int],
    more: Callable[[], bool],
    *,
    explore: float = 0.0,
    draw: Draw | None = None,
) -> list[Picked]:
    """Fill the places of a list.

    Args:
        pins: Place, counted from 1 → code of the item that is there whatever others are worth.
        more: Adds candidates of the next tier to the field; false where there is none.
        explore: The share of places that go to another candidate.
        draw: Gives the number by which a place is decided; none where nothing is tried.

    Returns:
        Who got each place. Fewer than `count` where there are no more; what is pinned moves up
        then.
    """
    for code in pins.values():
        field.take(code)
    found = []
    empty = False
    for place in range(1, count + 1):
        if place in pins:
            found.append(Picked(NOTHING, pins[place], 1.0, tried=False))
            continue
        row = NOTHING if empty else field.best()
        while row == NOTHING and not empty:
            empty = not more()
            row = field.best()
        if row == NOTHING:
            continue
        picked = _drawn(field, row, place, explore, draw)
        field.take(picked.item)
        found.append(picked)
    return found


def _drawn(field: Field, row: int, place: int, explore: float, draw: Draw | None) -> Picked:
    best = int(field.items[row])
    if draw is None or not explore > 0:
        return Picked(row, best, 1.0, tried=False)
    others = field.others(row)
    if not len(others):
        return Picked(row, best, 1.0, tried=False)
    number = draw(place)
    if number >= explore:
        return Picked(row, best, 1 - explore, tried=False)
    other = int(others[min(int(number / explore * len(others)), len(others) - 1)])
    return Picked(other, int(field.items[other]), explore / len(others), tried=True)
