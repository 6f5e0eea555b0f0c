"""sequence_knn: whole histories, both ways, and what items have in common."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from persx.model.item import Item, ItemId
from persx.recommend.facts import alike
from persx.recommend.interactions import Interactions
from persx.recommend.query import Query
from persx.recommend.recommenders.sequence_knn import SEQUENCE_KNN, SequenceKnnConfig
from tests.recommend.logs import Did, asked, log, sessions

PLAIN: dict[str, Any] = {
    "distance": 2,
    "step_decay": 0.5,
    "backward": 0.0,
    "source_damping": 0.0,
    "popularity_damping": 0.0,
}


def scores(data: Interactions, query: Query, **options: Any) -> dict[int, float]:
    config = SequenceKnnConfig(**{**PLAIN, **options})
    found = SEQUENCE_KNN.rank(SEQUENCE_KNN.fit(data, config), config, query, 100)
    return dict(zip(found.items.tolist(), found.scores.tolist(), strict=True))


def near(expected: dict[int, float]) -> Any:
    return pytest.approx(expected, rel=1e-5)


def with_items(data: Interactions, *items: Item) -> Interactions:
    return replace(data, catalogue={str(item.id): item for item in items})


def test_followers_count_less_the_farther_they_are() -> None:
    data = sessions("0 1 2 3", "0 1")
    assert scores(data, asked(0)) == near({1: 2.0, 2: 0.5})


def test_a_history_goes_on_from_session_to_session() -> None:
    data = log([Did(0, 0, 0, 0.0), Did(0, 1, 1, 30.0), Did(0, 2, 2, 60.0)], 3)
    assert scores(data, asked(0)) == near({1: 1.0, 2: 0.5})


def test_the_way_back_counts_what_it_is_told() -> None:
    assert scores(sessions("1 0"), asked(0), backward=0.5) == near({1: 0.5})


def test_what_everybody_touches_says_less_and_is_said_less() -> None:
    data = sessions("0 1", "0 2", "3 2", "4 2", "5 2")
    assert scores(data, asked(0), popularity_damping=0.5) == near({1: 1.0, 2: 0.5})
    assert scores(data, asked(0, 3), decay=1.0, source_damping=1.0) == near({1: 0.5, 2: 1.5})


def test_older_items_of_the_visitor_count_less_in_any_session() -> None:
    data = sessions("0 1", "2 3")
    assert scores(data, asked(0, 2, running=1), decay=0.5) == near({3: 1.0, 1: 0.5})


def test_items_with_the_same_facts_are_neighbours_though_nobody_touched_them() -> None:
    data = with_items(
        sessions("0 1", items=4),
        Item(id=ItemId("item-0"), category=("Running", "Shoes"), brand="Acme"),
        Item(id=ItemId("item-2"), category=("Running", "Shoes"), brand="Acme"),
        Item(id=ItemId("item-3"), category=("Kitchen",)),
    )
    assert scores(data, asked(0), alike=0.25) == near({1: 1.0, 2: 0.25})
    assert scores(data, asked(0), alike=0.0) == near({1: 1.0})


def test_facts_weigh_by_how_rare_they_are() -> None:
    items = {
        key: Item(id=ItemId(key), tags=tags)
        for key, tags in {
            "a": ("common", "rare"),
            "b": ("common", "rare"),
            "c": ("common",),
            "d": ("common", "only here"),
        }.items()
    }
    found = alike(["a", "b", "c", "d", "e"], items, 10).toarray()
    assert found[0, 1] == pytest.approx(1.0)
    assert 0 < found[0, 2] < 0.5
    assert found[2, 3] == pytest.approx(1.0)  # What only one item has tells nothing apart.
    assert not found[4].any()
    assert not found.diagonal().any()
    assert (found == found.T).all()


def test_only_the_most_alike_are_kept() -> None:
    items = {
        key: Item(id=ItemId(key), tags=tags)
        for key, tags in {"a": ("x", "y"), "b": ("x", "y"), "c": ("x",), "d": ()}.items()
    }
    found = alike(["a", "b", "c", "d"], items, 1)
    assert found[0].indices.tolist() == [1]


def test_an_empty_catalogue_is_no_error() -> None:
    assert alike([], {}, 5).nnz == 0
    assert alike(["a"], {}, 5).nnz == 0
