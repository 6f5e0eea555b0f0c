"""The content index: what items are made of, by which newcomers are compared with them.

It holds of each feature the items that have it, and of each item an outline: its vector in few
numbers, so that a request can tell without looking features up how alike any two items are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from persx.model.item import Item
from persx.recommend.content_vectors import (
    DIMENSIONS,
    WIDTH,
    ContentWeights,
    Features,
    features,
    having,
    rareness,
    vectors,
)

if TYPE_CHECKING:
    from scipy import sparse

OUTLINE: Final = 128
"""Numbers of an outline: the cosine of two of them is that of the vectors within about 0.09."""

SCALE: Final = 127
"""What 1 is in an outline, whose numbers are whole."""

TABLE: Final = 12 << 20
"""Bytes for counts and weights of all features while they are learned."""

_PIECE: Final = 1_000
"""Items that are read at a time, so that an index takes little more memory than it has bytes."""

_FEATURES: Final = 2 * 400 + 50
"""Features of one item at most, nearly: words of the title, of the text, and all else."""

_AGAIN: Final = 4
"""Each feature counts in so many numbers of an outline."""

_ODD: Final = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93)


def content_index(
    items: Sequence[Item | None],
    weights: ContentWeights,
    told: Callable[[float], None] = lambda _: None,
) -> Mapping[str, NDArray[Any]]:
    """Return the index of n items, read in pieces and, where there are several, twice.

    Args:
        items: By code; None where nothing is known of one.
        weights: What counts how much.
        told: Told the share that is done, now and then.
    """
    # Deciding loads no scipy; what fits does.
    from scipy import sparse

    pieces = [items[start : start + _PIECE] for start in range(0, len(items), _PIECE)] or [()]
    kept: Features | None = None
    counts = np.zeros(1, dtype=np.int32)
    for number, piece in enumerate(pieces, 1):
        kept = features(piece, weights)
        counts = counts + having(kept)
        told(0.4 * number / len(pieces))
    rare = rareness(counts, len(items))
    rows = []
    for number, piece in enumerate(pieces, 1):
        found = kept if kept is not None and len(pieces) == 1 else features(piece, weights)
        rows.append(vectors(found, rare, weights))
        told(0.4 + 0.5 * number / len(pieces))
    return indexed(sparse.vstack(rows, format="csr", dtype=np.float32), rare)


def index_memory(count: int) -> int:
    """Return about how many bytes `content_index` of so many items takes at most."""
    return 2 * TABLE + _PIECE * _FEATURES * 160 + count * (3 * (WIDTH + 20) * 8 + OUTLINE)


def indexed(rows: sparse.csr_matrix, rare: NDArray[np.float32]) -> Mapping[str, NDArray[Any]]:
    """Return the index of (n, DIMENSIONS) vectors, as arrays by name."""
    outlined = outlines(rows)
    columns = rows.T.tocsr()
    columns.sort_indices()
    return {
        "rareness": rare,
        "postings": columns.indices.astype(np.int32, copy=False),
        "values": columns.data.astype(np.float32, copy=False),
        "starts": columns.indptr.astype(np.int32, copy=False),
        "outlines": outlined,
    }


def postings(index: Mapping[str, NDArray[Any]], size: int) -> sparse.csr_matrix:
    """Return (DIMENSIONS, size): for each feature the items that have it, without copying."""
    # Deciding loads no scipy; what fits does.
    from scipy import sparse

    made: sparse.csr_matrix = sparse.csr_matrix(
        (index["values"], index["postings"], index["starts"]),
        shape=(DIMENSIONS, size),
        copy=False,
    )
    return made


def outlines(rows: sparse.csr_matrix) -> NDArray[np.int8]:
    """Return (n, OUTLINE) int8: vectors of length 1 in few numbers, 0 where there is nothing.

    Each feature is added to a few numbers that its hash names, with a sign that its hash says
    (Kane and Nelson 2014), so that products of outlines are those of the vectors in the mean.

    Args:
        rows: (n, DIMENSIONS) vectors, of any length.
    """
    found = np.zeros((rows.shape[0], OUTLINE), dtype=np.int8)
    for start in range(0, rows.shape[0], _PIECE):
        piece = rows[start : start + _PIECE]
        count = piece.shape[0]
        of = np.repeat(np.arange(count), np.diff(piece.indptr)) * OUTLINE
        places = piece.indices.astype(np.uint64) + np.uint64(1)
        sums = np.zeros(count * OUTLINE)
        for odd in _ODD[:_AGAIN]:
            hashed = places * np.uint64(odd)
            hashed ^= hashed >> np.uint64(29)
            hashed *= np.uint64(_ODD[0])
            sign = 1.0 - 2.0 * ((hashed >> np.uint64(40)) & np.uint64(1)).astype(np.float64)
            number = (hashed >> np.uint64(48)).astype(np.intp) % OUTLINE
            sums += np.bincount(of + number, weights=piece.data * sign, minlength=len(sums))
        made = sums.reshape(count, OUTLINE)
        lengths = np.sqrt((made**2).sum(axis=1, keepdims=True))
        found[start : start + count] = np.rint(made / np.maximum(lengths, 1e-12) * SCALE)
    return found
