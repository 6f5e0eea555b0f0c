"""What the linear item–item models share: options, weights of visitors, and whom to ask for what.

A linear model predicts each item from the others that a visitor touched, by ridge regression in
which no item predicts itself (Steck 2019, "Embarrassingly shallow autoencoders for sparse data").
All that it needs of the data is the Gram matrix: which items are touched by the same visitors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.recommend.bounds import Amount, Count, Exponent, Positive, Share
from persx.recommend.interactions import Interactions

if TYPE_CHECKING:
    from scipy import sparse


class LinearConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the linear item–item models.

    Attributes:
        regularization: Added to the diagonal of the Gram matrix; more of it trusts rare items
            less.
        dropout: Share of a visitor's items that training leaves out at random, in expectation:
            dropout ÷ (1 − dropout) of each item's count is added to the diagonal too (Steck
            2020, "Autoencoders that don't overfit towards the identity").
        user_damping: A visitor counts number of items ^ −user_damping: at 0 as often as they
            touched, at 1 each visitor alike.
        popularity_damping: Scores are divided by number of visitors ^ popularity_damping: more
            of it shows less of what everybody knows.
        half_life: Days (places, where nobody knows the times) after which what a visitor
            touched counts half; 0 counts all alike.
        history: How many of a visitor's newest touches count.
    """

    regularization: Positive = 100.0
    dropout: Share = 0.3
    user_damping: Exponent = 0.3
    popularity_damping: Exponent = 0.1
    half_life: Amount = 30.0
    history: Count = 1_000


def weighted(data: Interactions, config: LinearConfig) -> sparse.csr_matrix:
    """Return users × items, float32, so that its Gram matrix counts each user as configured."""
    matrix = data.matrix()
    if config.user_damping:
        lengths = np.maximum(np.diff(matrix.indptr), 1)
        # The Gram matrix has each weight twice.
        matrix.data *= np.repeat(
            lengths ** np.float32(-config.user_damping / 2), np.diff(matrix.indptr)
        )
    return matrix


def diagonal(matrix: sparse.csr_matrix) -> NDArray[np.float32]:
    """Return the diagonal of the Gram matrix of users × items: (i,)."""
    return np.bincount(
        matrix.indices, weights=matrix.data.astype(np.float64) ** 2, minlength=matrix.shape[1]
    ).astype(np.float32)


def penalty(counts: NDArray[np.float32], config: LinearConfig) -> NDArray[np.float32]:
    """Return what is added to the diagonal of the Gram matrix, by item."""
    share = config.dropout / (1 - config.dropout)
    added: NDArray[np.float32] = np.float32(config.regularization) + np.float32(share) * counts
    return added


def damping(data: Interactions, power: float) -> NDArray[np.float32]:
    """Return what the scores of each item are multiplied by: its number of touches ^ −power."""
    return np.maximum(data.counts, 1).astype(np.float32) ** np.float32(-power)
