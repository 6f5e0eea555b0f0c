"""ials: visitors and items as vectors whose products say what is touched; needs `implicit`."""

from __future__ import annotations

import warnings
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.model.errors import Unavailable
from persx.recommend.bounds import Amount, Count
from persx.recommend.interactions import Interactions
from persx.recommend.profile import profile
from persx.recommend.query import NO_CANDIDATES, Candidates, Query
from persx.recommend.recommenders.kind import Arrays, Progress, best, silent


class IalsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `ials`.

    Attributes:
        factors: Length of the vectors.
        regularization: How much long vectors cost.
        alpha: How much more a touch weighs than that there is none: 1 + alpha to 1.
        iterations: How often visitors and items are solved for in turn.
        seed: Of the vectors at the start.
        half_life: Days (places, where nobody knows the times) after which what a visitor
            touched counts half; 0 counts all alike.
        history: How many of a visitor's newest touches count.
    """

    factors: Count = 64
    regularization: Amount = 1.0
    alpha: Amount = 10.0
    iterations: Count = 15
    seed: int = 20
    half_life: Amount = 30.0
    history: Count = 1_000


class Ials:
    """Alternating least squares for implicit feedback, with unknown visitors folded in.

    Source: Hu, Koren and Volinsky 2008, "Collaborative filtering for implicit feedback datasets";
    a visitor's vector is solved for when asked, so that nobody has to be known beforehand, and
    the same solution says which of the touched items speaks most for each (their section 5).
    """

    name = "ials"
    description = "Vectors of visitors and items, by alternating least squares; needs 'implicit'."
    config = IalsConfig

    def memory(self, data: Interactions, config: IalsConfig) -> int:
        vectors = 4 * config.factors * (data.item_count + data.user_count)
        return 2 * vectors + 64 * len(data.items)

    def fit(self, data: Interactions, config: IalsConfig, progress: Progress = silent) -> Arrays:
        library = _library()
        matrix = data.matrix()
        if not matrix.nnz:
            vectors = np.zeros((data.item_count, config.factors), dtype=np.float32)
        else:
            vectors = _vectors(library, matrix, config, progress)
        gram = vectors.T @ vectors
        gram[np.diag_indices(len(gram))] += np.float32(max(config.regularization, 1e-6))
        progress(1.0)
        return {"vectors": vectors, "gram": gram}

    def rank(self, arrays: Arrays, config: IalsConfig, query: Query, limit: int) -> Candidates:
        known = profile(query, half_life=config.half_life, history=config.history)
        if not len(known.items):
            return NO_CANDIDATES
        vectors = np.asarray(arrays["vectors"])
        touched = vectors[known.items]
        strength = config.alpha * known.weights
        system = arrays["gram"] + (touched.T * strength) @ touched
        # Column h of `speaks` is what touched item h adds to the visitor's vector.
        speaks = np.linalg.solve(system, touched.T * (1 + strength))
        scores = vectors @ speaks.sum(axis=1)
        top = best(scores, limit)
        if not len(top):
            return NO_CANDIDATES
        because = known.items[np.argmax(vectors[top] @ speaks, axis=1)].astype(np.int32)
        return Candidates(top, scores[top].astype(np.float32), because)


def _vectors(
    library: Any, matrix: Any, config: IalsConfig, progress: Progress
) -> NDArray[np.float32]:
    """Return the items' vectors, (i, factors)."""
    # Installed with the library, which asks for one thread in BLAS: its own is faster than many.
    from threadpoolctl import threadpool_limits

    # It weighs a cell by its value and takes 1 off for what is not touched.
    matrix.data *= np.float32(1 + config.alpha)
    done = iter(range(1, config.iterations + 1))
    with threadpool_limits(limits=1, user_api="blas"):
        model = library.als.AlternatingLeastSquares(
            factors=config.factors,
            regularization=config.regularization,
            alpha=1.0,
            iterations=config.iterations,
            random_state=config.seed,
            num_threads=1,
            use_gpu=False,
        )
        model.fit(
            matrix,
            show_progress=False,
            callback=lambda *_: progress(next(done) / (config.iterations + 1)),
        )
    return np.ascontiguousarray(model.item_factors, dtype=np.float32)


def _library() -> Any:
    """Return the library that fits the vectors.

    Raises:
        Unavailable: It is not installed.
    """
    try:
        with warnings.catch_warnings():
            # Of the threads in BLAS, which are limited for it.
            warnings.simplefilter("ignore")
            import implicit
            import implicit.als
    except ImportError:
        raise Unavailable(
            "'ials' needs the package 'implicit', which is not installed.",
            hint="Install it: pip install 'persx[recommend]'",
        ) from None
    return implicit


IALS: Final = Ials()
