"""Likeness: how alike candidates are to what has a place already, for lists that are diverse.

Where the artifact knows what its items are made of, it is the cosine of their vectors, by words,
category, brand and tags; elsewhere what category and brand tell.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from persx.recommend.catalogue import Columns
from persx.recommend.content_index import SCALE
from persx.recommend.query import NOTHING, Codes, Floats
from persx.recommend.ranking.prepared import Prepared

QUARTER: Final = np.float32(0.25)
"""How alike two items are of one widest category. Those of one narrowest category are twice so,
those of one brand twice, those of both four times."""


class Likeness(Protocol):
    """How alike c candidates are to the items that were taken so far: to the most alike one."""

    @property
    def most(self) -> Floats:
        """(c,) from 0 to 1."""
        ...

    def take(self, item: int) -> None:
        """Count one more item, by its code in the catalogue."""
        ...


class ByTraits:
    """By category and brand, in quarters."""

    def __init__(self, columns: Columns, tops: Codes, items: Codes) -> None:
        self._columns, self._tops = columns, tops
        self._categories = columns.category[items]
        self._widest = tops[self._categories]
        self._brands = columns.brand[items]
        self._most = np.zeros(len(items), dtype=np.int8)

    @property
    def most(self) -> Floats:
        """(c,) from 0 to 1."""
        return QUARTER * self._most

    def take(self, item: int) -> None:
        """Count one more item."""
        category, brand = self._columns.category[item], self._columns.brand[item]
        found = np.zeros(len(self._most), dtype=np.int8)
        if category != NOTHING:
            found += (self._categories == category).view(np.int8)
            found += (self._widest == self._tops[category]).view(np.int8)
        if brand != NOTHING:
            same = (self._brands == brand).view(np.int8)
            found += same
            found += same
        np.maximum(self._most, found, out=self._most)


class Outlines(NamedTuple):
    """Outlines of t items of an artifact, and of those that came after it.

    Attributes:
        known: (t, OUTLINE) int8.
        fresh: (newcomers, OUTLINE) int8.
    """

    known: NDArray[np.int8]
    fresh: NDArray[np.int8]

    def of(self, codes: Codes) -> Floats:
        """Return (c, OUTLINE) whole numbers, 0 for `NOTHING`: it is like nothing."""
        count = len(self.known)
        if not count:
            return self._beside(codes)
        found = self.known[np.minimum(codes, count - 1)].astype(np.float32)
        others = np.flatnonzero((codes < 0) | (codes >= count))
        if len(others):
            found[others] = self._beside(codes[others] - count)
        return found

    def one(self, code: int) -> NDArray[np.int8] | None:
        """Return the outline of one item; none for `NOTHING`."""
        if code < 0:
            return None
        here = code < len(self.known)
        found: NDArray[np.int8] = self.known[code] if here else self.fresh[code - len(self.known)]
        return found

    def _beside(self, places: Codes) -> Floats:
        found = np.zeros((len(places), self.known.shape[1]), dtype=np.float32)
        there = places >= 0
        found[there] = self.fresh[places[there]]
        return found


class ByContent:
    """By the cosine of what they are made of."""

    def __init__(self, outlines: Outlines, to_trained: Codes, items: Codes) -> None:
        self._outlines, self._to_trained = outlines, to_trained
        self._rows = outlines.of(to_trained[items])
        self._most = np.zeros(len(items), dtype=np.float32)

    @property
    def most(self) -> Floats:
        """(c,) from 0 to 1."""
        return self._most

    def take(self, item: int) -> None:
        """Count one more item."""
        own = self._outlines.one(int(self._to_trained[item]))
        if own is not None:
            alike = self._rows @ (own * np.float32(1 / SCALE**2))
            np.maximum(self._most, alike, out=self._most)


def likeness_among(prepared: Prepared, items: Codes) -> Likeness:
    """Return how alike some candidates are, while nothing is taken yet."""
    index = prepared.trained.alike if prepared.trained is not None else None
    known = index.arrays.get("outlines") if index is not None else None
    if known is None:
        return ByTraits(prepared.catalogue.columns, prepared.tops, items)
    newcomers = prepared.newcomers
    fresh = known[:0] if newcomers is None else newcomers.outlines
    return ByContent(Outlines(known, fresh), prepared.to_trained, items)
