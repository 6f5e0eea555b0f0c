"""Metrics of recommendations: what share of what was wanted is shown, how early, and how varied.

All items are ranked: nothing is sampled. With k shown and w wanted items, of a case:

- ``recall``: hits ÷ w. ``precision``: hits ÷ k. ``hr`` (hit rate): whether there is a hit.
- ``mrr``: 1 ÷ the rank of the first hit, 0 where there is none (Voorhees 1999, TREC-8).
- ``ndcg``: Σ over hits of 1 ÷ log₂(rank + 1), divided by the greatest that this can be, with all
  min(w, k) first places hits (Järvelin and Kekäläinen 2002; as LightGCN and UltraGCN count it).

Each is the mean over the cases. Of all lists together:

- ``coverage``: share of the items that are shown to anybody at all.
- ``gini``: how unequally the places go to the items (0: all alike; 1: all to one).
- ``popularity``: mean share of the items that are less touched than the one that is shown; .5
  would be chance (the average popularity of Abdollahpouri et al. 2019, by percentile).
- ``diversity``: mean over pairs of one list of 1 − cosine of who touched them (intra-list
  distance, Ziegler et al. 2005), over at most `SAMPLE` lists.
- ``variety``: the same by what items are: 1 − cosine of their facts, which are each step of the
  category, the brand and each tag; of items of which any is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from persx.model.item import Item
from persx.recommend.facts import facts_of
from persx.recommend.query import NOTHING, Codes

SAMPLE: Final = 1_000
"""From how many lists diversity is computed, spread evenly over all."""


class Lists(NamedTuple):
    """What was shown in c cases, best first.

    Attributes:
        items: (c, k) codes; `NOTHING` where a list ended early.
        hits: (c, k) whether each is wanted.
        wanted: (c,) how many were wanted; at least 1.
    """

    items: Codes
    hits: NDArray[np.bool_]
    wanted: NDArray[np.int64]

    def first(self, k: int) -> Lists:
        """Return the first k places of each list."""
        return Lists(self.items[:, :k], self.hits[:, :k], self.wanted)

    def of(self, mask: NDArray[np.bool_]) -> Lists:
        """Return some of the cases."""
        return Lists(self.items[mask], self.hits[mask], self.wanted[mask])


def recall(lists: Lists) -> float:
    """Return the mean share of the wanted items that are shown.

    >>> seen = Lists(np.array([[5, 2, 7]]), np.array([[True, False, True]]), np.array([4]))
    >>> recall(seen)
    0.5
    """
    return float(np.mean(lists.hits.sum(axis=1) / lists.wanted))


def precision(lists: Lists) -> float:
    """Return the mean share of the places that show a wanted item; empty places show none."""
    return float(np.mean(lists.hits.mean(axis=1)))


def hr(lists: Lists) -> float:
    """Return the share of cases with a hit."""
    return float(np.mean(lists.hits.any(axis=1)))


def mrr(lists: Lists) -> float:
    """Return the mean of 1 ÷ the rank of the first hit."""
    first = np.argmax(lists.hits, axis=1)
    return float(np.mean(lists.hits.any(axis=1) / (first + 1)))


def ndcg(lists: Lists) -> float:
    """Return the mean normalised discounted cumulative gain.

    >>> seen = Lists(np.array([[5, 2]]), np.array([[False, True]]), np.array([1]))
    >>> round(ndcg(seen), 4)
    0.6309
    """
    gains = 1 / np.log2(np.arange(lists.hits.shape[1]) + 2)
    most = np.cumsum(gains)[np.minimum(lists.wanted, len(gains)) - 1]
    return float(np.mean((lists.hits * gains).sum(axis=1) / most))


RANKING: Final[Mapping[str, Callable[[Lists], float]]] = {
    each.__name__: each for each in (recall, precision, ndcg, mrr, hr)
}
"""Metrics that are a mean over cases, so that segments have them too."""


class Crowd(NamedTuple):
    """What metrics of all lists need to know of the training data.

    Attributes:
        counts: (i,) how often each item was touched.
        matrix: (u, i) who touched what, 0 or 1.
        facts: (f, i) what is known of the items, 0 or 1; none where that is nothing.
    """

    counts: NDArray[np.int64]
    matrix: sparse.csr_matrix
    facts: sparse.csr_matrix | None = None


def known_facts(ids: Sequence[str], catalogue: Mapping[str, Item]) -> sparse.csr_matrix | None:
    """Return facts × items: 1 where an item has a fact; none where nothing is known of any.

    Args:
        ids: The items' ids by code.
        catalogue: What is known of them, by id; an id may be missing.
    """
    numbers: dict[str, int] = {}
    pairs = [
        (numbers.setdefault(fact, len(numbers)), code)
        for code, id in enumerate(ids)
        if id in catalogue
        for fact in facts_of(catalogue[id])
    ]
    if not pairs:
        return None
    rows, columns = np.array(pairs).T
    ones = np.ones(len(rows))
    return sparse.csr_matrix((ones, (rows, columns)), shape=(len(numbers), len(ids)))


def _places(lists: Lists, crowd: Crowd) -> NDArray[np.int64]:
    """Return how many places each item got."""
    return np.bincount(lists.items[lists.items != NOTHING], minlength=len(crowd.counts))


def coverage(lists: Lists, crowd: Crowd) -> float:
    """Return the share of the items that are shown to anybody."""
    return float(np.mean(_places(lists, crowd) > 0))


def gini(lists: Lists, crowd: Crowd) -> float | None:
    """Return how unequally the places go to the items; None where nothing was shown."""
    places = np.sort(_places(lists, crowd)).astype(np.float64)
    if not places.sum():
        return None
    count = len(places)
    ranks = np.arange(1, count + 1)
    return float((2 * ranks - count - 1) @ places / (count * places.sum()))


def popularity(lists: Lists, crowd: Crowd) -> float | None:
    """Return the mean percentile of what is shown by popularity; of equals each has the middle."""
    shown = lists.items[lists.items != NOTHING]
    if not len(shown):
        return None
    ordered = np.sort(crowd.counts)
    below = np.searchsorted(ordered, crowd.counts, "left")
    upto = np.searchsorted(ordered, crowd.counts, "right")
    return float(np.mean(((below + upto) / 2 / len(ordered))[shown]))


def diversity(lists: Lists, crowd: Crowd) -> float | None:
    """Return how far apart two items of a list are by who touched them; None where none has two."""
    return _apart(lists, crowd.matrix)


def variety(lists: Lists, crowd: Crowd) -> float | None:
    """Return how far apart two items of a list are by what they are; None where nobody knows."""
    if crowd.facts is None:
        return None
    known = np.append(np.diff(crowd.facts.tocsc().indptr) > 0, False)
    return _apart(
        lists._replace(items=np.where(known[lists.items], lists.items, NOTHING)), crowd.facts
    )


def _apart(lists: Lists, matrix: sparse.csr_matrix) -> float | None:
    """Return the mean of 1 − cosine of two columns, over the pairs of each list."""
    chosen = np.unique(np.linspace(0, len(lists.items) - 1, SAMPLE).astype(int))
    lengths = np.sqrt(np.maximum(matrix.power(2).sum(axis=0).A1, 1e-12))
    turned = (matrix @ sparse.diags_array(1 / lengths)).T.tocsr()
    found = []
    for items in lists.items[chosen]:
        shown = items[items != NOTHING]
        if len(shown) > 1:
            rows = turned[shown]
            alike = rows.sum(axis=0)
            pairs = len(shown) * (len(shown) - 1)
            # The sum over all pairs is that of the sums, less each with itself.
            same = rows.power(2).sum()
            found.append(1 - float((np.asarray(alike) ** 2).sum() - same) / pairs)
    return float(np.mean(found)) if found else None


TOGETHER: Final[Mapping[str, Callable[[Lists, Crowd], float | None]]] = {
    each.__name__: each for each in (coverage, gini, popularity, diversity, variety)
}
"""Metrics of all lists together."""
