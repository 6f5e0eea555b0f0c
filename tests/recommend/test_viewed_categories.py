"""viewed_categories: what is popular where the visitor looked lately, and no more is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from persx.model.item import Action, Item, ItemId, Touch
from persx.recommend.interactions import Interactions
from persx.recommend.query import Query
from persx.recommend.ranking.known import Wanted, known_of
from persx.recommend.ranking.prepared import prepare
from persx.recommend.ranking.reasons import why
from persx.recommend.recommenders.viewed_categories import (
    VIEWED_CATEGORIES,
    ViewedCategoriesConfig,
)
from persx.recommend.result import Why, WhyKind
from persx.recommend.words import ENGLISH, GERMAN, said
from tests.recommend.logs import Did, asked, log
from tests.recommend.scripted import catalogue_of, item, pipeline, plan_of, trained

SHOES, SOCKS, TENTS = ("Running", "Shoes"), ("Running", "Socks"), ("Camping", "Tents")
PATHS = [SHOES, SHOES, SHOES, SOCKS, SOCKS, TENTS, TENTS, ()]
PLAIN: dict[str, Any] = {"popular_half_life": 0.0, "half_life": 1.0, "parent": 0.5}


def shop(*touched: int, items: int = 8, **more: Any) -> Interactions:
    """Items 0 to 2 are shoes, 3 and 4 socks, 5 and 6 tents; each touch is another visitor's."""
    data = log([Did(place, place, code) for place, code in enumerate(touched)], items)
    known = {
        f"item-{code}": Item(id=ItemId(f"item-{code}"), category=path)
        for code, path in enumerate(PATHS)
        if path
    }
    return replace(data, catalogue=known, **more)


# Shoe 1 was touched four times, shoe 2 twice, sock 3 eight times, tent 5 twice, tent 6 once.
LIKED = [1] * 4 + [2] * 2 + [3] * 8 + [5] * 2 + [6] + [7] * 9


def scores(data: Interactions, query: Query, **options: Any) -> dict[int, float]:
    config = ViewedCategoriesConfig(**{**PLAIN, **options})
    found = VIEWED_CATEGORIES.rank(VIEWED_CATEGORIES.fit(data, config), config, query, 100)
    assert found.because is not None or not len(found.items)
    return dict(zip(found.items.tolist(), found.scores.tolist(), strict=True))


def near(expected: dict[int, float]) -> Any:
    return pytest.approx(expected, rel=1e-5)


def test_a_viewed_category_gives_its_popular_items_and_its_parent_less() -> None:
    # Of shoes the best has 1, half as popular .5; all of Running counts half as much, sock 3 best.
    found = scores(shop(*LIKED), asked(0))
    assert found == near({1: 1 + 0.5 * 4 / 8, 2: 0.5 + 0.5 * 2 / 8, 3: 0.5})
    assert scores(shop(*LIKED), asked(0), parent=0.0) == near({1: 1.0, 2: 0.5})


def test_what_was_looked_at_longer_ago_counts_less() -> None:
    found = scores(shop(*LIKED), asked(6, 0, ages=[2.0, 0.0]), parent=0.0)
    assert found == near({1: 1.0, 2: 0.5, 5: 0.25})


def test_two_views_of_a_category_count_more_than_one() -> None:
    found = scores(shop(*LIKED), asked(0, 1, 6, ages=[0.0, 0.0, 0.0]), parent=0.0)
    assert found == near({2: 2 * 0.5, 5: 1.0})


def test_what_the_visitor_touched_and_the_item_of_the_page_are_not_shown() -> None:
    assert scores(shop(*LIKED), asked(1, anchor=2), parent=0.0) == {}
    # The page's item tells where they look, too.
    assert scores(shop(*LIKED), asked(anchor=6), parent=0.0) == near({5: 1.0})
    bought = asked(1, 0, ages=[9.0, 0.0], actions=[Action.BOUGHT, Action.VIEWED])
    assert scores(shop(*LIKED), bought, parent=0.0) == near({2: 0.5})


def test_purchases_are_no_looks() -> None:
    assert scores(shop(*LIKED), asked(0, actions=[Action.BOUGHT])) == {}
    added = asked(0, actions=[Action.ADDED])
    assert scores(shop(*LIKED), added) == scores(shop(*LIKED), asked(0))


def test_without_views_or_categories_it_says_nothing() -> None:
    assert scores(shop(*LIKED), asked()) == {}
    assert scores(shop(*LIKED), asked(7)) == {}
    assert scores(replace(shop(*LIKED), catalogue={}), asked(0)) == {}
    assert scores(shop(), asked(0)) == {}


def test_only_the_categories_that_count_most_are_looked_up() -> None:
    query = asked(6, 0, ages=[2.0, 0.0])
    assert set(scores(shop(*LIKED), query, parent=0.0, categories=1)) == {1, 2}
    assert set(scores(shop(*LIKED), query, parent=0.0, length=1)) == {1, 5}


def test_at_night_what_is_touched_at_night_comes_first() -> None:
    data = shop(1, 1, 1, 2, 2)
    hours = np.array([9, 9, 9, 22, 22], dtype=np.int16)
    data = replace(data, contexts={"hour": hours})
    query = asked(0)._replace(context={"hour": 22})
    by_night = scores(data, query, shrink=1.0)
    by_day = scores(data, query._replace(context={"hour": 9}), shrink=1.0)
    assert by_night[2] > by_night[1]
    assert by_day[1] > by_day[2]


def test_because_of_what_in_the_narrowest_category_that_both_are_in() -> None:
    goods = catalogue_of(
        item("a", category=SHOES),
        item("b", category=SHOES),
        item("c", category=SOCKS),
        item("d", category=("Camping", "Shoes")),
    )
    source = trained(pipeline(), ["a", "b", "c", "d"], [{"b": 1.0}])
    ready = prepare(plan_of(pipeline()), goods, source)
    one = source.sources[0]._replace(recommender=VIEWED_CATEGORIES)

    def reason(code: int) -> Why:
        known = known_of(ready, Wanted(count=1, now=0, touches=(Touch("a", Action.VIEWED, 0),)))
        return why(ready, one, code, 0, "", known, 0)

    assert reason(1) == Why(kind=WhyKind.BROWSED, category="Shoes")
    assert reason(2).category == "Running"
    assert reason(3).category == "", "the same name elsewhere is another category"
    assert said(reason(1), ENGLISH) == "Popular in Shoes, where you looked lately"
    assert said(reason(2), GERMAN) == "Beliebt in Running, wo Sie sich zuletzt umgesehen haben"
    assert said(reason(3), ENGLISH) == "Popular where you looked lately"
