"""history: what the visitor touched, the more often and the more recently the better."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from persx.model.item import Action
from persx.recommend.bounds import Amount, Count
from persx.recommend.interactions import ACTIONS, Interactions
from persx.recommend.query import NO_CANDIDATES, Candidates, Query
from persx.recommend.recommenders.kind import Arrays, Progress, silent


class HistoryConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `history`.

    Attributes:
        half_life: Days (places, where nobody knows the times) after which a touch counts half;
            0 counts all alike.
        length: How many of the visitor's newest touches count.
        viewed: What a view counts.
        added: What it counts that an item was put into the cart, or onto a list.
        bought: What a purchase counts.
    """

    half_life: Amount = 14.0
    length: Count = 1_000
    viewed: Amount = 1.0
    added: Amount = 2.0
    bought: Amount = 3.0


class History:
    """The visitor's own items: the sum of what was done with each, counted less the longer ago.

    A way back to what one knows; what is bought and not wanted again is left out by the pipeline
    ("not bought within"). Nothing is learned from others, so that it works from the first view.
    """

    name = "history"
    description = "What the visitor touched, the more often and recently the better."
    config = HistoryConfig
    shows_again = True

    def memory(self, data: Interactions, config: HistoryConfig) -> int:
        return 0

    def fit(self, data: Interactions, config: HistoryConfig, progress: Progress = silent) -> Arrays:
        progress(1.0)
        return {}

    def rank(self, arrays: Arrays, config: HistoryConfig, query: Query, limit: int) -> Candidates:
        count = min(len(query.items), config.length)
        if not count:
            return NO_CANDIDATES
        said = {
            Action.VIEWED: config.viewed,
            Action.ADDED: config.added,
            Action.BOUGHT: config.bought,
        }
        parts = np.array([said[action] for action in ACTIONS])[query.actions[-count:]]
        if config.half_life:
            # Halved a hundred times over, an item is last but still there.
            parts *= np.exp2(-np.minimum(query.ages[-count:] / config.half_life, 100.0))
        items, of = np.unique(query.items[-count:], return_inverse=True)
        scores = np.bincount(of, weights=parts, minlength=len(items)).astype(np.float32)
        good = scores > 0
        return Candidates(items[good], scores[good]).best(limit)


HISTORY: Final = History()
