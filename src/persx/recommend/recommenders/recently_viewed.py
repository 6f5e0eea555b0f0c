"""recently_viewed: what the visitor viewed, newest first, without what was bought since."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from persx.model.item import Action
from persx.recommend.bounds import Amount, Count
from persx.recommend.interactions import ACTIONS, Interactions
from persx.recommend.query import NO_CANDIDATES, NOTHING, Candidates, Query
from persx.recommend.recommenders.kind import Arrays, Progress, silent

_BOUGHT: Final = ACTIONS.index(Action.BOUGHT)
_LOOKED_AT: Final = 8


class RecentlyViewedConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `recently_viewed`.

    Attributes:
        within: Days (places, where nobody knows the times) after which a view is forgotten; 0
            forgets none.
        length: How many items at most.
        bought: Whether what was bought after it was viewed last is listed too.
    """

    within: Amount = 90.0
    length: Count = 50
    bought: bool = False


class RecentlyViewed:
    """The visitor's own items in the order in which they were viewed, the newest first.

    The item whose page this is is not among them. Nothing is learned from others.
    """

    name = "recently_viewed"
    description = "What the visitor viewed, newest first, without what was bought since."
    config = RecentlyViewedConfig
    shows_again = True

    def memory(self, data: Interactions, config: RecentlyViewedConfig) -> int:
        return 0

    def fit(
        self, data: Interactions, config: RecentlyViewedConfig, progress: Progress = silent
    ) -> Arrays:
        progress(1.0)
        return {}

    def rank(
        self, arrays: Arrays, config: RecentlyViewedConfig, query: Query, limit: int
    ) -> Candidates:
        most = min(config.length, limit)
        left_out = set() if query.anchor == NOTHING else {query.anchor}
        found: list[int] = []
        newest = slice(None, -1 - _LOOKED_AT * config.length, -1)
        touches = zip(
            query.items[newest].tolist(),
            query.ages[newest].tolist(),
            query.actions[newest].tolist(),
            strict=True,
        )
        for item, age, action in touches:
            if len(found) == most or (config.within and age > config.within):
                break
            if item in left_out:
                continue
            left_out.add(item)
            if action != _BOUGHT or config.bought:
                found.append(item)
        if not found:
            return NO_CANDIDATES
        scores = np.reciprocal(np.arange(1, len(found) + 1, dtype=np.float32))
        return Candidates(np.array(found, dtype=np.int32), scores)


RECENTLY_VIEWED: Final = RecentlyViewed()
