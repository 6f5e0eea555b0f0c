"""Newcomers: neighbours of items that came after a training, until the next one knows them.

They are laid over what was fitted: a newcomer has the code after the last one that the artifact
knows, and is compared by its content with the items there and with other newcomers. A query that
holds newcomers' codes, or codes that newcomers are like, gets candidates of both kinds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from persx.recommend.catalogue import Catalogue
from persx.recommend.content_vectors import DIMENSIONS, features, nearest, vectors
from persx.recommend.query import NO_CANDIDATES, NOTHING, Candidates, Codes, Floats, Query
from persx.recommend.recommenders.content import ContentConfig, postings, summed, touched
from persx.recommend.recommenders.kind import Arrays

MOST: Final = 5_000
"""Newcomers that are kept; those beyond wait for the next training."""

PIECE: Final = 100
"""Newcomers that are taken up at a time: a few milliseconds each."""

_NO_CODES: Final = np.empty(0, dtype=np.int32)
_NO_FLOATS: Final = np.empty(0, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Newcomers:
    """Items beside an artifact of n items. It never changes; taking more up gives another one.

    Make one with `beside`.

    Attributes:
        known: The artifact's codes by id.
        ids: The newcomers' ids; the first has the code n.
        complete: Every item of the catalogue that was looked at is known or a newcomer.
        looked_at: So many codes of the catalogue were looked at.
    """

    arrays: Arrays
    config: ContentConfig
    known: Mapping[str, int]
    ids: tuple[str, ...] = ()
    looked_at: int = 0
    complete: bool = True
    _places: Mapping[str, int] = field(default_factory=dict)
    _vectors: sparse.csr_matrix = field(
        default_factory=lambda: sparse.csr_matrix((0, DIMENSIONS), dtype=np.float32)
    )
    _sources: Codes = field(default_factory=lambda: _NO_CODES)
    _targets: Codes = field(default_factory=lambda: _NO_CODES)
    _alike: Floats = field(default_factory=lambda: _NO_FLOATS)

    @property
    def size(self) -> int:
        """How many codes there are: the artifact's, then the newcomers'."""
        return len(self.known) + len(self.ids)

    def code(self, id: str) -> int:
        """Return the code of an item, the artifact's or a newcomer's; `NOTHING` for others."""
        found = self.known.get(id, NOTHING)
        if found == NOTHING and (place := self._places.get(id)) is not None:
            return len(self.known) + place
        return found

    def id(self, code: int) -> str:
        """Return the id of a newcomer by its code."""
        return self.ids[code - len(self.known)]

    def with_those_of(self, catalogue: Catalogue, most: int = PIECE) -> Newcomers:
        """Return these and the items of a catalogue that are not known yet, up to `most` more.

        `complete` tells whether any are left; asking again takes up more. Costs a comparison
        where nothing is new. Changed texts of newcomers wait for the next training, and so does
        an item that comes back after it was removed.
        """
        if self.complete and self.looked_at == catalogue.size:
            return self
        fresh: list[str] = []
        looked_at = self.looked_at
        room = min(most, MOST - len(self.ids))
        for item in catalogue.items[looked_at:]:
            if item is not None and self.code(item.id) == NOTHING:
                if len(fresh) == room:
                    break
                fresh.append(item.id)
            looked_at += 1
        if len(self.ids) + len(fresh) == MOST:
            looked_at = catalogue.size
        complete = looked_at == catalogue.size
        if not fresh:
            return replace(self, looked_at=looked_at, complete=complete)
        items = [catalogue.get(id) for id in fresh]
        weights = self.config.weights
        made = vectors(features(items, weights), self.arrays["rareness"], weights)
        return self._joined(fresh, made, looked_at, complete)

    def _joined(
        self, fresh: Sequence[str], made: sparse.csr_matrix, looked_at: int, complete: bool
    ) -> Newcomers:
        base, before = len(self.known), len(self.ids)
        together = sparse.vstack([self._vectors, made], format="csr", dtype=np.float32)
        most, least = self.config.neighbours, self.config.least
        sources, targets, alike = [self._sources], [self._targets], [self._alike]
        for columns, shift in ((postings(self.arrays, base), 0), (together.T.tocsr(), base)):
            for row, others, values in nearest(made, columns, most + (shift > 0), least):
                own = base + before + row
                codes = (others + shift).astype(np.int32)
                # Each pair once in each direction: two fresh ones meet twice.
                new = (codes < base + before) | (codes > own)
                codes, values = codes[new], values[new]
                mine = np.full(len(codes), own, dtype=np.int32)
                sources += [mine, codes]
                targets += [codes, mine]
                alike += [values, values]
        all_sources = np.concatenate(sources)
        order = np.argsort(all_sources, kind="stable")
        ids = (*self.ids, *fresh)
        return replace(
            self,
            ids=ids,
            looked_at=looked_at,
            complete=complete,
            _places={id: place for place, id in enumerate(ids)},
            _vectors=together,
            _sources=all_sources[order],
            _targets=np.concatenate(targets)[order],
            _alike=np.concatenate(alike)[order],
        )

    def rank(self, query: Query, limit: int) -> Candidates:
        """Return up to about `limit` items, as a recommender does.

        Newcomers that are like what was touched, whoever knows that; and for touched newcomers
        all that is like them. Codes of the query and of the answer go up to `size`.
        """
        codes, weights = touched(self.config, query, self.size)
        if not len(codes) or not len(self._sources):
            return NO_CANDIDATES
        starts = np.searchsorted(self._sources, codes, side="left")
        ends = np.searchsorted(self._sources, codes, side="right")
        counts = ends - starts
        if not counts.any():
            return NO_CANDIDATES
        places = _ranges(starts, counts)
        return summed(
            self._targets[places],
            (self._alike[places] * np.repeat(weights, counts)).astype(np.float32),
            np.repeat(codes, counts),
            limit,
        )

    def neighbours(self, code: int) -> tuple[Codes, Floats]:
        """Return the items that an item has here, and how alike they are."""
        start, end = np.searchsorted(self._sources, [code, code + 1])
        return self._targets[start:end], self._alike[start:end]


def beside(arrays: Arrays, config: ContentConfig, known: Mapping[str, int]) -> Newcomers:
    """Return what newcomers join, without any yet.

    Args:
        arrays: What `content` was fitted to, or `content_index` of the artifact's items where
            the pipeline has no such source.
        config: Its options.
        known: The artifact's codes by id.
    """
    return Newcomers(arrays=arrays, config=config, known=known)


def _ranges(starts: NDArray[np.intp], counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the numbers from each start on, as many as its count.

    >>> _ranges(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(counts)
    found: NDArray[np.intp] = np.arange(ends[-1]) + np.repeat(starts - (ends - counts), counts)
    return found
