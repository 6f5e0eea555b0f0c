"""Blending: what several recommenders say of a query becomes one list of candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from persx.recommend.query import NO_CANDIDATES, NOTHING, Candidates, Codes, Floats
from persx.recommend.ranking.known import Known
from persx.recommend.ranking.prepared import Asked, Prepared

CANDIDATES: Final = 300
"""So many are asked of each source."""

WIDE: Final = 5_000
"""So many where filters left too few of them."""


class Blended(NamedTuple):
    """Candidates, best first. c items.

    Attributes:
        items: (c,) codes in the catalogue, each once.
        scores: (c,) float32, greater than or equal to 0.
        origin: (c,) place in `sources` of the one that counts most for each.
        because: (c,) code in what was trained of the touched item that speaks for each, or
            `NOTHING`.
        sources: Those that were asked.
        where: What each of them says that its answer rests on.
        whole: No source has more to say.
    """

    items: Codes
    scores: Floats
    origin: NDArray[np.intp]
    because: Codes
    sources: tuple[Asked, ...]
    where: tuple[str, ...]
    whole: bool

    def part(self, start: int, end: int | None) -> Blended:
        """Return some of them, by their places."""
        return self._replace(
            items=self.items[start:end],
            scores=self.scores[start:end],
            origin=self.origin[start:end],
            because=self.because[start:end],
        )


class _Said(NamedTuple):
    items: Codes
    scores: Floats
    because: Codes


def scaled(scores: NDArray[Any]) -> Floats:
    """Return one source's scores from 0 to 1, the best being 1.

    They are divided by the greatest, so that what is half as good stays half as good; where some
    are negative, the least becomes 0.

    >>> scaled(np.array([2.0, 1.0, 4.0])).tolist()
    [0.5, 0.25, 1.0]
    """
    found: Floats = scores.astype(np.float32)
    if not len(found):
        return found
    least = found.min()
    if least < 0:
        found -= least
    most = found.max()
    if not most > 0:
        return np.ones_like(found)
    found /= most
    return found


def blended(
    prepared: Prepared,
    sources: Sequence[Asked],
    known: Known,
    allowed: NDArray[np.bool_],
    limit: int = CANDIDATES,
) -> Blended:
    """Return what sources say of what is known, as far as it may be shown.

    Each source's scores of what may be shown are scaled to 0…1 and count by its weight; what it
    does not name has 0 of it.
    """
    told: list[_Said] = []
    where, whole = [], True
    for asked in sources:
        trained = asked.trained
        answer = NO_CANDIDATES
        if not asked.alone:
            query = known.stood if asked.stood else known.query
            answer = trained.recommender.rank(trained.arrays, trained.config, query, limit)
        if asked.beside is not None:
            answer = _joined(answer, asked.beside.rank(known.wide, limit))
        whole = whole and len(answer.items) < limit
        where.append(answer.where)
        told.append(_said(prepared, answer, allowed, asked.weight))
    if len(told) == 1:
        items, scores, because = told[0]
        origin = np.zeros(len(items), dtype=np.intp)
    else:
        items, scores, because, origin = _together(told)
    # Of equal ones that with the lower code, however many sources there are.
    order = np.lexsort((items, -scores))
    found = Blended(
        items[order],
        scores[order],
        origin[order],
        because[order],
        tuple(sources),
        tuple(where),
        whole,
    )
    compares = [place for place, asked in enumerate(sources) if asked.beside is not None]
    return _with_lent(prepared, known, found, allowed, compares[0]) if compares else found


def _with_lent(
    prepared: Prepared, known: Known, found: Blended, allowed: NDArray[np.bool_], source: int
) -> Blended:
    """Return candidates with what they lend to newcomers, in the name of a source."""
    # It works with scipy, which is there already: newcomers are compared with it.
    from persx.recommend.ranking.lending import lent

    newcomers = found.sources[source].beside
    given = lent(prepared, newcomers, found.items, found.scores) if newcomers else None
    if given is None:
        return found
    may = allowed[given.items]
    own = known.wide.items[known.wide.items >= len(newcomers.known)] if newcomers else ()
    if len(own):
        # What they have touched themselves needs no recommendation by what it is like.
        may &= ~np.isin(prepared.to_trained[given.items], own)
    items, lent_scores, because = given.items[may], given.scores[may], given.because[may]
    if not len(items) or not len(found.items):
        return found
    # Of what a newcomer has by what was touched, and what it is lent, the more counts; the first
    # says why, for it is nearer.
    by_code = np.argsort(found.items)
    at = by_code[np.searchsorted(found.items, items, sorter=by_code).clip(max=len(by_code) - 1)]
    fresh = found.items[at] != items
    scores = np.append(found.scores, lent_scores[fresh])
    scores[at[~fresh]] = np.maximum(scores[at[~fresh]], lent_scores[~fresh])
    order = np.argsort(-scores, kind="stable")
    return found._replace(
        items=np.append(found.items, items[fresh])[order],
        scores=scores[order],
        because=np.append(found.because, because[fresh])[order],
        origin=np.append(found.origin, np.full(int(fresh.sum()), source, dtype=np.intp))[order],
    )


def _joined(left: Candidates, right: Candidates) -> Candidates:
    """Return the answers of one source in two parts; what both name has the scores of both."""
    if not len(right.items):
        return left
    if not len(left.items):
        return right
    items = np.concatenate([left.items, right.items])
    scores = np.concatenate([left.scores, right.scores])
    because = np.concatenate([_because(left), _because(right)])
    unique, first, place = np.unique(items, return_index=True, return_inverse=True)
    total = np.bincount(place, weights=scores).astype(np.float32)
    return Candidates(unique.astype(np.int32), total, because[first], left.where)


def _because(answer: Candidates) -> Codes:
    if answer.because is None:
        return np.full(len(answer.items), NOTHING, dtype=np.int32)
    return answer.because


def _said(
    prepared: Prepared, answer: Candidates, allowed: NDArray[np.bool_], weight: float
) -> _Said:
    codes = prepared.to_catalogue[answer.items]
    # The last element stands for what the catalogue lacks; it is not shown whatever it says.
    keep = (codes != NOTHING) & allowed[codes] if len(allowed) else np.zeros(len(codes), bool)
    codes = codes[keep]
    scores = scaled(answer.scores[keep])
    if weight != 1:
        scores *= weight
    return _Said(codes, scores, _because(answer)[keep])


def _together(told: Sequence[_Said]) -> tuple[Codes, Floats, Codes, NDArray[np.intp]]:
    if not told:
        nothing = np.empty(0, dtype=np.int32)
        return nothing, nothing.astype(np.float32), nothing, nothing.astype(np.intp)
    items = np.concatenate([each.items for each in told])
    scores = np.concatenate([each.scores for each in told])
    origin = np.repeat(np.arange(len(told)), [len(each.items) for each in told])
    because = np.concatenate([each.because for each in told])
    unique, place = np.unique(items, return_inverse=True)
    total = np.bincount(place, weights=scores, minlength=len(unique)).astype(np.float32)
    # Written in the order of their scores, the one that counts most is the last for each item.
    order = np.argsort(scores, kind="stable")
    most = np.zeros(len(unique), dtype=np.intp)
    most[place[order]] = order
    return unique.astype(np.int32), total, because[most], origin[most]
