"""content: what is like the items that somebody touched, by words, category, brand and tags.

It needs no interactions to know an item's neighbours, so it has something to say of items that
nobody has touched yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.recommend.content_index import OUTLINE, TABLE, indexed, postings
from persx.recommend.content_vectors import (
    WIDTH,
    ContentWeights,
    features,
    having,
    nearest,
    rareness,
    vectors,
)
from persx.recommend.interactions import ACTIONS, Interactions
from persx.recommend.query import NO_CANDIDATES, NOTHING, Candidates, Codes, Floats, Query
from persx.recommend.recommenders.kind import Arrays, Progress, best, silent

if TYPE_CHECKING:
    from scipy import sparse

MOST_TOUCHES: Final = 100
"""Touches that are looked at, the newest."""

_PIECE: Final = 256
"""Items that are compared with all others at a time."""


class ContentConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `content`.

    Attributes:
        neighbours: So many are kept of each item.
        least: What is less alike, from 0 to 1, is no neighbour.
        half_life: Days after which a touch counts half; 0 counts all alike.
        added: What putting into the cart counts beside a view.
        bought: What buying counts beside a view.
        anchor: What the item of the page counts beside all touches together.
        weights: What counts how much when items are compared.
    """

    neighbours: int = 50
    least: float = 0.05
    half_life: float = 7.0
    added: float = 2.0
    bought: float = 2.0
    anchor: float = 3.0
    weights: ContentWeights = ContentWeights()


class Content:
    """Items like those that were touched."""

    name = "content"
    description = "What is like it, by words, category, brand and tags; knows new items at once."
    config = ContentConfig

    def memory(self, data: Interactions, config: ContentConfig) -> int:
        n = data.item_count
        # Features as they are gathered, the vectors twice, neighbours, and one piece of products;
        # and the table of features, which is as large for one item.
        return (
            TABLE
            + n * (160 * 60 + 2 * (WIDTH + 20) * 8 + 8 * config.neighbours + OUTLINE)
            + _PIECE * n * 12
        )

    def fit(self, data: Interactions, config: ContentConfig, progress: Progress = silent) -> Arrays:
        items = [data.catalogue.get(id) for id in data.ids]
        n = max(len(items), 1)
        found = features(items, config.weights, lambda done: progress(0.3 * done / n))
        rare = rareness(having(found), len(items))
        index = indexed(vectors(found, rare, config.weights), rare)
        columns = postings(index, len(items))
        rows: sparse.csr_matrix = columns.T.tocsr()
        near = np.full((len(items), config.neighbours), NOTHING, dtype=np.int32)
        alike = np.zeros((len(items), config.neighbours), dtype=np.float32)
        for start in range(0, len(items), _PIECE):
            piece = rows[start : start + _PIECE]
            # One more, for an item is most like itself.
            for row, others, values in nearest(piece, columns, config.neighbours + 1, config.least):
                code = start + row
                other = others != code
                order = np.lexsort((others[other], -values[other]))[: config.neighbours]
                near[code, : len(order)] = others[other][order]
                alike[code, : len(order)] = values[other][order]
            progress(0.3 + 0.7 * min(1.0, (start + _PIECE) / n))
        progress(1.0)
        return {"neighbours": near, "similarities": alike, **index}

    def rank(self, arrays: Arrays, config: ContentConfig, query: Query, limit: int) -> Candidates:
        near: NDArray[np.int32] = arrays["neighbours"]
        codes, weights = touched(config, query, len(near))
        if not len(codes):
            return NO_CANDIDATES
        others = near[codes]
        scores = arrays["similarities"][codes] * weights[:, None]
        because = np.broadcast_to(codes[:, None], others.shape)
        there = others != NOTHING
        return summed(others[there], scores[there], because[there], limit)


def touched(config: ContentConfig, query: Query, size: int) -> tuple[Codes, Floats]:
    """Return what a query starts from: codes below `size`, each once, and how much each counts.

    What was touched counts 1 together, the less the longer ago; the item of the page counts
    `config.anchor` beside it.
    """
    codes = np.asarray(query.items, dtype=np.int32)[-MOST_TOUCHES:]
    times = np.ones(len(ACTIONS), dtype=np.float32)
    times[1], times[2] = config.added, config.bought
    weights = times[np.asarray(query.actions, dtype=np.intp)[-MOST_TOUCHES:]]
    if config.half_life > 0:
        ages = np.asarray(query.ages, dtype=np.float32)[-MOST_TOUCHES:]
        weights = weights * np.exp2(
            -np.maximum(ages - ages.min(initial=np.inf), 0.0) / config.half_life
        )
    known = (codes >= 0) & (codes < size)
    codes, weights = codes[known], weights[known]
    if weights.sum() > 0:
        weights = weights / weights.sum()
    if 0 <= query.anchor < size:
        codes = np.append(codes, np.int32(query.anchor))
        weights = np.append(weights, np.float32(config.anchor))
    unique, inverse = np.unique(codes, return_inverse=True)
    return unique.astype(np.int32), np.bincount(
        inverse, weights=weights, minlength=len(unique)
    ).astype(np.float32)


def summed(items: Codes, scores: Floats, because: Codes, limit: int) -> Candidates:
    """Return items with the sum of their scores, and what spoke most for each.

    Args:
        items: (e,) codes, also several times.
        scores: (e,) above 0.
        because: (e,) what each score comes from.
    """
    if not len(items):
        return NO_CANDIDATES
    # By item, the greatest score last.
    order = np.lexsort((-because, scores, items))
    items, scores, because = items[order], scores[order], because[order]
    last = np.flatnonzero(np.diff(items, append=np.int32(-2)))
    first = np.append(0, last[:-1] + 1)
    total = np.add.reduceat(scores, first).astype(np.float32)
    chosen = best(total, limit)
    return Candidates(
        items[last][chosen].astype(np.int32), total[chosen], because[last][chosen].astype(np.int32)
    )


CONTENT: Final = Content()
