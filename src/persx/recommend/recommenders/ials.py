"""ials: visitors and items as vectors whose products say what is touched."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np

from persx.recommend.bounds import Amount, Count, Exponent, Positive
from persx.recommend.factors import WORK, Basis, solved, speaking
from persx.recommend.interactions import Interactions
from persx.recommend.linear import damping
from persx.recommend.profile import profile
from persx.recommend.query import NO_CANDIDATES, Candidates, Floats, Query
from persx.recommend.recommenders.kind import Arrays, Progress, best, silent

_SPREAD: Final = 0.1
"""How long vectors are at the start."""


class IalsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `ials`.

    Attributes:
        factors: Length of the vectors: more of them find more, and take longer to fit and to
            ask; never more than there are items.
        regularization: What long vectors cost, by what each was fitted to: of a visitor, their
            touches and what they did not touch.
        unobserved: What all items that a visitor did not touch count together, compared with the
            touches of a usual visitor; the same for an item's visitors.
        iterations: How often visitors and items are solved for in turn.
        popularity_damping: Scores are divided by number of visitors ^ popularity_damping: more
            of it shows less of what everybody knows.
        seed: Of the vectors at the start.
        half_life: Days (places, where nobody knows the times) after which what a visitor
            touched counts half; 0 counts all alike.
        history: How many of a visitor's newest touches count.
    """

    factors: Count = 128
    regularization: Positive = 0.005
    unobserved: Positive = 20.0
    iterations: Count = 8
    popularity_damping: Exponent = 0.1
    seed: int = 20
    half_life: Amount = 30.0
    history: Count = 1_000


class Ials:
    """Alternating least squares for implicit feedback, with unknown visitors folded in.

    Source: Hu, Koren and Volinsky 2008, "Collaborative filtering for implicit feedback datasets";
    a visitor's vector is solved for when asked, so that nobody has to be known beforehand, and
    the same solution says which of the touched items speaks most for each (their section 5).
    What long vectors cost follows from how much each was fitted to, as in Rendle, Krichene, Zhang
    and Koren 2022, "Revisiting the performance of iALS on item recommendation benchmarks".
    """

    name = "ials"
    description = "Vectors of visitors and items, by alternating least squares."
    config = IalsConfig

    def memory(self, data: Interactions, config: IalsConfig) -> int:
        vectors = 4 * config.factors * (data.item_count + data.user_count + config.factors)
        return 3 * vectors + 48 * len(data.items) + WORK

    def fit(self, data: Interactions, config: IalsConfig, progress: Progress = silent) -> Arrays:
        by_visitor = data.matrix()
        by_item = by_visitor.T.tocsr()
        of_visitor, of_item = np.diff(by_visitor.indptr), np.diff(by_item.indptr)
        visitors = max(1, int(np.count_nonzero(of_visitor)))
        items = max(1, int(np.count_nonzero(of_item)))
        # What is not touched counts the same in every pair.
        weight = config.unobserved * max(1, by_visitor.nnz) / (visitors * items)
        rest_of_visitor, rest_of_item = weight * items, weight * visitors
        visitor_costs = _costs(of_visitor + rest_of_visitor, config)
        item_costs = _costs(of_item + rest_of_item, config)
        random = np.random.default_rng(config.seed)
        length = min(config.factors, items)
        vectors = random.standard_normal((data.item_count, length), dtype=np.float32)
        vectors *= np.float32(_SPREAD / np.sqrt(length))
        for done in range(config.iterations):
            others = solved(Basis.of(vectors, weight), by_visitor, visitor_costs)
            progress((done + 0.5) / (config.iterations + 1))
            vectors = solved(Basis.of(others, weight), by_item, item_costs)
            progress((done + 1) / (config.iterations + 1))
        basis = Basis.of(vectors, weight)
        progress(1.0)
        return {
            "vectors": basis.vectors,
            "scales": basis.scales,
            "rest": np.array([rest_of_visitor], dtype=np.float32),
            "damping": damping(data, config.popularity_damping),
        }

    def rank(self, arrays: Arrays, config: IalsConfig, query: Query, limit: int) -> Candidates:
        known = profile(query, half_life=config.half_life, history=config.history)
        if not len(known.items):
            return NO_CANDIDATES
        vectors: Any = np.asarray(arrays["vectors"])
        cost = _costs(known.weights.sum() + arrays["rest"], config)
        speaks = speaking(vectors[known.items], known.weights, arrays["scales"] + cost)
        scores = vectors @ speaks.sum(axis=1)
        scores *= arrays["damping"]
        top = best(scores, limit)
        if not len(top):
            return NO_CANDIDATES
        because = known.items[np.argmax(vectors[top] @ speaks, axis=1)].astype(np.int32)
        return Candidates(top, scores[top].astype(np.float32), because)


def _costs(fitted_to: Any, config: IalsConfig) -> Floats:
    """Return what long vectors cost, by how much each was fitted to; above 0."""
    costs = np.maximum(config.regularization * fitted_to, 1e-6)
    found: Floats = np.asarray(costs, dtype=np.float32)
    return found


IALS: Final = Ials()
