"""iALS: each step is the exact least, whoever is unknown is folded in as whoever was fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from persx.recommend import factors
from persx.recommend.evaluation.trial import interactions
from persx.recommend.factors import Basis, solved, speaking
from persx.recommend.interactions import Interactions
from persx.recommend.query import Query
from persx.recommend.recommenders.ials import IALS, IalsConfig

RNG = np.random.default_rng(4)
# Two tastes: the first twenty items, the last twenty.
ROWS = [(RNG.choice(20, 6, replace=False) + 20 * (user % 2)).tolist() for user in range(80)]
DATA = interactions(ROWS, [f"i{number}" for number in range(40)])
CONFIG = IalsConfig(factors=8, half_life=0.0)


def exact(vectors: Any, touched: list[int], weight: float, penalty: float) -> Any:
    """The vector of one row by its normal equations, in the plain basis."""
    own = vectors[touched].astype(float)
    system = weight * vectors.T.astype(float) @ vectors + own.T @ own
    return np.linalg.solve(system + penalty * np.eye(vectors.shape[1]), own.sum(axis=0))


@pytest.mark.parametrize("cells", [1_000_000, 8])
@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.sets(st.integers(0, 11), max_size=12), min_size=1, max_size=12),
    st.integers(1, 6),
    st.integers(0, 9),
)
def test_every_row_gets_the_vector_that_its_normal_equations_say(
    cells: int, rows: list[set[int]], length: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(12, length)).astype(np.float32)
    touches = sparse.csr_matrix((len(rows), 12), dtype=np.float32)
    if any(rows):
        places = [(row, item) for row, own in enumerate(rows) for item in sorted(own)]
        ones = np.ones(len(places), dtype=np.float32)
        touches = sparse.csr_matrix((ones, tuple(zip(*places, strict=True))), (len(rows), 12))
    penalties = rng.uniform(0.1, 2, len(rows)).astype(np.float32)
    basis = Basis.of(vectors, 0.3)
    with pytest.MonkeyPatch.context() as patch:
        # Few cells: rows are solved for one by one, and long ones in pieces.
        patch.setattr(factors, "_CELLS", cells)
        found = solved(basis, touches, penalties)
    for row, own in enumerate(rows):
        said = basis.vectors @ found[row]
        wanted = vectors @ exact(vectors, sorted(own), 0.3, float(penalties[row]))
        np.testing.assert_allclose(said, wanted, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("count", [3, 30])
def test_what_each_touched_item_adds_sums_to_the_same_vector(count: int) -> None:
    rng = np.random.default_rng(count)
    basis = Basis.of(rng.normal(size=(60, 8)).astype(np.float32), 0.1)
    touched = basis.vectors[:count]
    added = speaking(touched, np.ones(count, dtype=np.float32), basis.scales + np.float32(0.5))
    touches = sparse.csr_matrix(np.arange(60)[None, :] < count, dtype=np.float32)
    whole = solved(basis, touches, np.array([0.5], dtype=np.float32))[0]
    np.testing.assert_allclose(added.sum(axis=1), whole, rtol=1e-3, atol=1e-5)
    # What counts twice is as if it stood there twice.
    twice = speaking(touched[:1], np.array([2.0], "f4"), basis.scales)
    two = speaking(touched[[0, 0]], np.ones(2, "f4"), basis.scales)
    np.testing.assert_allclose(twice[:, 0], two.sum(axis=1), rtol=1e-3)


def loss(data: Interactions, config: IalsConfig) -> float:
    """What is made least, by the items' vectors and the visitors' that fit them."""
    arrays = IALS.fit(data, config)
    weight = config.unobserved * data.matrix().nnz / (80 * 40)
    touches = data.matrix()
    costs = config.regularization * (np.diff(touches.indptr) + weight * 40)
    basis = Basis(arrays["vectors"], arrays["scales"])
    visitors = solved(basis, touches, costs.astype(np.float32))
    products = visitors @ basis.vectors.T
    wanted = touches.toarray()
    own = config.regularization * (wanted.sum(axis=0) + weight * 80)
    return float(
        (wanted * (1 - products) ** 2).sum()
        + weight * (products**2).sum()
        + (costs * (visitors**2).sum(axis=1)).sum()
        + (own * (basis.vectors**2).sum(axis=1)).sum()
    )


def test_each_turn_makes_the_loss_less() -> None:
    losses = [
        loss(DATA, IalsConfig(factors=8, iterations=count, unobserved=2.0)) for count in (1, 2, 4)
    ]
    assert losses[0] > losses[1] > losses[2]


def test_what_is_found_is_to_the_visitors_taste_and_says_because_of_what() -> None:
    arrays = IALS.fit(DATA, CONFIG)
    query = Query(items=np.array([1, 5], "i4"), ages=np.zeros(2, "f4"))
    found = IALS.rank(arrays, CONFIG, query, 12)
    best = found.items[np.argsort(-found.scores)][:8]
    assert (best < 20).all()
    assert found.because is not None
    assert set(found.because.tolist()) <= {1, 5}


def test_what_everybody_knows_is_held_back() -> None:
    rows = [[0, 1 + user % 10] for user in range(40)]
    data = interactions(rows, [f"i{number}" for number in range(11)])
    query = Query(items=np.array([3], "i4"), ages=np.zeros(1, "f4"))

    def share_of_the_first(damping: float) -> float:
        config = IalsConfig(factors=4, popularity_damping=damping, half_life=0.0)
        found = IALS.rank(IALS.fit(data, config), config, query, 11)
        scores = dict(zip(found.items.tolist(), found.scores.tolist(), strict=True))
        return scores[0] / scores[3]

    assert share_of_the_first(0.5) == pytest.approx(share_of_the_first(0.0) / 10**0.5, rel=1e-3)


def test_older_touches_count_less() -> None:
    config = IalsConfig(factors=8, half_life=10.0)
    arrays = IALS.fit(DATA, config)
    items = np.array([1, 21], "i4")

    def first(*ages: float) -> int:
        found = IALS.rank(arrays, config, Query(items=items, ages=np.array(ages, "f4")), 40)
        return int(found.items[np.argsort(-found.scores)[0]])

    assert first(90.0, 0.0) >= 20 > first(0.0, 90.0)
