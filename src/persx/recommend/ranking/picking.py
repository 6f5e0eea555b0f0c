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
from persx.recommend.ranking.likeness import Likeness, likeness_among
from persx.recommend.ranking.prepared import Prepared

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
        self._prepared = prepared
        self._cap, self._diversity = cap, np.float32(diversity)
        self._counts: dict[int, int] = {}
        self._taken: list[int] = []
        self.items: Codes = np.empty(0, dtype=np.int32)
        self._worth: Floats = np.empty(0, dtype=np.float32)
        self._left = np.empty(0, dtype=np.bool_)
        self._open = self._worth  # What each is worth, as long as it is left.
        self._categories = self.items
        self._alike: Likeness | None = None

    def add(self, items: Codes, scores: Floats, tier: int) -> NDArray[np.intp]:
        """Add candidates; those that are there already stay, but what was extra joins the tier.

        Returns:
            The row of each.
        """
        most = scores.max() if len(scores) else 0.0
        worth = scores / most if most > 0 else scores
        worth = (1 - self._diversity) * worth - np.float32(_STEP * min(tier, _LAST))
        if tier == EXTRA:
            worth = np.full(len(items), -np.inf, dtype=np.float32)
        if not len(self.items):
            self.items, self._worth = items, worth
            self._set(items)
            return np.arange(len(items))
        rows, fresh = self._rows(items)
        again = rows[~fresh]
        joins = np.isneginf(self._worth[again])
        self._worth[again[joins]] = worth[~fresh][joins]
        self.items = np.concatenate([self.items, items[fresh]])
        self._worth = np.concatenate([self._worth, worth[fresh]])
        self._set(self.items)
        return rows

    def _rows(self, items: Codes) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return where items are or will be, and which of them are new."""
        order = np.argsort(self.items)
        at = np.searchsorted(self.items, items, sorter=order).clip(max=len(order) - 1)
        known = order[at]
        fresh = self.items[known] != items
        return np.where(fresh, len(self.items) + np.cumsum(fresh) - 1, known), fresh

    def _set(self, items: Codes) -> None:
        """Find out anew which rows are left, and what they are like."""
        self._categories = self._prepared.catalogue.columns.category[items]
        self._left = np.ones(len(items), dtype=np.bool_)
        if self._taken:
            self._left &= ~np.isin(items, self._taken)
        for category, count in self._counts.items():
            if count >= self._cap:
                self._left &= self._categories != category
        self._open = np.where(self._left, self._worth, np.float32(-np.inf))
        # Found out once somebody asks: more may be added before.
        self._alike = None

    def take(self, item: int, row: int = NOTHING) -> None:
        """Give an item a place: it is no candidate any more, and counts in its category.

        Args:
            row: Where it is, if that is known.
        """
        self._taken.append(item)
        if row != NOTHING:
            self._close(row)
        elif len(self.items):
            self._close(self.items == item)
        if self._cap:
            category = int(self._prepared.catalogue.columns.category[item])
            if category != NOTHING:
                count = self._counts[category] = self._counts.get(category, 0) + 1
                if count >= self._cap:
                    self._close(self._categories == category)
        if self._alike is not None:
            self._alike.take(item)

    def _close(self, rows: int | NDArray[np.bool_]) -> None:
        self._left[rows] = False
        self._open[rows] = -np.inf

    def best(self) -> int:
        """Return the row of the candidate whose turn it is; `NOTHING` where none is left."""
        if not len(self.items):
            return NOTHING
        worth = self._open
        if self._diversity:
            worth = worth - self._diversity * self._likeness().most
        row = int(worth.argmax())
        return row if worth[row] > -np.inf else NOTHING

    def _likeness(self) -> Likeness:
        if self._alike is None:
            self._alike = likeness_among(self._prepared, self.items)
            for code in self._taken:
                self._alike.take(code)
        return self._alike

    def others(self, row: int) -> NDArray[np.intp]:
        """Return the rows of all candidates that are left but one."""
        left = self._left.nonzero()[0]
        others: NDArray[np.intp] = left[left != row]
        return others

    @property
    def count(self) -> int:
        """How many candidates are left."""
        return int(np.count_nonzero(self._left))


_LAST: Final = 999
_STEP: Final = 4.0
"""What lies between two tiers; what a candidate is worth lies between −1 and 1."""


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
        field.take(picked.item, picked.row)
        found.append(picked)
    return found


def _drawn(field: Field, row: int, place: int, explore: float, draw: Draw | None) -> Picked:
    best = int(field.items[row])
    if draw is None or not explore > 0:
        return Picked(row, best, 1.0, tried=False)
    if field.count < 2:
        return Picked(row, best, 1.0, tried=False)
    number = draw(place)
    if number >= explore:
        return Picked(row, best, 1 - explore, tried=False)
    others = field.others(row)
    other = int(others[min(int(number / explore * len(others)), len(others) - 1)])
    return Picked(other, int(field.items[other]), explore / len(others), tried=True)
