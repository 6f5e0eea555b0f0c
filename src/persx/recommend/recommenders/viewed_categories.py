"""viewed_categories: what is popular in the categories that the visitor looked at lately."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.model.item import Action
from persx.recommend.bounds import Amount, Count, Weight
from persx.recommend.interactions import ACTIONS, Interactions
from persx.recommend.profile import Profile, profile
from persx.recommend.query import NO_CANDIDATES, Candidates, Codes, Floats, Query
from persx.recommend.recommenders.kind import Arrays, Progress, silent
from persx.recommend.recommenders.popularity import in_contexts, ratios_of, weights_of
from persx.recommend.rows import gather, summed

_BOUGHT: Final = ACTIONS.index(Action.BOUGHT)
_MEMBERSHIP: Final = 200


class ViewedCategoriesConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `viewed_categories`.

    Attributes:
        half_life: Days (places, where nobody knows the times) after which what the visitor
            looked at counts half; 0 counts all alike.
        popular_half_life: Days after which somebody's touch counts half in what is popular; 0
            counts all alike.
        parent: What a category counts, compared with the next narrower one on an item's path.
        categories: Of so many categories, those that count most, items are shown.
        length: Popular items of each category that are kept.
        history: How many of a visitor's newest touches count.
        shrink: As in `popularity`, for hours and devices.
    """

    half_life: Amount = 7.0
    popular_half_life: Amount = 14.0
    parent: Weight = 0.3
    categories: Count = 10
    length: Count = 200
    history: Count = 200
    shrink: Amount = 20.0


class ViewedCategories:
    """Items of the categories that the visitor looked at or put something into the cart from.

    A category counts the sum of what the visitor's items in it do, halved every `half_life` days;
    its parents count less. Each gives its popular items, the best of them 1, in the context (an
    hour, a device) as in `popularity`; what the visitor touched is not among them. Nothing but
    the visitor's own touches is needed, so that it works from the first view of somebody unknown.
    """

    name = "viewed_categories"
    description = "What is popular in the categories that the visitor looked at lately."
    config = ViewedCategoriesConfig
    by_neighbours = False

    def memory(self, data: Interactions, config: ViewedCategoriesConfig) -> int:
        contexts = sum(int(codes.max(initial=0)) + 1 for codes in data.contexts.values())
        memberships = sum(len(item.category) for item in data.catalogue.values())
        arrays = 24 * len(data.items) + (16 + 8 * contexts + 64) * data.item_count
        return arrays + _MEMBERSHIP * (memberships + len(data.catalogue))

    def fit(
        self, data: Interactions, config: ViewedCategoriesConfig, progress: Progress = silent
    ) -> Arrays:
        weights = weights_of(data, config.popular_half_life)
        counts = np.bincount(data.items, weights=weights, minlength=data.item_count)
        scores = counts.astype(np.float64)
        found: dict[str, NDArray[Any]] = {}
        for name, codes in data.contexts.items():
            found[f"by_{name}"] = ratios_of(data.items, codes, scores, weights, config.shrink)
        progress(0.5)
        known: dict[tuple[str, ...], int] = {}
        starts = np.zeros(data.item_count + 1, dtype=np.int64)
        own: list[int] = []
        members: list[list[int]] = []
        for code, id in enumerate(data.ids):
            item = data.catalogue.get(id)
            path = () if item is None else item.category
            for end in range(1, len(path) + 1):
                category = known.setdefault(path[:end], len(known))
                if category == len(members):
                    members.append([])
                own.append(category)
                if scores[code] > 0:
                    members[category].append(code)
            starts[code + 1] = len(own)
        best = [_most(np.array(each, dtype=np.int32), scores, config.length) for each in members]
        items = np.concatenate(best) if best else np.zeros(0, dtype=np.int32)
        # Of each category the first is the best.
        tops = np.repeat([scores[each].max(initial=0.0) for each in best], [*map(len, best)])
        progress(1.0)
        return found | {
            "own_starts": starts,
            "own": np.array(own, dtype=np.int32),
            "starts": np.cumsum([0, *map(len, best)], dtype=np.int64),
            "items": items,
            "shares": (scores[items] / tops).astype(np.float32),
        }

    def rank(
        self, arrays: Arrays, config: ViewedCategoriesConfig, query: Query, limit: int
    ) -> Candidates:
        looked = query.actions != _BOUGHT
        seen = query._replace(items=query.items[looked], ages=query.ages[looked])
        known = profile(seen, half_life=config.half_life, history=config.history)
        categories, counts, because = _looked_at(arrays, config, known)
        if not len(categories):
            return NO_CANDIDATES
        there = gather(np.asarray(arrays["starts"]), categories)
        items: Codes = np.asarray(arrays["items"])[there.places]
        shares: Floats = np.asarray(arrays["shares"])[there.places]
        parts = in_contexts(arrays, query.context, items, shares) * counts[there.of]
        fresh = ~np.isin(items, [*query.items.tolist(), query.anchor])
        found = summed(items[fresh], parts[fresh].astype(np.float32), because[there.of][fresh])
        good = found.scores > 0
        return Candidates(found.items[good], found.scores[good], found.because[good]).best(limit)


def _looked_at(
    arrays: Arrays, config: ViewedCategoriesConfig, known: Profile
) -> tuple[Codes, Floats, Codes]:
    """Return the categories that count most, what each counts, and the item that it is due to."""
    own = gather(np.asarray(arrays["own_starts"]), known.items)
    categories: Codes = np.asarray(arrays["own"])[own.places]
    # The narrowest step of a path is its last.
    lengths = np.bincount(own.of, minlength=len(known.items))
    ends = np.cumsum(lengths)
    above = (ends[own.of] - 1 - np.arange(len(own.of))).astype(np.float32)
    parts = known.weights[own.of] * np.float32(config.parent) ** above
    found = summed(categories, parts, known.items[own.of])
    most = np.argsort(-found.scores, kind="stable")[: config.categories]
    return found.items[most], found.scores[most], found.because[most]


def _most(items: Codes, scores: NDArray[np.float64], length: int) -> Codes:
    """Return the items with the greatest scores, the greatest first."""
    return items[np.argsort(-scores[items], kind="stable")[:length]]


VIEWED_CATEGORIES: Final = ViewedCategories()
