"""Recommenders: the ways to find items for a visitor, one file each."""

from __future__ import annotations

from typing import Final

from persx.model.registry import Registry
from persx.recommend.recommenders.content import CONTENT
from persx.recommend.recommenders.cooccurrence import COOCCURRENCE
from persx.recommend.recommenders.ease import EASE
from persx.recommend.recommenders.ials import IALS
from persx.recommend.recommenders.kind import Recommender
from persx.recommend.recommenders.local_ease import LOCAL_EASE
from persx.recommend.recommenders.popularity import POPULARITY

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
    ],
)
"""Every recommender that a pipeline can name."""

__all__ = ["RECOMMENDERS", "Recommender"]
