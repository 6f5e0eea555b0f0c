"""history, recently_viewed, replenishment: the visitor's own items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import exp
from math import log as ln
from typing import Any

import pytest
from hypothesis import given, settings

from persx.model.item import Action, Item, ItemId
from persx.recommend.interactions import ACTIONS, Interactions
from persx.recommend.query import NOTHING, Query
from persx.recommend.recommenders import RECOMMENDERS
from tests.recommend.logs import Did, asked, log, logs, queries

VIEWED, ADDED, BOUGHT = Action.VIEWED, Action.ADDED, Action.BOUGHT
NOBODY = log([], 5)


def scores(name: str, data: Interactions, query: Query, **options: Any) -> dict[int, float]:
    recommender = RECOMMENDERS[name]
    config = recommender.config(**options)
    found = recommender.rank(recommender.fit(data, config), config, query, 100)
    return dict(zip(found.items.tolist(), found.scores.tolist(), strict=True))


def near(expected: dict[int, float]) -> Any:
    return pytest.approx(expected, rel=1e-4)


def best_first(found: dict[int, float]) -> list[int]:
    return sorted(found, key=lambda item: -found[item])


class TestHistory:
    def test_touches_add_up_and_halve_with_age(self) -> None:
        query = asked(0, 1, 0, ages=[20, 10, 0])
        assert scores("history", NOBODY, query, half_life=10.0) == near({0: 1.25, 1: 0.5})

    def test_actions_count_what_they_are_told(self) -> None:
        query = asked(0, 1, 2, ages=[0, 0, 0], actions=[VIEWED, ADDED, BOUGHT])
        assert scores("history", NOBODY, query) == near({0: 1.0, 1: 2.0, 2: 3.0})
        assert scores("history", NOBODY, query, bought=0.0) == near({0: 1.0, 1: 2.0})

    def test_only_the_newest_touches_count(self) -> None:
        assert set(scores("history", NOBODY, asked(0, 1, 2), length=2)) == {1, 2}

    def test_what_is_very_old_is_last_but_there(self) -> None:
        query = asked(0, 1, ages=[1e9, 0])
        assert best_first(scores("history", NOBODY, query)) == [1, 0]

    def test_who_touched_nothing_has_no_history(self) -> None:
        assert scores("history", NOBODY, asked(anchor=1)) == {}


class TestRecentlyViewed:
    def test_the_newest_is_the_first_and_each_item_is_there_once(self) -> None:
        assert best_first(scores("recently_viewed", NOBODY, asked(0, 1, 2, 0))) == [0, 2, 1]

    def test_what_was_bought_since_is_left_out(self) -> None:
        query = asked(0, 1, 0, actions=[VIEWED, VIEWED, BOUGHT])
        assert best_first(scores("recently_viewed", NOBODY, query)) == [1]
        assert best_first(scores("recently_viewed", NOBODY, query, bought=True)) == [0, 1]

    def test_who_views_again_what_was_bought_sees_it(self) -> None:
        query = asked(0, 0, actions=[BOUGHT, VIEWED])
        assert best_first(scores("recently_viewed", NOBODY, query)) == [0]

    def test_the_item_of_this_page_is_not_listed(self) -> None:
        assert best_first(scores("recently_viewed", NOBODY, asked(0, 1, anchor=1))) == [0]

    def test_old_views_are_forgotten(self) -> None:
        query = asked(0, 1, ages=[100, 1])
        assert best_first(scores("recently_viewed", NOBODY, query)) == [1]
        assert best_first(scores("recently_viewed", NOBODY, query, within=0.0)) == [1, 0]

    def test_no_more_than_so_many(self) -> None:
        assert best_first(scores("recently_viewed", NOBODY, asked(0, 1, 2), length=2)) == [2, 1]


def bought(item: int, *days: Sequence[float]) -> list[Did]:
    """Return rows of users, each of whom bought an item on some days."""
    return [Did(user, int(day), item, day, BOUGHT) for user, own in enumerate(days) for day in own]


def had(*pairs: tuple[int, float]) -> Query:
    """Return the query of who bought items so many days ago."""
    pairs = tuple(sorted(pairs, key=lambda pair: -pair[1]))
    return asked(
        *(item for item, _ in pairs),
        ages=[age for _, age in pairs],
        actions=[BOUGHT] * len(pairs),
        running=0,
    )


class TestReplenishment:
    # Gaps of 10, 30 and 20 days: the median is 20. All four bought it, two of them again.
    COFFEE = bought(0, [0, 10, 40], [5, 25], [7], [8])

    def test_it_is_best_on_the_day_it_is_due(self) -> None:
        data = log(self.COFFEE, 3)
        for age in (15.0, 20.0, 40.0):
            found = scores("replenishment", data, had((0, age)), shrink=0.0)
            assert found == near({0: 0.5 * exp(-(ln(age / 20) ** 2) / (2 * 0.5**2))})

    def test_too_early_and_much_too_late_it_is_not_there(self) -> None:
        data = log(self.COFFEE, 3)
        assert scores("replenishment", data, had((0, 13.0)), shrink=0.0) == {}
        assert scores("replenishment", data, had((0, 61.0)), shrink=0.0) == {}

    def test_the_newest_purchase_counts(self) -> None:
        data = log(self.COFFEE, 3)
        assert scores("replenishment", data, had((0, 20.0), (0, 1.0)), shrink=0.0) == {}

    def test_what_is_rarely_bought_again_is_never_due(self) -> None:
        data = log(self.COFFEE, 3)
        query = had((0, 20.0))
        assert scores("replenishment", data, query, least=4) == {}
        assert scores("replenishment", data, query, least_share=0.6) == {}
        assert scores("replenishment", data, had((1, 20.0))) == {}

    def test_whoever_bought_it_again_has_an_interval_of_their_own(self) -> None:
        data = log(self.COFFEE, 3)
        # Gaps of 60 and 40 days, so 50; the item's 20 counts as three gaps more.
        query = had((0, 132.0), (0, 72.0), (0, 32.0))
        interval = (2 * 50 + 3 * 20) / 5
        share = (2 + 3 * 0.5) / 5
        assert interval == 32.0
        assert scores("replenishment", data, query, shrink=0.0, own=3.0) == near({0: share})
        own = scores("replenishment", data, had((0, 100.0), (0, 50.0)), shrink=0.0, own=0.0)
        assert own == near({0: 1.0}), "their own alone"
        usual = scores("replenishment", data, had((0, 120.0), (0, 20.0)), shrink=0.0, own=1e9)
        assert usual == near({0: 0.5}), "the item's alone"

    def test_what_others_rarely_buy_again_is_due_for_whoever_does(self) -> None:
        data = log([*self.COFFEE, *bought(1, [0.0], [0.0], [0.0])], 3)
        often = had((1, 33.0), (1, 22.0), (1, 11.0))
        usual = (2 * 11 + 5 * 20) / 7  # Nobody bought it again: what is usual for all items.
        expected = (2 / 7) * exp(-(ln(11 / usual) ** 2) / (2 * 0.5**2))
        assert scores("replenishment", data, often, early=0.5) == near({1: expected})
        assert scores("replenishment", data, had((1, 11.0)), early=0.5) == {}

    def test_twice_within_a_day_tells_no_interval(self) -> None:
        data = log(self.COFFEE, 3)
        once, twice = had((0, 20.0)), had((0, 20.5), (0, 20.0))
        assert scores("replenishment", data, once) == scores("replenishment", data, twice)

    def test_twice_on_one_day_is_one_purchase(self) -> None:
        data = log(bought(0, [0, 0.2, 0.4, 0.6]), 1)
        assert scores("replenishment", data, had((0, 1.0)), least=1) == {}

    def test_views_are_no_purchases(self) -> None:
        rows = [row._replace(action=VIEWED) for row in self.COFFEE]
        assert scores("replenishment", log(rows, 3), had((0, 20.0))) == {}
        assert scores("replenishment", log(self.COFFEE, 3), asked(0, ages=[20.0])) == {}

    def test_few_gaps_are_shrunk_to_the_category_and_that_to_all(self) -> None:
        rows = [*self.COFFEE, *bought(1, [0, 40, 80, 120]), *bought(2, [0, 100, 200, 300])]
        data = log(rows, 3)
        items = {
            f"item-{code}": Item(id=ItemId(f"item-{code}"), category=category)
            for code, category in enumerate([("Drinks",), ("Drinks",), ("Tools",)])
        }
        data = replace(data, catalogue=items)
        recommender = RECOMMENDERS["replenishment"]
        arrays = recommender.fit(data, recommender.config(shrink=3.0))
        every = 40.0  # Of 10, 20, 30, 40, 40, 40, 100, 100, 100.
        drinks = (6 * 35 + 3 * every) / 9  # Of 10, 20, 30, 40, 40, 40.
        tools = (3 * 100 + 3 * every) / 6
        assert arrays["intervals"].tolist() == pytest.approx(
            [(3 * 20 + 3 * drinks) / 6, (3 * 40 + 3 * drinks) / 6, (3 * 100 + 3 * tools) / 6]
        )

    def test_where_nobody_knows_the_times_nothing_is_due(self) -> None:
        data = log(self.COFFEE, 3, timed=False)
        assert scores("replenishment", data, had((0, 20.0)), least=1) == {}
        assert scores("replenishment", data, had((0, 40.0), (0, 20.0))) == {}


@pytest.mark.parametrize("name", ["history", "recently_viewed", "replenishment"])
@settings(deadline=None)
@given(data=logs(), query=queries())
def test_they_answer_only_with_what_the_visitor_touched(
    name: str, data: Interactions, query: Query
) -> None:
    found = scores(name, data, query)
    assert set(found) <= set(query.items.tolist())
    if name == "recently_viewed" and query.anchor != NOTHING:
        assert query.anchor not in found
    if name == "replenishment":
        purchased = query.items[query.actions == ACTIONS.index(BOUGHT)].tolist()
        assert set(found) <= set(purchased)
