"""local_ease: every item predicted from its nearest neighbours only; for any number of items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from persx.model.errors import BadInput
from persx.recommend.bounds import Count, Exponent, Positive
from persx.recommend.interactions import Interactions
from persx.recommend.linear import LinearConfig, damping, diagonal, penalty, weighted
from persx.recommend.neighbours import BLOCK_CELLS, Rows, ranked, strongest, together
from persx.recommend.profile import profile
from persx.recommend.query import Candidates, Codes, Floats, Query
from persx.recommend.recommenders.kind import Arrays, Progress, silent

if TYPE_CHECKING:
    from scipy import sparse

_TOGETHER: Final = 8
"""Items that are solved for together: neighbours share most of what has to be looked up. More of
them share more, but then what they look it up in no longer fits into the processor's cache."""


_WHOLE: Final = 8_000
"""Up to so many items the whole Gram matrix is made at once: it takes at most 256 MB."""


class LocalEaseConfig(LinearConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `local_ease`.

    Attributes:
        neighbours: From how many other items each is predicted, those that explain it best.
    """

    regularization: Positive = 50.0
    user_damping: Exponent = 0.0
    neighbours: Count = 200


class LocalEase:
    """Ridge regression of each item on the others that explain it best, never on itself.

    With as many neighbours as there are items it is `ease`. Its weights are sparse, its solves
    are independent of each other, and its memory is a few thousand bytes an item.
    """

    name = "local_ease"
    description = "Every item predicted from its nearest neighbours; for any number of items."
    config = LocalEaseConfig

    def memory(self, data: Interactions, config: LocalEaseConfig) -> int:
        most = min(config.neighbours, data.item_count)
        kept = 8 * most * data.item_count  # Each weight with the item that it is for.
        whole = 4 * data.item_count**2 if data.item_count <= _WHOLE else 0
        return 4 * kept + whole + 24 * len(data.items) + 64 * BLOCK_CELLS

    def fit(
        self, data: Interactions, config: LocalEaseConfig, progress: Progress = silent
    ) -> Arrays:
        # Deciding loads no scipy; what fits does.
        from scipy import sparse

        matrix = weighted(data, config)
        added = penalty(diagonal(matrix), config)
        near = nearest(matrix, config.neighbours, added)
        progress(0.1)
        scale = damping(data, config.popularity_damping)
        solved = np.zeros(len(near.data), dtype=np.float32)
        done = 0
        lookup = _Lookup(matrix, added)
        for items in _neighbourhoods(near):
            _solve(lookup, near, items, solved)
            done += len(items)
            progress(0.1 + 0.85 * done / near.shape[0])
        solved *= np.repeat(scale, np.diff(near.indptr))
        # Solved is from whom an item is predicted; asked will be what an item speaks for.
        found = sparse.csr_matrix((solved, near.indices, near.indptr), near.shape)
        progress(1.0)
        return Rows.of(found.T.tocsr())._asdict()

    def rank(self, arrays: Arrays, config: LocalEaseConfig, query: Query, limit: int) -> Candidates:
        rows = Rows(arrays["starts"], arrays["items"], arrays["weights"])
        known = profile(query, half_life=config.half_life, history=config.history)
        return ranked(rows, known, limit)


def nearest(matrix: sparse.csr_matrix, most: int, added: Floats) -> sparse.csr_matrix:
    """Return for each item the other items that explain it best alone: (i, i).

    Where a and b are together in n(ab) of the groups, a ridge on a alone explains
    n(ab)² ÷ (n(a) + added) of b: the cosine, but with less trust in items that are rare.

    Args:
        matrix: (u, i) users × items, in any weights.
        most: How many of each.
        added: (i,) what the ridge adds to the diagonal of the Gram matrix.
    """
    # Deciding loads no scipy; what fits does.
    from scipy import sparse

    lengths = np.sqrt(diagonal(matrix) + added)
    parts = []
    for start, block in together(matrix):
        rows = np.repeat(np.arange(block.shape[0], dtype=np.int32), np.diff(block.indptr))
        block.data /= lengths[block.indices]
        block.data[block.indices == start + rows] = 0.0
        block.eliminate_zeros()
        block.sort_indices()
        parts.append(strongest(block, most))
    shape = (matrix.shape[1], matrix.shape[1])
    found = sparse.vstack(parts, format="csr") if parts else sparse.csr_matrix(shape)
    found.sort_indices()
    return found


class _Lookup:
    """Parts of the regularised Gram matrix, dense; of few items the whole of it.

    Its memory is used again: asking the system for it each time takes longer than the work.
    """

    def __init__(self, matrix: sparse.csr_matrix, added: Floats) -> None:
        self._turned = matrix.T.tocsr()
        self._added = added
        self._cells: Floats = np.empty(0, dtype=np.float32)
        self._whole: Floats | None = None
        if matrix.shape[1] <= _WHOLE:
            self._whole = np.empty((matrix.shape[1],) * 2, dtype=np.float32)
            for start, block in together(matrix):
                block.toarray(out=self._whole[start : start + block.shape[0]])
            self._whole[np.diag_indices(len(added))] += added

    def part(self, items: Codes) -> tuple[Floats, Codes]:
        """Return a part with at least these ascending items, and the items that it has."""
        if self._whole is not None:
            return self._whole, np.arange(len(self._added), dtype=np.int32)
        count = len(items)
        if len(self._cells) < count**2:
            self._cells = np.empty(count**2, dtype=np.float32)
        gram = self._cells[: count**2].reshape(count, count)
        some = self._turned[items]
        (some @ some.T).toarray(out=gram)
        gram[np.diag_indices(count)] += self._added[items]
        return gram, items


def _neighbourhoods(near: sparse.csr_matrix) -> Iterator[Codes]:
    """Yield all items with neighbours in groups that are near each other."""
    starts, others = near.indptr, near.indices
    free = np.diff(starts) > 0
    for seed in np.argsort(-np.diff(starts), kind="stable").tolist():
        if not free[seed]:
            continue
        group: list[int] = [seed]
        free[seed] = False
        reached = 0
        while reached < len(group) < _TOGETHER:
            each = group[reached]
            found = others[starts[each] : starts[each + 1]]
            found = found[free[found]][: _TOGETHER - len(group)]
            free[found] = False
            group.extend(found.tolist())
            reached += 1
        yield np.array(group, dtype=np.int32)


def _solve(lookup: _Lookup, near: sparse.csr_matrix, items: Codes, solved: Floats) -> None:
    """Solve for the weights of some items, into the places that `near` has for them."""
    # Deciding loads no scipy; what fits does.
    from scipy.linalg.lapack import sposv  # type: ignore[attr-defined]

    starts = near.indptr
    theirs = [near.indices[starts[each] : starts[each + 1]] for each in items.tolist()]
    gram, held = lookup.part(np.unique(np.concatenate([items, *theirs])))
    for item, others in zip(items.tolist(), theirs, strict=True):
        places = np.searchsorted(held, others)
        square = gram.ravel().take(places[:, None] * len(held) + places)
        right = gram[places, np.searchsorted(held, item)]
        _, weights, bad = sposv(square.T, right, lower=1, overwrite_a=1)
        if bad:
            raise BadInput(
                "The items cannot be told apart with so little regularization.",
                hint="Set 'regularization' above 0.",
            )
        solved[starts[item] : starts[item + 1]] = weights


LOCAL_EASE: Final = LocalEase()
