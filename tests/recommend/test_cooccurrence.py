"""Co-occurrence and popularity: counted by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from persx.model.clock import DAY
from persx.model.item import Item, ItemId
from persx.recommend import neighbours
from persx.recommend.evaluation.trial import interactions
from persx.recommend.query import Query
from persx.recommend.recommenders import RECOMMENDERS, local_ease
from persx.recommend.recommenders.cooccurrence import (
    COOCCURRENCE,
    CooccurrenceConfig,
    Measure,
    Within,
)
from persx.recommend.recommenders.popularity import POPULARITY, PopularityConfig

# Two users: the first comes twice, and in its second session buys in two baskets.
ROWS = [[0, 1], [2, 3, 4], [0, 1]]
DATA = replace(
    interactions(ROWS, list("abcde"), users=[0, 0, 1]), times=np.array([0, 0, 9, 9, 12, 5, 6])
)


def together(item: int, **options: Any) -> dict[int, float]:
    """What co-occurrence says on the page of an item."""
    config = CooccurrenceConfig(**options)
    arrays = COOCCURRENCE.fit(DATA, config)
    found = COOCCURRENCE.rank(arrays, config, Query(anchor=item), 9)
    return dict(zip(found.items.tolist(), found.scores.tolist(), strict=True))


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        (Within.USER, {1: 2.0, 2: 1.0, 3: 1.0, 4: 1.0}),
        (Within.SESSION, {1: 2.0}),
        (Within.BASKET, {1: 1.0}),
    ],
)
def test_what_belongs_together(within: Within, expected: dict[int, float]) -> None:
    assert together(0, within=within, measure=Measure.COUNT, shrink=0) == expected


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        # In 3 groups a and b are in 2, both times together.
        (Measure.COSINE, 2 / np.sqrt(2 * 2)),
        (Measure.LIFT, 2 * 3 / (2 * 2)),
        (Measure.COUNT, 2),
    ],
)
def test_how_much_it_says(measure: Measure, expected: float) -> None:
    assert together(0, measure=measure, shrink=0)[1] == pytest.approx(expected)
    assert together(0, measure=measure, shrink=3)[1] == pytest.approx(expected * 2 / 5)


def test_what_was_together_too_seldom_is_left_out() -> None:
    assert together(2, least=2) == {}
    assert set(together(2, least=1)) == {3, 4}


def test_of_a_long_group_the_newest_count() -> None:
    config = CooccurrenceConfig(within=Within.SESSION, longest=2, shrink=0)
    arrays = COOCCURRENCE.fit(DATA, config)
    assert not len(COOCCURRENCE.rank(arrays, config, Query(anchor=2), 9).items)
    assert COOCCURRENCE.rank(arrays, config, Query(anchor=3), 9).items.tolist() == [4]


def test_so_many_neighbours_are_kept_the_strongest_ones() -> None:
    config = CooccurrenceConfig(within=Within.USER, measure=Measure.COUNT, neighbours=1)
    arrays = COOCCURRENCE.fit(DATA, config)
    assert COOCCURRENCE.rank(arrays, config, Query(anchor=0), 9).items.tolist() == [1]


def test_without_a_page_it_answers_for_what_was_touched_and_says_why() -> None:
    config = CooccurrenceConfig(half_life=1)
    arrays = COOCCURRENCE.fit(DATA, config)
    query = Query(items=np.array([2, 0], "i4"), ages=np.array([3, 0], "f4"))
    found = COOCCURRENCE.rank(arrays, config, query, 9)
    assert found.because is not None
    why = dict(zip(found.items.tolist(), found.because.tolist(), strict=True))
    assert why == {1: 0, 3: 2, 4: 2}
    assert found.items[np.argmax(found.scores)] == 1


CATALOGUE = {
    name: Item(id=ItemId(name), category=path)
    for name, path in {
        "a": ("Running", "Shoes"),
        "b": ("Running", "Shirts"),
        "c": ("Tents",),
        "d": ("Tents",),
    }.items()
}


def popular(query: Query, data: Any = DATA, **options: Any) -> list[int]:
    config = PopularityConfig(**options)
    found = POPULARITY.rank(POPULARITY.fit(data, config), config, query, 9)
    order = np.argsort(-found.scores, kind="stable")
    return found.items[order].tolist()


def test_older_touches_count_less() -> None:
    # a three times, 20 days ago; b once, now.
    data = replace(
        interactions([[0, 0, 0, 1]], ["a", "b"]),
        times=np.array([0, 0, 0, 20 * DAY]),
        timed=True,
    )
    assert popular(Query(), data, half_life=7) == [1, 0]
    assert popular(Query(), data, half_life=0) == [0, 1]


def test_a_category_has_its_own_and_is_named() -> None:
    data = replace(DATA, catalogue=CATALOGUE)
    config = PopularityConfig()
    arrays = POPULARITY.fit(data, config)
    for category, items, where in (
        ("Running", {0, 1}, "Running"),
        ("Running/Shoes", {0}, "Shoes"),
        ("Tents", {2, 3}, "Tents"),
        ("Nowhere", {0, 1, 2, 3, 4}, ""),
        ("Running/", {0, 1, 2, 3, 4}, ""),
    ):
        found = POPULARITY.rank(arrays, config, Query(context={"category": category}), 9)
        assert (set(found.items.tolist()), found.where) == (items, where)


def test_an_hour_has_its_own_but_two_touches_prove_nothing() -> None:
    # a: 50 by day, 50 by night; b: 60 by night; c: once, by day.
    items = [0] * 100 + [1] * 60 + [2]
    hours = [0] * 50 + [1] * 50 + [1] * 60 + [0]
    data = replace(interactions([items], ["a", "b", "c"]), contexts={"hour": np.array(hours, "i2")})
    assert popular(Query(), data) == [0, 1, 2]
    assert popular(Query(context={"hour": 1}), data)[0] == 1
    assert popular(Query(context={"hour": 0}), data)[0] == 0
    for odd in (7, -1, "night", None):
        assert popular(Query(context={"hour": odd}), data) == [0, 1, 2]
    arrays = POPULARITY.fit(data, PopularityConfig(shrink=20))
    share = 51 / 161
    expected = (1 / share + 20) / (1 + 20)
    assert arrays["by_hour"][0, 2] == pytest.approx(expected)
    assert expected < 1.2 < 1 / share


@pytest.mark.parametrize("name", ["cooccurrence", "local_ease", "ease"])
def test_in_how_many_blocks_it_is_counted_changes_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(6)
    data = interactions(
        [rng.integers(0, 30, 5).tolist() for _ in range(90)], [f"i{n}" for n in range(30)]
    )
    model = RECOMMENDERS[name]
    whole = model.fit(data, model.config())
    monkeypatch.setattr(neighbours, "BLOCK_CELLS", 100)
    monkeypatch.setattr(local_ease, "_WHOLE", 10)
    for key, array in model.fit(data, model.config()).items():
        np.testing.assert_allclose(array, whole[key], rtol=1e-4, atol=1e-6)
