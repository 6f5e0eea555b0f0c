"""cooccurrence: what is touched together: bought in one basket, viewed in one session."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.recommend.bounds import Amount, Count
from persx.recommend.interactions import Interactions
from persx.recommend.neighbours import BLOCK_CELLS, Rows, ranked, strongest, together
from persx.recommend.profile import Profile, profile
from persx.recommend.query import NOTHING, Candidates, Query
from persx.recommend.recommenders.kind import Arrays, Progress, silent

if TYPE_CHECKING:
    from scipy import sparse


class Within(StrEnum):
    """What makes two touches belong together."""

    USER = "user"
    SESSION = "session"
    BASKET = "basket"


class Measure(StrEnum):
    """How much it says that a and b were touched together in n groups."""

    COSINE = "cosine"
    LIFT = "lift"
    COUNT = "count"


class CooccurrenceConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `cooccurrence`.

    Attributes:
        within: What is together: all of a ``user``, of a ``session``, or of a ``basket`` (the
            same user at the same time).
        measure: ``cosine`` (n ÷ √(n of a × n of b)), ``lift`` (n ÷ what chance would give) or
            ``count`` (n).
        shrink: A pair that was together n times counts n ÷ (n + shrink) of its measure: chance
            makes pairs that were together once.
        least: Pairs that were together less often are left out.
        neighbours: How many items are kept for each.
        longest: Of a group so many of the newest items count: a crawler's session says nothing,
            and its pairs would fill the memory.
        half_life: Days (places, where nobody knows the times) after which what a visitor
            touched counts half; 0 counts all alike.
        history: How many of a visitor's newest touches count.
    """

    within: Within = Within.SESSION
    measure: Measure = Measure.COSINE
    shrink: Amount = 5.0
    least: Count = 1
    neighbours: Count = 200
    longest: Count = 500
    half_life: Amount = 30.0
    history: Count = 100


class Cooccurrence:
    """Items by how often they were touched together with those of the visitor.

    On an item's page it answers for that item alone: "often bought together".
    """

    name = "cooccurrence"
    description = "What is touched together: bought in one basket, viewed in one session."
    config = CooccurrenceConfig

    def memory(self, data: Interactions, config: CooccurrenceConfig) -> int:
        kept = 12 * min(config.neighbours, data.item_count) * data.item_count
        return 2 * kept + 64 * len(data.items) + 64 * BLOCK_CELLS

    def fit(
        self, data: Interactions, config: CooccurrenceConfig, progress: Progress = silent
    ) -> Arrays:
        # Deciding loads no scipy; what fits does.
        from scipy import sparse

        matrix = groups(data, config.within, config.longest)
        counts = np.bincount(matrix.indices, minlength=data.item_count).astype(np.float64)
        parts = []
        for start, block in together(matrix):
            parts.append(
                strongest(_measured(block, start, counts, matrix, config), config.neighbours)
            )
            progress((start + block.shape[0]) / data.item_count)
        shape = (data.item_count, data.item_count)
        found = sparse.vstack(parts, format="csr") if parts else sparse.csr_matrix(shape)
        progress(1.0)
        return Rows.of(found)._asdict()

    def rank(
        self, arrays: Arrays, config: CooccurrenceConfig, query: Query, limit: int
    ) -> Candidates:
        rows = Rows(arrays["starts"], arrays["items"], arrays["weights"])
        if query.anchor != NOTHING:
            one = np.array([query.anchor], dtype=np.int32)
            return ranked(rows, Profile(one, np.ones(1, dtype=np.float32)), limit)
        return ranked(
            rows, profile(query, half_life=config.half_life, history=config.history), limit
        )


def groups(data: Interactions, within: Within, longest: int) -> sparse.csr_matrix:
    """Return groups × items, float32: 1 where an item is in a group.

    Args:
        data: Ordered by user, then time.
        within: What makes a group.
        longest: Of a group so many of the newest touches count.
    """
    # Deciding loads no scipy; what fits does.
    from scipy import sparse

    group = _group_codes(data, within)
    count = int(group[-1]) + 1 if len(group) else 0
    ends = np.searchsorted(group, np.arange(count), "right")
    newest = ends[group] - np.arange(len(group)) <= longest
    ones = np.ones(int(newest.sum()), dtype=np.float32)
    shape = (count, data.item_count)
    found = sparse.csr_matrix((ones, (group[newest], data.items[newest])), shape=shape)
    found.sum_duplicates()
    found.data[:] = 1.0
    return found


def _group_codes(data: Interactions, within: Within) -> NDArray[np.int64]:
    """Return for each row the code of its group, ascending."""
    if not len(data.users):
        return np.empty(0, dtype=np.int64)
    if within is Within.SESSION:
        changes = data.sessions[1:] != data.sessions[:-1]
    elif within is Within.BASKET:
        changes = (data.users[1:] != data.users[:-1]) | (data.times[1:] != data.times[:-1])
    else:
        changes = data.users[1:] != data.users[:-1]
    return np.concatenate(([0], np.cumsum(changes))).astype(np.int64)


def _measured(
    block: sparse.csr_matrix,
    start: int,
    counts: NDArray[np.float64],
    matrix: sparse.csr_matrix,
    config: CooccurrenceConfig,
) -> sparse.csr_matrix:
    """Return a block of how often items are together as how much that says."""
    # Deciding loads no scipy; what fits does.
    from scipy import sparse

    rows = start + np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
    often = block.data.astype(np.float64)
    by_chance = counts[rows] * counts[block.indices]
    if config.measure is Measure.COSINE:
        says = often / np.sqrt(by_chance)
    elif config.measure is Measure.LIFT:
        says = often * matrix.shape[0] / by_chance
    else:
        says = often.copy()
    says *= often / (often + config.shrink)
    says[(block.indices == rows) | (often < config.least)] = 0.0
    found = sparse.csr_matrix((says.astype(np.float32), block.indices, block.indptr), block.shape)
    found.eliminate_zeros()
    return found


COOCCURRENCE: Final = Cooccurrence()
