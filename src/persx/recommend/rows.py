"""Rows of sparse matrices as flat arrays: many gathered and summed at once, without a loop."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from persx.recommend.query import Codes, Floats

Places = NDArray[np.int64]

_BITS: Final = 31
_MASK: Final = (1 << _BITS) - 1


def starts_of(rows: NDArray[np.integer[Any]], count: int) -> Places:
    """Return (count + 1,) where each row begins in flat arrays that are ordered by row; the end.

    >>> starts_of(np.array([0, 0, 2]), 3).tolist()
    [0, 2, 2, 3]
    """
    starts = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows, minlength=count), out=starts[1:])
    return starts


class Gathered(NamedTuple):
    """Where the entries of some rows stand, row after row.

    Attributes:
        places: (g,) places in the flat arrays.
        of: (g,) for which of the rows that were asked for each is: 0, 1, …
    """

    places: Places
    of: Places


def gather(starts: Places, rows: NDArray[np.integer[Any]]) -> Gathered:
    """Return the places of all entries of some rows.

    Args:
        starts: (r + 1,) as from `starts_of`.
        rows: Which rows, in any order.

    >>> gather(np.array([0, 2, 2, 5]), np.array([2, 0])).places.tolist()
    [2, 3, 4, 0, 1]
    """
    begins = starts[rows]
    lengths = starts[rows + 1] - begins
    ends = np.cumsum(lengths)
    of = np.repeat(np.arange(len(lengths)), lengths)
    return Gathered(np.arange(len(of)) + (begins - ends + lengths)[of], of)


class Summed(NamedTuple):
    """Sums by item.

    Attributes:
        items: (c,) codes, ascending, each once.
        scores: (c,) float32 sums.
        because: (c,) the number that came with the greatest part of each sum.
    """

    items: Codes
    scores: Floats
    because: Codes


def summed(items: Codes, parts: Floats, because: NDArray[np.integer[Any]]) -> Summed:
    """Return the sums of parts by item, each with what came with its greatest part.

    Args:
        items: (g,) codes, in any order.
        parts: (g,) finite, not negative.
        because: (g,) numbers from 0 below 2³¹; of equal parts the greatest number wins.

    >>> summed(np.array([4, 2, 4], "i4"), np.array([1, 5, 2], "f4"), np.array([7, 8, 9]))[1:]
    (array([5., 3.], dtype=float32), array([8, 9], dtype=int32))
    """
    if not len(items):
        none = np.empty(0, dtype=np.int32)
        return Summed(none, np.empty(0, dtype=np.float32), none)
    order = np.argsort(items, kind="stable")
    items, parts = items[order], parts[order]
    heads = heads_of(items)
    # The bits of floats that are not negative are ordered as the floats are.
    marked = (parts.view(np.int32).astype(np.int64) << _BITS) | because[order]
    most = np.maximum.reduceat(marked, heads) & _MASK
    return Summed(items[heads], np.add.reduceat(parts, heads), most.astype(np.int32))


def heads_of(keys: NDArray[np.integer[Any]]) -> Places:
    """Return the places in ordered keys, of which there is one, at which another key begins."""
    new = np.empty(len(keys), dtype=bool)
    new[0] = True
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    return np.flatnonzero(new)
