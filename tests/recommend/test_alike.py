"""Items that are alike: the nearest are found, and the work does not grow with its square."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from dataclasses import replace
from math import log, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from persx.model.item import Item, ItemId
from persx.recommend import facts
from persx.recommend.facts import alike, facts_of
from persx.recommend.neighbours import strongest
from persx.recommend.recommenders.sequence_knn import SEQUENCE_KNN, SequenceKnnConfig
from tests.recommend.logs import sessions


def catalogue(*tags: str) -> dict[str, Item]:
    """Return items with these tags: ``catalogue("red small", "red")``."""
    return {
        f"item-{code}": Item(id=ItemId(f"item-{code}"), tags=tuple(each.split()))
        for code, each in enumerate(tags)
    }


@given(st.lists(st.sets(st.sampled_from("abcdef")), min_size=1, max_size=12))
def test_it_is_the_cosine_of_what_they_have_in_common(tags: list[set[str]]) -> None:
    items = catalogue(*(" ".join(sorted(each)) for each in tags))
    having = Counter(fact for item in items.values() for fact in facts_of(item))
    weight = {fact: log(len(items) / n) ** 2 for fact, n in having.items() if n > 1}
    found = alike(list(items), items, 20).toarray()
    for left, one in enumerate(items.values()):
        for right, other in enumerate(items.values()):
            own, their = set(facts_of(one)), set(facts_of(other))
            lengths = [sqrt(sum(weight.get(fact, 0) for fact in some)) for some in (own, their)]
            both = sum(weight.get(fact, 0) for fact in own & their)
            expected = both / (lengths[0] * lengths[1]) if both and left != right else 0.0
            assert found[left, right] == pytest.approx(expected, abs=1e-5)


def test_of_what_very_many_have_only_the_nearest_are_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(facts, "PIECE", 4)
    items = catalogue(*(f"all kind-{code % 5}" for code in range(20)), "alone")
    found = alike(list(items), items, 10)
    assert found.nnz <= 21 * 2 * 4
    for code in range(20):
        row = found[code].toarray()[0]
        best = [other for other in range(20) if other % 5 == code % 5 and other != code]
        # Of the same kind, and so next to each other among all that have the common one.
        assert sorted(np.argsort(-row)[:3].tolist()) == best
        np.testing.assert_allclose(row[best], 1.0, rtol=1e-5)


@given(
    st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, -1.0]), min_size=6, max_size=6)),
    st.integers(1, 6),
)
def test_the_strongest_are_kept_and_of_equal_ones_those_with_lower_codes(
    rows: list[list[float]], most: int
) -> None:
    matrix = sparse.csr_matrix(np.array(rows, dtype=np.float32).reshape(-1, 6))
    found = strongest(matrix, most)
    for number, row in enumerate(rows):
        told = sorted((-value, code) for code, value in enumerate(row) if value)[:most]
        kept = found.getrow(number)
        pairs = zip((-kept.data).tolist(), kept.indices.tolist(), strict=True)
        assert sorted(pairs) == told


def test_memory_that_is_stated_suffices_with_a_catalogue_of_common_facts() -> None:
    items = catalogue(
        *(f"all half-{code % 2} shelf-{code % 40} of-{code % 7}" for code in range(3_000))
    )
    data = replace(sessions("0 1 2", "2 3", items=3_000), catalogue=items)
    config: Any = SequenceKnnConfig(neighbours=50)
    tracemalloc.start()
    try:
        SEQUENCE_KNN.fit(data, config)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= SEQUENCE_KNN.memory(data, config)
