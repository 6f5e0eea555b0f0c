"""Lending: what came after the training has its place behind the known items that it is like.

Nobody has touched it yet, so that no source but its own words speaks for it. What is known of the
candidates that it is like is lent to it, less something: a new roller stands where rollers stand.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from persx.recommend.newcomers import ENOUGH, Newcomers
from persx.recommend.query import NOTHING, Codes, Floats
from persx.recommend.ranking.prepared import Prepared
from persx.recommend.rows import heads_of

LENT: Final = 0.9
"""What a newcomer has of the score of a candidate that it is as like as can be; of several
newcomers that one lends to, the second has half of that, the third a third."""

FULL: Final = np.float32(0.25)
"""Who is so alike is as alike as can be: two items of one category with the same brand are."""

LENDERS: Final = 50
"""The best so many candidates lend."""


class Lent(NamedTuple):
    """What is lent to newcomers, each once.

    Attributes:
        items: (c,) codes in the catalogue.
        scores: (c,) float32.
        because: (c,) code in what was trained of the candidate that lends.
    """

    items: Codes
    scores: Floats
    because: Codes


def lent(prepared: Prepared, newcomers: Newcomers, items: Codes, scores: Floats) -> Lent | None:
    """Return what candidates lend to newcomers, whoever of them may be shown; none for nothing.

    Args:
        items: (c,) codes in the catalogue, best first.
        scores: (c,) theirs.
    """
    lenders = prepared.to_trained[items[:LENDERS]]
    known = (lenders >= 0) & (lenders < len(newcomers.known))
    places, found, alike = newcomers.like(lenders[known])
    good = alike >= ENOUGH
    if not good.any():
        return None
    places, found, alike = places[good], found[good], alike[good]
    worth = LENT * scores[:LENDERS][known][places] * np.minimum(alike / FULL, 1)
    # Each newcomer takes the most that it is lent; of equal lenders the one that is more alike.
    order = np.lexsort((-alike, -worth, found))
    order = order[heads_of(found[order])]
    places, found, alike, worth = places[order], found[order], alike[order], worth[order]
    order = np.lexsort((found, -alike, places))
    starts = heads_of(places[order])
    counts = np.append(starts[1:], len(order)) - starts
    worth[order] /= 1 + np.arange(len(order)) - np.repeat(starts, counts)
    codes = prepared.to_catalogue[found]
    there = codes != NOTHING
    return Lent(
        codes[there],
        worth[there].astype(np.float32),
        lenders[known][places[there]].astype(np.int32),
    )
