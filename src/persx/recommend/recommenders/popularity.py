"""popularity: what many touch, counted less the longer ago, by category and by context."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np

from persx.model.clock import DAY
from persx.recommend.interactions import Interactions
from persx.recommend.query import Candidates, Query
from persx.recommend.recommenders.kind import Arrays, Progress, best, silent


class PopularityConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `popularity`.

    Attributes:
        half_life: Days after which a touch counts half; 0 counts all alike.
    """

    half_life: float = 7.0


class Popularity:
    """Items by how often they were touched."""

    name = "popularity"
    description = "What many touch, counted less the longer ago."
    config = PopularityConfig

    def memory(self, data: Interactions, config: PopularityConfig) -> int:
        return 16 * (len(data.items) + data.item_count)

    def fit(
        self, data: Interactions, config: PopularityConfig, progress: Progress = silent
    ) -> Arrays:
        weights = np.ones(len(data.items))
        if data.timed and config.half_life > 0 and len(data.items):
            days = (data.times.max() - data.times) / DAY
            weights = 0.5 ** (days / config.half_life)
        counts = np.bincount(data.items, weights=weights, minlength=data.item_count)
        progress(1.0)
        return {"scores": counts.astype(np.float32)}

    def rank(
        self, arrays: Arrays, config: PopularityConfig, query: Query, limit: int
    ) -> Candidates:
        scores: Any = arrays["scores"]
        items = best(scores, limit)
        return Candidates(items, scores[items])


POPULARITY: Final = Popularity()
