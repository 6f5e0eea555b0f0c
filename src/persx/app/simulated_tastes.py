"""Simulated tastes: which items of a catalogue somebody looks at, clicks on and buys.

Pure. Tastes are drawn from the seed and the person's number alone. They decide which items somebody
wants, never whether they convert: what personal content is worth stays what it was said to be.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from persx.model.item import Item

LIKED: Final = 1.0
GOES_WITH: Final = 0.5
OTHER: Final = 0.08
"""How much somebody wants items of their favourite kind, those that go with it, and the rest."""

_CLICK: Final = 0.06
"""The chance that an item is clicked that is liked and comes first."""

_LOOKING: Final = 0.6
"""The share of the visits in which somebody looks around among the items."""


class Taste:
    """What one simulated person wants.

    Args:
        seed: Of the simulation.
        number: The person's.
        industry: What they are; items that are tagged with it are liked.
        items: Those that can be shown.
    """

    def __init__(self, seed: int, number: int, industry: str, items: Sequence[Item]) -> None:
        self._draw = random.Random(f"{seed}/{number}/taste")
        kinds = sorted({_kind(item) for item in items} - {""})
        self._favourite = self._draw.choice(kinds) if kinds else ""
        self._industry = industry
        self._items = items
        self.clicked: list[Item] = []

    def wants(self, item: Item) -> float:
        """Return how much an item is wanted, 0 to 1."""
        if _kind(item) == self._favourite or (self._industry and self._industry in item.tags):
            return LIKED
        return GOES_WITH if self._favourite in item.tags else OTHER

    def looks_at(self) -> Sequence[Item]:
        """Return the items that are looked at in one visit, whatever is recommended."""
        if self._draw.random() >= _LOOKING:
            return ()
        return self._some(self._draw.randint(1, 3))

    def clicks(self, shown: Sequence[Item]) -> int | None:
        """Return the place in a list that is clicked, from 0; none where nothing is."""
        for place, item in enumerate(shown):
            if self._draw.random() < _CLICK * self.wants(item) / (1 + place / 4):
                return place
        return None

    def takes(self) -> Sequence[Item]:
        """Return what an order consists of: what was clicked last, and what goes with it."""
        others = self._some(self._draw.randint(1, 2))
        return list({item.id: item for item in (*self.clicked[-2:], *others)}.values())

    def _some(self, count: int) -> Sequence[Item]:
        if not self._items:
            return ()
        weights = [self.wants(item) for item in self._items]
        found = self._draw.choices(self._items, weights, k=count)
        return list({item.id: item for item in found}.values())


def _kind(item: Item) -> str:
    return item.category[-1] if item.category else ""
