"""What items have in common: categories, brands and tags, the rarer the more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from persx.model.item import Item
from persx.recommend.neighbours import BLOCK_CELLS, strongest, together
from persx.recommend.query import Codes

if TYPE_CHECKING:
    from scipy import sparse

PIECE: Final = 1_000
"""Of a fact that more items have, each is compared with so many of them at most."""

_FACT: Final = 200
_CELL: Final = 32


def facts_of(item: Item) -> Iterator[str]:
    """Yield what an item may share with others: each step of its category, its brand, its tags.

    >>> list(facts_of(Item(id="1", category=("Running", "Shoes"), brand="Acme", tags=("red",))))
    ['category Running', 'category Running/Shoes', 'brand Acme', 'tag red']
    """
    for end in range(1, len(item.category) + 1):
        yield f"category {'/'.join(item.category[:end])}"
    if item.brand:
        yield f"brand {item.brand}"
    for tag in dict.fromkeys(item.tags):
        yield f"tag {tag}"


def alike(ids: Sequence[str], catalogue: Mapping[str, Item], neighbours: int) -> sparse.csr_matrix:
    """Return items × items: the cosine of their facts, for the most alike others of each.

    A fact weighs log(items ÷ items with it), so that what all have in common says nothing. Facts
    that only one item has are left out. Of a fact that more than `PIECE` items have, items count
    it as common with the up to `PIECE` others that are nearest to them in the order of all facts
    (those of the same category, then of the same brand): the work grows with the number of
    facts, not with its square.

    Args:
        ids: The items' ids by code.
        catalogue: What is known of them, by id; an id may be missing.
        neighbours: How many others of each.
    """
    from scipy import sparse

    matrix = _weighted(ids, catalogue)
    parts = []
    for start, block in together(matrix):
        own = block.indices == start + np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
        block.data[own] = 0.0
        block.eliminate_zeros()
        parts.append(strongest(block, neighbours))
    return sparse.vstack(parts, format="csr") if parts else sparse.csr_matrix((0, 0))


def memory_of(catalogue: Mapping[str, Item]) -> int:
    """Return about how many bytes `alike` takes at most, beside what it returns."""
    facts = sum(len(item.category) + 1 + len(item.tags) for item in catalogue.values())
    return _FACT * (facts + len(catalogue)) + _CELL * BLOCK_CELLS


def _weighted(ids: Sequence[str], catalogue: Mapping[str, Item]) -> sparse.csr_matrix:
    """Return facts × items, each item's column of length 1; common facts in pieces."""
    from scipy import sparse

    # Each fact is one text, whoever has it.
    texts: dict[str, str] = {}
    told = [
        [] if item is None else [texts.setdefault(fact, fact) for fact in facts_of(item)]
        for item in map(catalogue.get, ids)
    ]
    members: dict[str, list[int]] = {}
    for code in sorted(range(len(ids)), key=told.__getitem__):
        for fact in told[code]:
            members.setdefault(fact, []).append(code)
    rows: list[Codes] = []
    weights: list[float] = []
    for fact in sorted(members):
        having = np.array(members[fact], dtype=np.int32)
        if len(having) > 1:
            pieces = np.array_split(having, -(-len(having) // PIECE))
            rows += pieces
            weights += [float(np.log(len(ids) / len(having)))] * len(pieces)
    starts = np.concatenate(([0], np.cumsum([len(each) for each in rows], dtype=np.int64)))
    values = np.repeat(np.array(weights, dtype=np.float32), np.diff(starts))
    columns = np.concatenate(rows) if rows else np.zeros(0, dtype=np.int32)
    matrix = sparse.csr_matrix((values, columns, starts), shape=(len(rows), len(ids)))
    matrix.eliminate_zeros()
    lengths = np.sqrt(np.bincount(matrix.indices, matrix.data**2, minlength=len(ids)))
    matrix.data /= lengths[matrix.indices].astype(np.float32)
    return matrix
