"""A visitor's profile: which items the visitor touched, and how much each still counts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from persx.recommend.query import NOTHING, Codes, Floats, Query


class Profile(NamedTuple):
    """Items of one visitor with weights, each item once, in ascending order.

    Attributes:
        items: (h,) codes.
        weights: (h,) float32 above 0; 1 for what was touched just now.
    """

    items: Codes
    weights: Floats


def profile(query: Query, *, half_life: float = 0.0, history: int = 0) -> Profile:
    """Return what a visitor touched, each item once, by its newest touch.

    The item whose page this is counts as touched just now.

    Args:
        query: What is known of the visitor.
        half_life: Days (places, where nobody knows the times) after which a touch counts half;
            0 counts all alike.
        history: How many of the newest touches count; 0 for all.

    >>> asked = Query(items=np.array([7, 3, 7]), ages=np.array([4.0, 2.0, 0.0]))
    >>> profile(asked, half_life=2.0).items.tolist(), profile(asked, half_life=2.0).weights.tolist()
    ([3, 7], [0.5, 1.0])
    """
    items, ages = query.items, query.ages
    if history and len(items) > history:
        items, ages = items[-history:], ages[-history:]
    if query.anchor != NOTHING:
        items = np.append(items, np.int32(query.anchor))
        ages = np.append(ages, np.float32(0))
    # Of the same item the newest is the last, and so the first of the reversed.
    unique, place = np.unique(items[::-1], return_index=True)
    if half_life <= 0:
        return Profile(unique, np.ones(len(unique), dtype=np.float32))
    weights = np.exp2(ages[::-1][place] * np.float32(-1 / half_life)).astype(np.float32)
    # What is so old that it counts nothing at all must not divide by 0 anywhere.
    return Profile(unique, np.maximum(weights, np.finfo(np.float32).tiny))
