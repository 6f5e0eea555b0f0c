"""Sparse item–item weights: made from who touched what, and summed over a visitor's items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from persx.recommend.profile import Profile
from persx.recommend.query import NO_CANDIDATES, NOTHING, Candidates, Codes, Floats
from persx.recommend.rows import starts_of

if TYPE_CHECKING:
    from scipy import sparse

BLOCK_CELLS: Final = 4_000_000
"""How many cells of items × items are looked at together; each takes about 64 bytes meanwhile."""


class Rows(NamedTuple):
    """An item–item matrix by rows: what touching an item says for others.

    Attributes:
        starts: (i+1,) int64; row r is the part `starts[r]` to `starts[r+1]` of the others.
        items: (w,) int32, the item that a weight is for.
        weights: (w,) float32.
    """

    starts: NDArray[np.int64]
    items: Codes
    weights: Floats

    @classmethod
    def of(cls, matrix: sparse.csr_matrix) -> Rows:
        """Return the rows of a square sparse matrix."""
        return cls(
            matrix.indptr.astype(np.int64),
            matrix.indices.astype(np.int32),
            matrix.data.astype(np.float32),
        )


def ranked(rows: Rows, profile: Profile, limit: int) -> Candidates:
    """Return the items for which a profile speaks most, with the touched item that speaks most.

    Reads only the rows of the profile's items. Touched items may be among the answer.
    """
    if not len(profile.items):
        return NO_CANDIDATES
    of_items, of_weights = np.asarray(rows.items), np.asarray(rows.weights)
    starts, ends = rows.starts[profile.items], rows.starts[profile.items + 1]
    spans = [slice(*span) for span in zip(starts.tolist(), ends.tolist(), strict=True)]
    flat = np.concatenate([of_items[span] for span in spans])
    if not len(flat):
        return NO_CANDIDATES
    lengths = ends - starts
    parts = np.concatenate([of_weights[span] for span in spans])
    parts = parts * np.repeat(profile.weights, lengths)
    sums = np.bincount(flat, weights=parts)
    found = np.flatnonzero(sums > 0).astype(np.int32)
    scores = sums[found]
    if len(found) > limit:
        top = np.argpartition(scores, len(scores) - limit)[len(scores) - limit :]
        found, scores = found[top], scores[top]
    if not len(found):
        return NO_CANDIDATES
    because = _strongest(found, flat, parts, np.repeat(profile.items, lengths), len(sums))
    return Candidates(found, scores.astype(np.float32), because)


def _strongest(found: Codes, flat: Codes, parts: NDArray[Any], sources: Codes, count: int) -> Codes:
    """Return for each found item the source of its largest part."""
    slot = np.full(count, NOTHING, dtype=np.int32)
    slot[found] = np.arange(len(found), dtype=np.int32)
    slots = slot[flat]
    among = np.flatnonzero(slots != NOTHING)
    among = among[np.argsort(parts[among], kind="stable")]
    because = np.full(len(found), NOTHING, dtype=np.int32)
    because[slots[among]] = sources[among]  # Of several the last is kept: the largest.
    return because


def blocks(item_count: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of items of which a dense block of items × items fits into memory."""
    step = max(1, BLOCK_CELLS // max(1, item_count))
    for start in range(0, item_count, step):
        yield start, min(item_count, start + step)


def together(matrix: sparse.csr_matrix) -> Iterator[tuple[int, sparse.csr_matrix]]:
    """Yield blocks of the Gram matrix of groups × items: the first item, its rows.

    Args:
        matrix: (g, i), what each group touched, in any weights.
    """
    turned = matrix.T.tocsr()
    for start, end in blocks(matrix.shape[1]):
        yield start, turned[start:end] @ matrix


def strongest(matrix: sparse.csr_matrix, most: int) -> sparse.csr_matrix:
    """Return a sparse matrix with only the `most` greatest entries of each row."""
    # Deciding loads no scipy; what fits does.
    from scipy import sparse

    lengths = np.diff(matrix.indptr)
    if not len(lengths) or lengths.max(initial=0) <= most:
        return matrix
    # Only what is as great as the last that is kept has to be put in order.
    among = np.ones(len(matrix.data), dtype=bool)
    for row in np.flatnonzero(lengths > most).tolist():
        values = matrix.data[matrix.indptr[row] : matrix.indptr[row + 1]]
        least = np.partition(values, len(values) - most)[len(values) - most]
        among[matrix.indptr[row] : matrix.indptr[row + 1]] = values >= least
    places = np.flatnonzero(among)
    rows = np.repeat(np.arange(len(lengths)), lengths)[places]
    # By row, then the greatest first; of equal ones the item with the lower code.
    order = np.lexsort((matrix.indices[places], -matrix.data[places], rows))
    rank = np.arange(len(order)) - starts_of(rows, len(lengths))[rows]
    kept = places[order[rank < most]]
    starts = np.concatenate(([0], np.cumsum(np.minimum(lengths, most))))
    return sparse.csr_matrix((matrix.data[kept], matrix.indices[kept], starts), matrix.shape)
