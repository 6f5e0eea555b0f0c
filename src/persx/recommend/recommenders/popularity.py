"""popularity: what many touch, counted less the longer ago, by category and by context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.model.clock import DAY
from persx.recommend.bounds import Amount
from persx.recommend.interactions import Interactions
from persx.recommend.query import Candidates, Codes, Floats, Query
from persx.recommend.recommenders.kind import Arrays, Progress, best, silent

SEPARATOR: Final = "/"
"""Between the steps of a category's path."""


class PopularityConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `popularity`.

    Attributes:
        half_life: Days after which a touch counts half; 0 counts all alike.
        shrink: An item's popularity at an hour or on a device counts as if it had been touched
            so many times more as everywhere: what was touched twice, both times at night, is no
            item of the night.
    """

    half_life: Amount = 7.0
    shrink: Amount = 20.0


class Popularity:
    """Items by how often they were touched, in the category and the context that are asked for.

    The answer for a category is of its items only, below it too. In a context (an hour, a
    device) an item's score is multiplied by how much more often than elsewhere it is touched in
    it, shrunk to 1; several contexts multiply.
    """

    name = "popularity"
    description = "What many touch, counted less the longer ago, by category, hour and device."
    config = PopularityConfig
    by_neighbours = False

    def memory(self, data: Interactions, config: PopularityConfig) -> int:
        contexts = sum(int(codes.max(initial=0)) + 1 for codes in data.contexts.values())
        return 24 * len(data.items) + (16 + 8 * contexts + 64) * data.item_count

    def fit(
        self, data: Interactions, config: PopularityConfig, progress: Progress = silent
    ) -> Arrays:
        weights = weights_of(data, config.half_life)
        count = data.item_count
        scores = np.bincount(data.items, weights=weights, minlength=count).astype(np.float64)
        progress(0.5)
        found = {"scores": scores.astype(np.float32)}
        for name, codes in data.contexts.items():
            found[f"by_{name}"] = ratios_of(data.items, codes, scores, weights, config.shrink)
        found |= _categories(data, scores)
        progress(1.0)
        return found

    def rank(
        self, arrays: Arrays, config: PopularityConfig, query: Query, limit: int
    ) -> Candidates:
        category = query.context.get("category")
        among = _among(arrays, category) if category else None
        scores: Any = np.asarray(arrays["scores"])
        if among is not None:
            scores = scores[among]
        scores = in_contexts(arrays, query.context, among, scores)
        places = best(scores, limit)
        if among is None:
            return Candidates(places, scores[places])
        where = str(category).rpartition(SEPARATOR)[2]
        return Candidates(among[places], scores[places], where=where)


def weights_of(data: Interactions, half_life: float) -> NDArray[np.float64]:
    """Return how much each row counts: by its age from the newest one."""
    if not data.timed or half_life <= 0 or not len(data.items):
        return np.ones(len(data.items))
    days = (data.times.max() - data.times) / DAY
    weights: NDArray[np.float64] = np.exp2(-days / half_life)
    return weights


def ratios_of(
    items: NDArray[np.int32],
    codes: NDArray[np.int16],
    scores: NDArray[np.float64],
    weights: NDArray[np.float64],
    shrink: float,
) -> NDArray[np.float32]:
    """Return (context, item): how much more often an item is touched in it than elsewhere.

    With s the share of all touches that a context has, n the item's and m those in the context:
    (m ÷ s + shrink) ÷ (n + shrink). Rows of which the context is not known say nothing.
    """
    known = codes >= 0
    items, codes, weights = items[known], codes[known], weights[known]
    size = int(codes.max(initial=-1)) + 1
    count = len(scores)
    flat = codes.astype(np.int64) * count + items
    inside = np.bincount(flat, weights=weights, minlength=size * count).reshape(size, count)
    total = inside.sum(axis=0)
    share = inside.sum(axis=1, keepdims=True) / max(inside.sum(), np.finfo(float).tiny)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = (inside / share + shrink) / (total + shrink)
    # A context that nobody came in, or an item that nobody touched where nothing is shrunk.
    found: NDArray[np.float32] = np.nan_to_num(ratios, nan=1.0, posinf=1.0).astype(np.float32)
    return found


def in_contexts(
    arrays: Arrays, context: Mapping[str, Any], items: Codes | None, scores: Floats
) -> Floats:
    """Return scores multiplied by how much more than elsewhere items are touched in a context.

    Args:
        arrays: With ``by_hour`` and the like, as from `ratios_of`.
        items: Whose scores they are; None for all.
    """
    for name, code in context.items():
        ratios = arrays.get(f"by_{name}")
        if ratios is not None and isinstance(code, int) and 0 <= code < len(ratios):
            row = np.asarray(ratios[code])
            scores = scores * (row if items is None else row[items])
    return scores


def _categories(data: Interactions, scores: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """Return the touched items of each category path, as three arrays; none without categories."""
    members: dict[str, list[int]] = {}
    for code, name in enumerate(data.ids):
        item = data.catalogue.get(name) if data.catalogue else None
        if item is None or not scores[code]:
            continue
        for depth in range(1, len(item.category) + 1):
            members.setdefault(SEPARATOR.join(item.category[:depth]), []).append(code)
    if not members:
        return {}
    names = sorted(members)
    lengths = [len(members[name]) for name in names]
    return {
        "categories": np.array(names),
        "category_starts": np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        "category_items": np.concatenate([members[name] for name in names]).astype(np.int32),
    }


def _among(arrays: Arrays, category: str) -> NDArray[np.int32] | None:
    """Return the items of a category; None where nobody touched one, so that all are meant."""
    names = arrays.get("categories")
    if names is None:
        return None
    place = int(np.searchsorted(np.asarray(names), category))
    if place >= len(names) or str(names[place]) != category:
        return None
    starts = arrays["category_starts"]
    return np.asarray(arrays["category_items"])[int(starts[place]) : int(starts[place + 1])]


POPULARITY: Final = Popularity()
