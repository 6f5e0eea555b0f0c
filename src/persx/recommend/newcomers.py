"""Newcomers: neighbours of items that came after a training, until the next one knows them.

They are laid over what was fitted: a newcomer has the code after the last one that the artifact
knows, and is compared by its content with the items there and with other newcomers. A query that
holds newcomers' codes, or codes that newcomers are like, gets candidates of both kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress, count, islice
from operator import is_not
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from persx.model.item import Item
from persx.recommend.catalogue import Catalogue
from persx.recommend.content_index import OUTLINE, outlines, postings
from persx.recommend.content_vectors import DIMENSIONS, features, nearest, vectors
from persx.recommend.query import NO_CANDIDATES, NOTHING, Candidates, Codes, Floats, Query
from persx.recommend.recommenders.content import ContentConfig, summed, touched
from persx.recommend.recommenders.kind import Arrays

MOST: Final = 5_000
"""Newcomers that are kept; those beyond wait for the next training."""

PIECE: Final = 100
"""Newcomers that are taken up at a time: a few milliseconds each."""

ENOUGH: Final = 0.15
"""What is less alike does not stand in for a newcomer."""

_NO_CODES: Final = np.empty(0, dtype=np.int32)
_NO_FLOATS: Final = np.empty(0, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Newcomers:
    """Items beside an artifact of n items. It never changes; taking more up gives another one.

    Make one with `beside`.

    Attributes:
        known: The artifact's codes by id.
        ids: The newcomers' ids, m of them; the first has the code n.
        outlines: (m, OUTLINE) int8, see `persx.recommend.content_index.outlines`.
        looked_at: So many codes of the catalogue were looked at.
    """

    arrays: Arrays
    config: ContentConfig
    known: Mapping[str, int]
    ids: tuple[str, ...] = ()
    outlines: NDArray[np.int8] = field(
        default_factory=lambda: np.empty((0, OUTLINE), dtype=np.int8)
    )
    looked_at: int = 0
    _places: Mapping[str, int] = field(default_factory=dict)
    _items: tuple[Item, ...] = ()
    _at: tuple[int, ...] = ()
    _gone: tuple[int, ...] = ()
    _left: tuple[int, ...] = ()
    _vectors: sparse.csr_matrix = field(
        default_factory=lambda: sparse.csr_matrix((0, DIMENSIONS), dtype=np.float32)
    )
    _has: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=np.bool_))
    _sources: Codes = field(default_factory=lambda: _NO_CODES)
    _targets: Codes = field(default_factory=lambda: _NO_CODES)
    _alike: Floats = field(default_factory=lambda: _NO_FLOATS)

    @property
    def complete(self) -> bool:
        """Whether every item of the catalogue that was looked at is known, or as many as may be."""
        return not self._left

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

    def lag(self, catalogue: Catalogue) -> bool:
        """Tell whether a catalogue holds items to be taken up, or newcomers that are others now."""
        if not self.complete or self.looked_at != catalogue.size:
            return True
        items = catalogue.items
        came_back = len(self.ids) < MOST and any(items[code] is not None for code in self._gone)
        return came_back or next(self._changed(catalogue), None) is not None

    def with_those_of(self, catalogue: Catalogue, most: int = PIECE) -> Newcomers:
        """Return these and the items of a catalogue that are not known yet, up to `most` more.

        Newcomers whose words, category, brand or tags have changed are compared anew, and count
        among them. `complete` tells whether any are left; asking again takes up more.
        """
        if not self.lag(catalogue):
            return self
        again = dict(islice(self._changed(catalogue), most))
        room = min(most - len(again), MOST - len(self.ids))
        fresh: list[Item] = []
        gone: list[int] = []
        waiting = [*self._gone, *self._left, *range(self.looked_at, catalogue.size)]
        done = 0
        for code in waiting:
            item = catalogue.items[code]
            if item is None:
                gone.append(code)
            elif self.code(item.id) == NOTHING:
                if len(fresh) == room:
                    break
                fresh.append(item)
            done += 1
        full = len(self.ids) + len(fresh) == MOST
        found = replace(
            self,
            looked_at=catalogue.size,
            _gone=tuple(gone),
            _left=() if full else tuple(waiting[done:]),
        )
        return found._joined(again, fresh, catalogue) if again or fresh else found

    def _changed(self, catalogue: Catalogue) -> Iterator[tuple[int, Item]]:
        """Yield the places of newcomers that are made of something else now; those items."""
        now = [catalogue.items[code] for code in self._at]
        for place in compress(count(), map(is_not, now, self._items)):
            item = now[place]
            if item is not None and _made_of(item) != _made_of(self._items[place]):
                yield place, item

    def _joined(
        self, again: Mapping[int, Item], fresh: Sequence[Item], catalogue: Catalogue
    ) -> Newcomers:
        """Return these with some compared anew, by place, and with more behind them."""
        base, before = len(self.known), len(self.ids)
        weights = self.config.weights
        items = [*again.values(), *fresh]
        made = vectors(features(items, weights), self.arrays["rareness"], weights)
        places = [*again, *range(before, before + len(fresh))]
        # Where the row of each newcomer is: below those that were, the ones that are made now.
        rows = np.arange(before + len(fresh))
        rows[places] = before + np.arange(len(places))
        together = sparse.vstack([self._vectors, made], format="csr", dtype=np.float32)[rows]
        compared = np.zeros(len(rows), dtype=np.bool_)
        compared[places] = True
        stay = ~(_of(self._sources, compared, base) | _of(self._targets, compared, base))
        sources, targets = [self._sources[stay]], [self._targets[stay]]
        alike = [self._alike[stay]]
        most, least = self.config.neighbours, self.config.least
        for columns, shift in ((postings(self.arrays, base), 0), (together.T.tocsr(), base)):
            for row, others, values in nearest(made, columns, most + (shift > 0), least):
                own = base + places[row]
                codes = (others + shift).astype(np.int32)
                # Each pair once in each direction: two that are compared now meet twice.
                new = ~_of(codes, compared, base) | (codes > own)
                codes, values = codes[new], values[new]
                mine = np.full(len(codes), own, dtype=np.int32)
                sources += [mine, codes]
                targets += [codes, mine]
                alike += [values, values]
        all_sources = np.concatenate(sources)
        order = np.argsort(all_sources, kind="stable")
        ids = (*self.ids, *(item.id for item in fresh))
        has = np.zeros(base + len(ids), dtype=np.bool_)
        has[all_sources] = True
        kept = list(self._items)
        for place, item in again.items():
            kept[place] = item
        return replace(
            self,
            ids=ids,
            outlines=np.concatenate([self.outlines, outlines(made)])[rows],
            _places={id: place for place, id in enumerate(ids)},
            _items=(*kept, *fresh),
            _at=(*self._at, *(catalogue.codes[item.id] for item in fresh)),
            _vectors=together,
            _has=has,
            _sources=all_sources[order],
            _targets=np.concatenate(targets)[order],
            _alike=np.concatenate(alike)[order],
        )

    def rank(self, query: Query, limit: int) -> Candidates:
        """Return up to about `limit` items, as a recommender does.

        Newcomers that are like what was touched, whoever knows that; and for touched newcomers
        all that is like them. Codes of the query and of the answer go up to `size`.
        """
        if not self._speaks_of(query):
            return NO_CANDIDATES
        codes, weights = touched(self.config, query, self.size)
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

    def _speaks_of(self, query: Query) -> bool:
        """Tell whether anything that was touched has a neighbour here: most often nothing has."""
        has, codes = self._has, np.append(query.items, np.int32(query.anchor))
        return bool(has[codes[(codes >= 0) & (codes < len(has))]].any())

    def neighbours(self, code: int) -> tuple[Codes, Floats]:
        """Return the items that an item has here, and how alike they are."""
        start, end = np.searchsorted(self._sources, [code, code + 1])
        return self._targets[start:end], self._alike[start:end]

    def like(self, codes: Codes) -> tuple[NDArray[np.intp], Codes, Floats]:
        """Return the newcomers that are like some items: of which item (its place), code, cosine.

        Args:
            codes: (c,) of the artifact.
        """
        starts = np.searchsorted(self._sources, codes, side="left")
        counts = np.searchsorted(self._sources, codes, side="right") - starts
        if not counts.any():
            return np.empty(0, dtype=np.intp), _NO_CODES, _NO_FLOATS
        at = _ranges(starts, counts)
        fresh = self._targets[at] >= len(self.known)
        of = np.repeat(np.arange(len(codes)), counts)
        return of[fresh], self._targets[at[fresh]], self._alike[at[fresh]]

    def stand_in(self, code: int, shown: Callable[[Codes], NDArray[np.bool_]]) -> int:
        """Return the artifact's item that a newcomer is most like; `NOTHING` where none is.

        Args:
            shown: Tells of the artifact's codes which of them may stand in.
        """
        others, alike = self.neighbours(code)
        good = (others < len(self.known)) & (alike >= ENOUGH)
        others, alike = others[good], alike[good]
        may = shown(others)
        others, alike = others[may], alike[may]
        if not len(others):
            return NOTHING
        # Of equal ones the lower code, so that the same data gives the same answer.
        return int(others[np.lexsort((others, -alike))[0]])


def beside(arrays: Arrays, config: ContentConfig, known: Mapping[str, int]) -> Newcomers:
    """Return what newcomers join, without any yet.

    Args:
        arrays: What `content` was fitted to, or `content_index` of the artifact's items where
            the pipeline has no such source; outlines are not needed.
        config: Its options.
        known: The artifact's codes by id.
    """
    return Newcomers(arrays=arrays, config=config, known=known)


def _made_of(item: Item) -> tuple[object, ...]:
    return item.title, item.text, item.category, item.brand, item.tags


def _of(codes: Codes, newcomers: NDArray[np.bool_], base: int) -> NDArray[np.bool_]:
    """Tell of codes whether each is one of some newcomers."""
    found = codes >= base
    found[found] = newcomers[codes[found] - base]
    return found


def _ranges(starts: NDArray[np.intp], counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the numbers from each start on, as many as its count.

    >>> _ranges(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(counts)
    found: NDArray[np.intp] = np.arange(ends[-1]) + np.repeat(starts - (ends - counts), counts)
    return found
