"""What items have in common: categories, brands and tags, the rarer the more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from persx.model.item import Item
from persx.recommend.neighbours import strongest, together

if TYPE_CHECKING:
    from scipy import sparse


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
    that only one item has are left out.

    Args:
        ids: The items' ids by code.
        catalogue: What is known of them, by id; an id may be missing.
        neighbours: How many others of each.
    """
    from scipy import sparse

    codes: dict[str, int] = {}
    rows: list[int] = []
    columns: list[int] = []
    for code, key in enumerate(ids):
        item = catalogue.get(key)
        for fact in () if item is None else facts_of(item):
            rows.append(codes.setdefault(fact, len(codes)))
            columns.append(code)
    having = np.bincount(rows, minlength=len(codes)) if rows else np.zeros(0)
    weights = np.where(having > 1, np.log(len(ids) / np.maximum(having, 1)), 0.0)
    values = weights[rows].astype(np.float32) if rows else np.zeros(0, dtype=np.float32)
    # Facts × items, each item's column of length 1.
    matrix = sparse.csr_matrix((values, (rows, columns)), shape=(len(codes), len(ids)))
    matrix.eliminate_zeros()
    lengths = np.sqrt(np.bincount(matrix.indices, matrix.data**2, minlength=len(ids)))
    matrix.data /= lengths[matrix.indices].astype(np.float32)
    parts = []
    for start, block in together(matrix):
        own = block.indices == start + np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
        block.data[own] = 0.0
        block.eliminate_zeros()
        parts.append(strongest(block, neighbours))
    return sparse.vstack(parts, format="csr") if parts else sparse.csr_matrix((0, 0))
