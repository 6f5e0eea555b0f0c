"""Recommenders: the ways to find items for a visitor, one file each."""

from __future__ import annotations

from typing import Final

from persx.model.registry import Registry
from persx.recommend.recommenders.content import CONTENT
from persx.recommend.recommenders.cooccurrence import COOCCURRENCE
from persx.recommend.recommenders.ease import EASE
from persx.recommend.recommenders.history import HISTORY
from persx.recommend.recommenders.ials import IALS
from persx.recommend.recommenders.kind import Recommender
from persx.recommend.recommenders.local_ease import LOCAL_EASE
from persx.recommend.recommenders.popularity import POPULARITY
from persx.recommend.recommenders.recently_viewed import RECENTLY_VIEWED
from persx.recommend.recommenders.replenishment import REPLENISHMENT
from persx.recommend.recommenders.sequence_knn import SEQUENCE_KNN
from persx.recommend.recommenders.transitions import TRANSITIONS
from persx.recommend.recommenders.viewed_categories import VIEWED_CATEGORIES
from persx.recommend.recommenders.vmis_knn import VMIS_KNN

RECOMMENDERS: Final[Registry[Recommender]] = Registry(
    "recommender",
    "persx.recommenders",
    [
        POPULARITY,
        COOCCURRENCE,
        EASE,
        LOCAL_EASE,
        IALS,
        CONTENT,
        TRANSITIONS,
        VMIS_KNN,
        SEQUENCE_KNN,
        HISTORY,
        RECENTLY_VIEWED,
        VIEWED_CATEGORIES,
        REPLENISHMENT,
    ],
)
"""Every recommender that a pipeline can name."""

__all__ = ["RECOMMENDERS", "Recommender"]
