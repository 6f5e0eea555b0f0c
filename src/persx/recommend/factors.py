"""Vectors of visitors and items, each solved for exactly while the others stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from persx.recommend.query import Floats
from persx.recommend.rows import gather

if TYPE_CHECKING:
    from scipy import sparse

WORK: Final = 64 << 20
"""About so many bytes are taken at most while vectors are solved for, beside the vectors."""

_CELLS: Final = 1_000_000
_WIDER: Final = 1.15


class Basis(NamedTuple):
    """Vectors turned so that their Gram matrix is a diagonal; their products stay as they are.

    Attributes:
        vectors: (n, f) float32.
        scales: (f,) float32, the diagonal of weight · vectorsᵀ vectors, not negative.
    """

    vectors: Floats
    scales: Floats

    @classmethod
    def of(cls, vectors: Floats, weight: float) -> Basis:
        """Return vectors in the basis of their own Gram matrix, which counts `weight`."""
        gram = (vectors.T @ vectors).astype(np.float64) * weight
        scales, turn = np.linalg.eigh(gram)
        turned: Floats = vectors @ turn.astype(np.float32)
        return cls(turned, np.maximum(scales, 0.0).astype(np.float32))


def speaking(touched: Floats, weights: Floats, diagonal: Floats) -> Floats:
    """Return (f, h) what each of h touched items adds to a visitor's vector; their sum is it.

    The vector x is the least of Σ weight · (1 − x·v)² over the touched v plus Σ diagonal · x².

    Args:
        touched: (h, f) vectors in their basis.
        weights: (h,) above 0, what each touch counts.
        diagonal: (f,) above 0: the basis' scales, and what long vectors cost.
    """
    root = np.sqrt(weights)[:, None]
    own = touched * root
    if len(own) < len(diagonal):
        # By Woodbury's identity a system of h unknowns says the same as one of f.
        spread = own / diagonal
        small = spread @ own.T
        small[np.diag_indices(len(own))] += 1
        return (np.linalg.solve(small, spread) * root).T.astype(np.float32)
    system = own.T @ own
    system[np.diag_indices(len(diagonal))] += diagonal
    return (np.linalg.solve(system, own.T) * root.T).astype(np.float32)


def solved(basis: Basis, touches: sparse.csr_matrix, penalties: Floats) -> Floats:
    """Return (r, f) the vectors of rows that touch some of a basis' vectors, each once.

    Rows that touch none have 0.

    Args:
        basis: The vectors that are touched, n of them.
        touches: (r, n) which row touches which.
        penalties: (r,) above 0, what a long vector costs each row.
    """
    count, factors = touches.shape[0], len(basis.scales)
    lengths = np.diff(touches.indptr)
    found = np.zeros((count, factors), dtype=np.float32)
    order = np.argsort(lengths, kind="stable")
    ordered = lengths[order]
    start = int(np.searchsorted(ordered, 0, "right"))
    short = int(np.searchsorted(ordered, factors))
    starts = touches.indptr.astype(np.int64)
    while start < short:
        # Rows of about the same length together, filled up with vectors of zeros.
        length = max(int(ordered[start] * _WIDER), int(ordered[start]) + 1)
        most = start + max(1, _CELLS // (length * (factors + length)))
        end = min(int(np.searchsorted(ordered, length, "right")), most, short)
        rows = order[start:end]
        width = int(ordered[end - 1])
        own = np.zeros((len(rows), width, factors), dtype=np.float32)
        where = gather(starts, rows)
        begins = np.cumsum(ordered[start:end]) - ordered[start:end]
        own[where.of, np.arange(len(where.of)) - begins[where.of]] = basis.vectors[
            touches.indices[where.places]
        ]
        spread = own / (basis.scales + penalties[rows, None])[:, None]
        system = spread @ own.transpose(0, 2, 1)
        system[:, np.arange(width), np.arange(width)] += 1
        ones = np.ones((len(rows), width, 1), dtype=np.float32)
        parts = np.linalg.solve(system, ones)
        found[rows] = (parts.transpose(0, 2, 1) @ spread)[:, 0]
        start = end
    for row in order[max(start, short) :].tolist():
        codes = touches.indices[starts[row] : starts[row + 1]]
        found[row] = _long(basis, codes, basis.scales + penalties[row])
    return found


def _long(basis: Basis, codes: NDArray[np.integer[Any]], diagonal: Floats) -> Floats:
    """Return the vector of a row that touches as many as there are factors, or more."""
    system = np.diag(diagonal)
    total = np.zeros(len(diagonal), dtype=np.float32)
    step = max(1, _CELLS // len(diagonal))
    for start in range(0, len(codes), step):
        own = basis.vectors[codes[start : start + step]]
        system += own.T @ own
        total += own.sum(axis=0)
    found: Floats = np.linalg.solve(system, total)
    return found
