"""transitions: what others went on to from this item, the closer behind it the more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from persx.recommend.bounds import Count, Exponent, Newest, Steps, Weight
from persx.recommend.interactions import Interactions
from persx.recommend.neighbours import Rows, ranked, strongest
from persx.recommend.profile import Profile
from persx.recommend.query import Candidates, Query
from persx.recommend.recommenders.kind import Arrays, Progress, silent
from persx.recommend.touched import newest_items, steps

if TYPE_CHECKING:
    from scipy import sparse


class TransitionsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `transitions`.

    Attributes:
        distance: How many steps behind an item a follower may come; it counts 1 ÷ distance.
        backward: What the way back counts, from the later item to the earlier one.
        popularity_damping: By which power of its number of touches a follower is divided.
        neighbours: Followers that are kept for each item.
        length: How many of the visitor's newest items are continued.
        decay: What an item of the visitor counts, compared with the next newer one.
    """

    distance: Steps = 5
    backward: Weight = 0.0
    popularity_damping: Exponent = 0.0
    neighbours: Count = 100
    length: Newest = 3
    decay: Weight = 0.5


class Transitions:
    """Items by how often, and how close, they followed the visitor's newest items elsewhere.

    Sequential rules (Ludewig and Jannach 2018, "Evaluation of session-based recommendation
    algorithms"): each time that b follows a within a session, a's rule for b grows by
    1 ÷ distance. Items that are viewed again follow themselves. The best rule of each item
    weighs 1, so that what everybody views does not outweigh the visitor's other items.
    """

    name = "transitions"
    description = "What others went on to from the visitor's newest items."
    config = TransitionsConfig

    def memory(self, data: Interactions, config: TransitionsConfig) -> int:
        pairs = len(data.items) * config.distance * (2 if config.backward else 1)
        return 24 * len(data.items) + 40 * pairs

    def fit(
        self, data: Interactions, config: TransitionsConfig, progress: Progress = silent
    ) -> Arrays:
        counts = followers(data, 1 / np.arange(1, config.distance + 1), progress)
        if config.backward:
            counts = (counts + config.backward * counts.T).tocsr()
        if config.popularity_damping:
            often = np.maximum(data.counts, 1).astype(np.float32)
            counts.data /= often[counts.indices] ** np.float32(config.popularity_damping)
        best = strongest(counts, config.neighbours)
        greatest = best.max(axis=1).toarray().ravel() if best.nnz else np.ones(data.item_count)
        best.data /= np.repeat(greatest, np.diff(best.indptr)).astype(np.float32)
        progress(1.0)
        return Rows.of(best)._asdict()

    def rank(
        self, arrays: Arrays, config: TransitionsConfig, query: Query, limit: int
    ) -> Candidates:
        rows = Rows(arrays["starts"], arrays["items"], arrays["weights"])
        return ranked(rows, decayed(query, config.length, config.decay), limit)


def followers(
    data: Interactions,
    weights: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    progress: Progress = silent,
) -> sparse.csr_matrix:
    """Return items × items, float32: how much each was followed by each within sessions.

    Args:
        data: Interactions.
        weights: (d,) what a follower counts that comes 1, 2, … d steps later.
        progress: Told the share that is done.
    """
    from scipy import sparse

    data = steps(data)
    total = sparse.csr_matrix((data.item_count, data.item_count), dtype=np.float32)
    for distance, weight in enumerate(weights.tolist(), 1):
        near = data.sessions[distance:] == data.sessions[:-distance]
        if not near.any():
            break
        pair = (data.items[:-distance][near], data.items[distance:][near])
        parts = np.full(len(pair[0]), weight, dtype=np.float32)
        total = total + sparse.csr_matrix((parts, pair), shape=total.shape)
        progress(0.9 * distance / len(weights))
    return total


def decayed(query: Query, length: int, decay: float) -> Profile:
    """Return a visitor's newest items, each of which counts `decay` of the next newer one."""
    newest = newest_items(query, length)
    return Profile(newest, np.float32(decay) ** np.arange(len(newest), dtype=np.float32))


TRANSITIONS: Final = Transitions()
