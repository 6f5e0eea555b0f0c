"""sequence_knn: what comes before and after the visitor's items in others' whole histories."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec
import numpy as np

from persx.recommend.bounds import Amount, Count, Exponent, Newest, Steps, Weight
from persx.recommend.facts import alike, memory_of
from persx.recommend.interactions import Interactions
from persx.recommend.neighbours import Rows, ranked, strongest
from persx.recommend.query import Candidates, Query
from persx.recommend.recommenders.kind import Arrays, Progress, silent
from persx.recommend.recommenders.transitions import decayed, followers


class SequenceKnnConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `sequence_knn`.

    Attributes:
        distance: How many steps apart two items of a history may stand.
        step_decay: What a pair counts that stands one step farther apart.
        backward: What the way back counts, from the later item to the earlier one.
        source_damping: A pair is divided by the number of touches of the visitor's item, to
            this power.
        popularity_damping: A pair is divided by the number of touches of the other item, to
            this power.
        alike: What it counts that two items have all their categories, brands and tags in
            common, compared with that one followed the other once; 0 does without.
        neighbours: Others that are kept for each item.
        length: How many of the visitor's newest items count.
        decay: What an item of the visitor counts, compared with the next newer one.
    """

    distance: Steps = 20
    step_decay: Weight = 0.85
    backward: Weight = 0.5
    source_damping: Exponent = 0.3
    popularity_damping: Exponent = 0.15
    alike: Amount = 0.2
    neighbours: Count = 300
    length: Newest = 50
    decay: Weight = 0.65


class SequenceKnn:
    """Items that stand near the visitor's newest ones in what others touched, in any session.

    The nearest neighbours of an item are those that follow it (sequential rules, as in
    `transitions`) and, for less, those that it follows; both over a user's whole history, which
    for most shops is a touch or two a session. Where the catalogue says what items are, others
    with the same categories, brands and tags are neighbours too, as if the item had been followed
    by them a little: so that rare and new items have neighbours at all. The visitor's items are
    summed, each older one for less.
    """

    name = "sequence_knn"
    description = "What comes before and after the visitor's items in others' whole histories."
    config = SequenceKnnConfig

    def memory(self, data: Interactions, config: SequenceKnnConfig) -> int:
        pairs = 2 * len(data.items) * config.distance + config.neighbours * data.item_count
        facts = memory_of(data.catalogue) if config.alike and data.catalogue else 0
        return 24 * len(data.items) + 40 * pairs + facts

    def fit(
        self, data: Interactions, config: SequenceKnnConfig, progress: Progress = silent
    ) -> Arrays:
        histories = replace(data, sessions=data.users)
        weights = config.step_decay ** np.arange(config.distance, dtype=np.float64)
        counts = followers(histories, weights, lambda share: progress(0.6 * share))
        if config.backward:
            counts = (counts + config.backward * counts.T).tocsr()
        often = np.maximum(data.counts, 1).astype(np.float32)
        source = often ** np.float32(-config.source_damping)
        counts.data *= np.repeat(source, np.diff(counts.indptr))
        counts.data *= often[counts.indices] ** np.float32(-config.popularity_damping)
        progress(0.7)
        if config.alike and data.catalogue:
            facts = alike(data.ids, data.catalogue, config.neighbours)
            counts = (counts + np.float32(config.alike) * facts).tocsr()
        counts.sort_indices()
        best = strongest(counts, config.neighbours)
        progress(1.0)
        return Rows.of(best)._asdict()

    def rank(
        self, arrays: Arrays, config: SequenceKnnConfig, query: Query, limit: int
    ) -> Candidates:
        rows = Rows(arrays["starts"], arrays["items"], arrays["weights"])
        whole = query._replace(session=0)
        return ranked(rows, decayed(whole, config.length, config.decay), limit)


SEQUENCE_KNN: Final = SequenceKnn()
