"""The linear models: what the formulas promise, at any size, and with hostile data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.model.errors import BadInput
from persx.recommend.evaluation.trial import asked, interactions
from persx.recommend.interactions import Interactions
from persx.recommend.linear import LinearConfig
from persx.recommend.options import read_options
from persx.recommend.query import NOTHING, Query
from persx.recommend.recommenders import RECOMMENDERS
from persx.recommend.recommenders.ease import EASE, MOST_ITEMS, EaseConfig
from persx.recommend.recommenders.local_ease import LOCAL_EASE, LocalEaseConfig

ITEMS = 9

crowds = st.lists(
    st.lists(st.integers(0, ITEMS - 1), min_size=1, max_size=ITEMS), min_size=1, max_size=12
)


def data_of(rows: list[list[int]], items: int = ITEMS) -> Interactions:
    return interactions(rows, [f"i{number}" for number in range(items)])


def dense(arrays: dict[str, np.ndarray], items: int = ITEMS) -> np.ndarray:
    """The weights of either model as one matrix: what row says for column."""
    found = np.zeros((items, items))
    if "touched" in arrays:
        found[np.ix_(arrays["touched"], arrays["touched"])] = arrays["weights"]
    else:
        for row in range(items):
            part = slice(arrays["starts"][row], arrays["starts"][row + 1])
            found[row, arrays["items"][part]] = arrays["weights"][part]
    return found


def by_hand(matrix: np.ndarray, added: np.ndarray) -> np.ndarray:
    """Ridge of each touched item on all other touched ones, one by one."""
    items = matrix.shape[1]
    found = np.zeros((items, items))
    touched = np.flatnonzero(matrix.sum(axis=0))
    for item in touched:
        others = touched[touched != item]
        some = matrix[:, others]
        left = some.T @ some + np.diag(added[others])
        found[others, item] = np.linalg.solve(left, some.T @ matrix[:, item])
    return found


@settings(max_examples=60, deadline=None)
@given(crowds, st.floats(0.5, 50), st.floats(0, 0.8), st.floats(0, 1))
def test_ease_is_the_ridge_regression_of_each_item_on_the_others(
    rows: list[list[int]], regularization: float, dropout: float, user_damping: float
) -> None:
    config = EaseConfig(
        regularization=regularization,
        dropout=dropout,
        user_damping=user_damping,
        popularity_damping=0,
    )
    found = dense(EASE.fit(data_of(rows), config))
    matrix = data_of(rows).matrix().toarray().astype(float)
    matrix *= matrix.sum(axis=1, keepdims=True) ** (-user_damping / 2)
    added = regularization + dropout / (1 - dropout) * (matrix**2).sum(axis=0)
    np.testing.assert_allclose(found, by_hand(matrix, added), atol=2e-4)
    assert not np.diagonal(found).any()


@settings(max_examples=60, deadline=None)
@given(crowds, st.floats(0.5, 50), st.floats(0, 0.8), st.floats(0, 1))
def test_with_all_items_as_neighbours_local_ease_is_ease(
    rows: list[list[int]], regularization: float, dropout: float, popularity_damping: float
) -> None:
    """An item that nobody touched together with another is a neighbour too weak to matter."""
    options = {
        "regularization": regularization,
        "dropout": dropout,
        "user_damping": 0.4,
        "popularity_damping": popularity_damping,
    }
    # Everybody touches item 0, so that all that are touched at all are neighbours at some remove.
    rows = [*rows, list(range(ITEMS))]
    whole = EASE.fit(data_of(rows), EaseConfig(**options))
    local = LOCAL_EASE.fit(data_of(rows), LocalEaseConfig(neighbours=ITEMS, **options))
    np.testing.assert_allclose(dense(whole), dense(local), atol=2e-4)


@settings(max_examples=40, deadline=None)
@given(crowds, st.integers(1, 4))
def test_local_ease_is_the_ridge_on_the_nearest(rows: list[list[int]], most: int) -> None:
    config = LocalEaseConfig(
        neighbours=most, regularization=30, dropout=0, user_damping=0, popularity_damping=0
    )
    found = dense(LOCAL_EASE.fit(data_of(rows), config))
    matrix = data_of(rows).matrix().toarray().astype(float)
    gram = matrix.T @ matrix
    assert not np.diagonal(found).any()
    for item in range(ITEMS):
        others = np.flatnonzero(found[:, item])
        assert len(others) <= most
        assert (gram[others, item] > 0).all()
        if len(others):
            left = gram[np.ix_(others, others)] + 30 * np.eye(len(others))
            solved = np.linalg.solve(left, gram[others, item])
            # A weight that is exactly 0 is no neighbour here, and changes nothing there.
            np.testing.assert_allclose(found[others, item], solved, atol=1e-4)


@pytest.mark.parametrize("name", ["ease", "local_ease"])
def test_touched_items_speak_by_their_rows_and_the_strongest_is_named(name: str) -> None:
    model = RECOMMENDERS[name]
    rng = np.random.default_rng(3)
    rows = [rng.choice(ITEMS, 4, replace=False).tolist() for _ in range(40)]
    config = model.config(regularization=2.0, half_life=2.0)
    arrays = model.fit(data_of(rows), config)
    weights = dense(dict(arrays))
    query = Query(items=np.array([1, 5], "i4"), ages=np.array([4, 0], "f4"))
    found = model.rank(arrays, config, query, ITEMS)
    expected = 0.25 * weights[1] + weights[5]
    assert sorted(found.items.tolist()) == np.flatnonzero(expected > 1e-9).tolist()
    np.testing.assert_allclose(found.scores, expected[found.items], rtol=1e-3, atol=1e-5)
    assert found.because is not None
    for item, because in zip(found.items, found.because, strict=True):
        parts = {1: 0.25 * weights[1, item], 5: weights[5, item]}
        assert because == max(parts, key=parts.__getitem__)


def test_ease_refuses_more_items_than_fit_into_memory_and_says_what_to_use() -> None:
    count = MOST_ITEMS + 1
    data = data_of([list(range(count))], items=count)
    with pytest.raises(BadInput, match=r"900,120,004 bytes for 15,001 items.*local_ease"):
        EASE.fit(data, EaseConfig())


def test_without_regularization_items_cannot_be_told_apart() -> None:
    with pytest.raises(BadInput, match="'regularization' of 'ease' cannot be '0'"):
        read_options(EASE, {"regularization": "0"})
    data = data_of([[0, 1, 2], [0, 1, 2]])
    with pytest.raises(BadInput, match="regularization"):
        EASE.fit(data, EaseConfig(regularization=1e-12, dropout=0))


def test_items_that_nobody_touched_cost_ease_no_memory() -> None:
    data = data_of([[0, 1], [1, 39_999]], items=40_000)
    arrays = EASE.fit(data, EaseConfig(regularization=1.0))
    assert arrays["weights"].shape == (3, 3)
    query = Query(items=np.array([0, 777], "i4"), ages=np.zeros(2, "f4"))
    assert EASE.rank(arrays, EaseConfig(), query, 5).items.tolist() == [1]


def test_an_item_page_is_one_more_item_that_was_just_touched() -> None:
    data = data_of([[0, 1], [0, 1], [2, 3]])
    config = LocalEaseConfig(regularization=1.0)
    arrays = LOCAL_EASE.fit(data, config)
    assert Query().anchor == NOTHING
    assert LOCAL_EASE.rank(arrays, config, Query(anchor=3), 9).items.tolist() == [2]


def test_popularity_damping_shows_less_of_what_everybody_knows() -> None:
    rows = [[0, 1]] * 30 + [[1]] * 60 + [[0, 2]] * 12
    query = Query(items=np.array([0], "i4"), ages=np.zeros(1, "f4"))

    def ratio(config: LinearConfig) -> float:
        arrays = EASE.fit(data_of(rows), config)  # type: ignore[arg-type]
        found = EASE.rank(arrays, config, query, 9)  # type: ignore[arg-type]
        scores = dict(zip(found.items.tolist(), found.scores.tolist(), strict=True))
        return scores[2] / scores[1]

    assert ratio(EaseConfig(popularity_damping=0.5)) > ratio(EaseConfig(popularity_damping=0))


@pytest.mark.parametrize("name", ["ease", "local_ease", "cooccurrence", "ials"])
def test_who_touched_everything_long_ago_is_still_answered(name: str) -> None:
    model = RECOMMENDERS[name]
    rng = np.random.default_rng(2)
    data = data_of([rng.integers(0, 60, 5).tolist() for _ in range(200)], items=60)
    query = asked(list(range(60)))._replace(ages=np.full(60, 1e9, "f4"))
    found = model.rank(model.fit(data, model.config()), model.config(), query, 60)
    assert len(found.items)
    assert np.isfinite(found.scores).all()
