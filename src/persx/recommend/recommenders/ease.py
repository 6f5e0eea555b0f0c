"""ease: every item predicted from all others at once, in closed form; for up to 15,000 items."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from persx.model.errors import BadInput
from persx.recommend.interactions import Interactions
from persx.recommend.linear import LinearConfig, damping, diagonal, penalty, weighted
from persx.recommend.neighbours import together
from persx.recommend.profile import profile
from persx.recommend.query import NO_CANDIDATES, NOTHING, Candidates, Codes, Floats, Query
from persx.recommend.recommenders.kind import Arrays, Progress, best, silent

MOST_ITEMS: Final = 15_000
"""Beyond this many touched items the matrix takes more than 900 MB and its inverse minutes."""

_CELL: Final = 4
_STRIP: Final = 256


class EaseConfig(LinearConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `ease`."""


class Ease:
    """Ridge regression of each item on all others, with a zero diagonal.

    Source: Steck 2019, "Embarrassingly shallow autoencoders for sparse data"; with P the inverse
    of the regularised Gram matrix, the weight of item i for item j is −P[i, j] ÷ P[j, j].
    """

    name = "ease"
    description = "Every item predicted from all others at once; up to 15,000 items."
    config = EaseConfig

    def memory(self, data: Interactions, config: EaseConfig) -> int:
        touched = int(np.count_nonzero(data.counts))
        return _CELL * touched**2 + 24 * len(data.items) + (256 << 20)

    def fit(self, data: Interactions, config: EaseConfig, progress: Progress = silent) -> Arrays:
        matrix = weighted(data, config)
        touched = np.unique(matrix.indices).astype(np.int32)
        count = len(touched)
        if count > MOST_ITEMS:
            raise BadInput(
                f"'ease' would need {_CELL * count**2:,} bytes for {count:,} items "
                f"(at most {MOST_ITEMS:,}).",
                value=count,
                hint="Use 'local_ease', which needs a few thousand bytes an item.",
            )
        places = np.full(data.item_count, NOTHING, dtype=np.int32)
        places[touched] = np.arange(count, dtype=np.int32)
        matrix = matrix[:, touched]
        weights = np.empty((count, count), dtype=np.float32)
        for start, block in together(matrix):
            block.toarray(out=weights[start : start + block.shape[0]])
        counts = diagonal(matrix)
        weights[np.diag_indices(count)] += penalty(counts, config)
        progress(0.2)
        _invert(weights, progress)
        own: Any = np.diagonal(weights)
        scale = -damping(data, config.popularity_damping)[touched] / own
        np.fill_diagonal(weights, 0.0)
        weights *= scale
        progress(1.0)
        return {"weights": weights, "touched": touched, "places": places}

    def rank(self, arrays: Arrays, config: EaseConfig, query: Query, limit: int) -> Candidates:
        known = profile(query, half_life=config.half_life, history=config.history)
        places = np.asarray(arrays["places"])[known.items]
        held = places != NOTHING
        if not held.any():
            return NO_CANDIDATES
        rows: Floats = np.asarray(arrays["weights"])[places[held]]
        scores = known.weights[held] @ rows
        top = best(scores, limit)
        parts = rows[:, top] * known.weights[held][:, None]
        because: Codes = known.items[held][np.argmax(parts, axis=0)].astype(np.int32)
        return Candidates(np.asarray(arrays["touched"])[top], scores[top], because)


def _invert(gram: Floats, progress: Progress) -> None:
    """Replace a symmetric positive definite matrix by its inverse, without a second one.

    LAPACK works on columns; of a symmetric matrix rows will do as well.

    Raises:
        BadInput: The matrix is not positive definite.
    """
    # Deciding loads no scipy; what fits does.
    from scipy.linalg.lapack import spotrf, spotri  # type: ignore[attr-defined]

    if not len(gram):
        return
    turned = gram.T
    factor, bad = spotrf(turned, lower=1, overwrite_a=1, clean=0)
    if bad:
        raise BadInput(
            "The items cannot be told apart with so little regularization.",
            hint="Set 'regularization' above 0.",
        )
    progress(0.5)
    inverse, _ = spotri(factor, lower=1, overwrite_c=1)
    if inverse.base is not gram and not np.shares_memory(inverse, gram):
        gram.T[...] = inverse
    # Only one triangle was computed: here, of rows, the upper one. The other is its mirror.
    for start in range(0, len(gram), _STRIP):
        end = min(len(gram), start + _STRIP)
        gram[end:, start:end] = gram[start:end, end:].T
        square = gram[start:end, start:end]
        upper = np.triu(square)
        square[...] = upper + np.triu(upper, 1).T
    progress(0.9)


EASE: Final = Ease()
