"""Ranking: what is blended, filtered, lifted, pinned, capped, mixed and tried, and why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from persx.model.clock import DAY, MINUTE
from persx.model.item import Action, ItemId, Touch
from persx.model.pipeline import RankingRule
from persx.recommend.query import NOTHING
from persx.recommend.ranking.known import Wanted, known_of
from persx.recommend.ranking.prepared import Prepared, prepare
from persx.recommend.ranking.rank import Ranked, rank
from persx.recommend.result import WhyKind
from tests.recommend.scripted import (
    NOW,
    catalogue_of,
    ids_of,
    item,
    pipeline,
    plan_of,
    ready,
    trained,
)

FOUR = catalogue_of(
    item("a", price=10.0, category=("Running", "Shoes"), brand="Wren", url="/a", added=1),
    item("b", price=20.0, category=("Running", "Socks"), brand="Wren", added=2),
    item("c", price=30.0, category=("Running", "Shoes"), brand="Heron", added=3, tags=("sale",)),
    item("d", price=40.0, category=("Outdoor",), brand="Heron", added=4, attributes={"kg": 2}),
)
FALLING = {"a": 4.0, "b": 3.0, "c": 2.0, "d": 1.0}


def listed(prepared: Prepared, count: int = 4, **wanted: Any) -> list[str]:
    return ids_of(prepared, rank(prepared, Wanted(count=count, now=NOW, **wanted)))


def asked(prepared: Prepared, count: int = 4, **wanted: Any) -> list[Ranked]:
    return rank(prepared, Wanted(count=count, now=NOW, **wanted))


def touch(item: str, action: Action = Action.VIEWED, ago: int = MINUTE) -> Touch:
    return Touch(item, action, NOW - ago)


def test_the_best_come_first_and_no_more_than_were_asked_for() -> None:
    prepared = ready(pipeline(), FOUR, FALLING)
    assert listed(prepared) == ["a", "b", "c", "d"]
    assert listed(prepared, 2) == ["a", "b"]
    assert listed(prepared, 0) == []


def test_sources_are_scaled_before_they_are_weighed() -> None:
    document = pipeline(sources=2)
    loud = {"a": 1000.0, "b": 400.0}
    quiet = {"b": 0.02, "d": 0.019}
    # a has 1 + 0, b .4 + 1, d 0 + .95.
    assert listed(ready(document, FOUR, loud, quiet)) == ["b", "a", "d"]


def test_what_fills_comes_after_everything_else_however_sure_it_is() -> None:
    document = pipeline(fillers=1)
    prepared = ready(document, FOUR, {"c": 0.1, "d": 0.05}, {"a": 100.0, "c": 50.0, "b": 10.0})
    assert listed(prepared) == ["c", "d", "a", "b"]
    found = asked(prepared)
    assert [each.source for each in found] == ["s0", "s0", "f0", "f0"]


@pytest.mark.parametrize("facts", [{"available": False}, {"hidden": True}])
def test_what_is_not_shown_is_not_recommended_from_the_next_catalogue_on(
    facts: dict[str, Any],
) -> None:
    prepared = ready(pipeline(), FOUR, FALLING)
    after = FOUR.changed({ItemId("a"): item("a", **facts)})
    again = prepare(prepared.plan, after, prepared.trained, prepared)
    assert listed(again) == ["b", "c", "d"]
    assert listed(prepared) == ["a", "b", "c", "d"], "who has the earlier catalogue keeps it"


def test_what_the_catalogue_lacks_is_not_shown_but_speaks_for_others() -> None:
    document = pipeline()
    fitted = trained(document, ["a", "gone", "b"], [{"gone": 9.0, "a": 2.0, "b": 1.0}])
    prepared = prepare(plan_of(document), FOUR, fitted)
    assert listed(prepared) == ["a", "b"]
    assert listed(prepared, touches=(touch("gone"),)) == ["a", "b"]


def test_the_item_of_the_page_and_what_is_excluded_are_left_out() -> None:
    prepared = ready(pipeline(), FOUR, FALLING)
    assert listed(prepared, anchor=FOUR.codes["b"], exclude=["c", "unheard of"]) == ["a", "d"]


def test_only_what_a_list_names_is_ranked() -> None:
    prepared = ready(pipeline(), FOUR, FALLING)
    assert listed(prepared, only=["d", "b", "unheard of"]) == ["b", "d"]
    assert listed(prepared, only=[]) == []
    assert listed(ready(pipeline(only=("c", "a")), FOUR, FALLING)) == ["a", "c"]


def test_prices_are_held_to_a_band_and_near_that_of_the_page() -> None:
    band = pipeline(price_from=20.0, price_to=30.0)
    assert listed(ready(band, FOUR, FALLING)) == ["b", "c"]
    near = ready(pipeline(price_near=0.5), FOUR, FALLING)
    assert listed(near, anchor=FOUR.codes["b"]) == ["a", "c"], "between 10 and 30"
    assert listed(near) == ["a", "b", "c", "d"], "no page, no price to be near"


def test_what_has_no_price_is_in_no_band() -> None:
    catalogue = catalogue_of(item("a"), item("b", price=5.0))
    assert listed(ready(pipeline(price_to=9.0), catalogue, {"a": 2.0, "b": 1.0})) == ["b"]


def test_what_was_bought_or_viewed_lately_is_left_out() -> None:
    prepared = ready(pipeline(not_bought_within="30d", not_viewed_within="1d"), FOUR, FALLING)
    touches = (
        touch("b", Action.BOUGHT, 40 * DAY),
        touch("c", Action.VIEWED, 2 * DAY),
        touch("d", Action.BOUGHT, 29 * DAY),
        touch("/a", Action.VIEWED, MINUTE),
    )
    assert listed(prepared, touches=touches) == ["b", "c"]
    assert listed(prepared, touches=(touch("a", Action.ADDED),)) == ["a", "b", "c", "d"]


def test_buying_again_stays_possible() -> None:
    prepared = ready(pipeline(), FOUR, FALLING)
    assert listed(prepared, touches=(touch("a", Action.BOUGHT),))[0] == "a"


def test_recommenders_are_told_each_day_on_which_something_was_bought() -> None:
    prepared = ready(pipeline(), FOUR, FALLING)
    touches = (
        touch("a", Action.BOUGHT, 40 * DAY),
        touch("a", Action.VIEWED, 30 * DAY),
        touch("a", Action.BOUGHT, 20 * DAY),
        touch("a", Action.VIEWED, 10 * DAY),
    )
    query = known_of(prepared, Wanted(count=3, now=NOW, touches=touches)).query
    assert query.ages.tolist() == [40, 20, 10]
    assert query.items.tolist() == [0, 0, 0]


# -- rules --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "left"),
    [
        ("item.price < 25", ["c", "d"]),
        ('item.brand == "Wren"', ["c", "d"]),
        ('"Running" in item.category', ["d"]),
        ('item.category_path == "Running/Shoes"', ["b", "d"]),
        ('"sale" in item.tags', ["a", "b", "d"]),
        ("item.attributes.kg > 1", ["a", "b", "c"]),
        ("days_since(item.added) > 0", []),
        ('plan == "free" and item.price > 15', ["a"]),
        ('plan == "paid" and item.price > 15', ["a", "b", "c", "d"]),
        ("orders > 2 and not known(item.price)", ["a", "b", "c", "d"]),
    ],
)
def test_rules_exclude_by_facts_of_items_and_visitors(when: str, left: list[str]) -> None:
    prepared = ready(pipeline(RankingRule(do="exclude", when=when)), FOUR, FALLING)
    assert listed(prepared, attributes={"plan": "free", "orders": 3}) == left


def test_include_leaves_no_others() -> None:
    prepared = ready(pipeline(RankingRule(do="include", when="item.price >= 20")), FOUR, FALLING)
    assert listed(prepared) == ["b", "c", "d"]
    both = pipeline(
        RankingRule(do="include", when="item.price >= 20"),
        RankingRule(do="include", when='item.brand == "Heron"'),
    )
    assert listed(ready(both, FOUR, FALLING)) == ["c", "d"]


def test_rules_compare_with_the_item_of_the_page() -> None:
    same = pipeline(RankingRule(do="include", when="item.brand == anchor.brand"))
    prepared = ready(same, FOUR, FALLING)
    assert listed(prepared, anchor=FOUR.codes["a"]) == ["b"]
    assert listed(prepared) == [], "without a page nothing is equal to what is not known"


def test_boost_and_bury_move_items_and_say_why() -> None:
    boosted = pipeline(RankingRule(do="boost", when='"sale" in item.tags', by=3, why="On sale"))
    found = asked(ready(boosted, FOUR, FALLING))
    assert found[0].item == FOUR.codes["c"]
    assert found[0].why.text == "On sale"
    assert found[1].why.text == ""
    buried = pipeline(RankingRule(do="bury", items=("a", "b"), by=100))
    assert listed(ready(buried, FOUR, FALLING)) == ["c", "d", "a", "b"]
    visitors = pipeline(RankingRule(do="boost", when='plan == "free" and item.price > 35', by=9))
    assert listed(ready(visitors, FOUR, FALLING), attributes={"plan": "free"})[0] == "d"


def test_pins_take_their_places_in_order() -> None:
    document = pipeline(
        RankingRule(do="pin", items=("d", "c"), place=2, why="Our pick"),
    )
    found = asked(ready(document, FOUR, FALLING))
    assert [FOUR.items[each.item].id for each in found if FOUR.items[each.item]] == [
        "a", "d", "c", "b"
    ]  # fmt: skip
    assert [(each.why.kind, each.why.text) for each in found][1] == (WhyKind.CHOSEN, "Our pick")


def test_two_pins_for_one_place_stand_side_by_side() -> None:
    document = pipeline(
        RankingRule(do="pin", items=("d",), place=1), RankingRule(do="pin", items=("c",), place=1)
    )
    assert listed(ready(document, FOUR, FALLING)) == ["d", "c", "a", "b"]


def test_a_pin_by_a_rule_takes_the_best_that_it_holds_for() -> None:
    document = pipeline(RankingRule(do="pin", when='item.brand == "Heron"', place=1))
    assert listed(ready(document, FOUR, FALLING), 3) == ["c", "d", "a"]


def test_what_is_pinned_is_left_out_like_anything_else() -> None:
    document = pipeline(
        RankingRule(do="pin", items=("a", "b", "c"), place=1),
        RankingRule(do="exclude", when='plan == "free" and item.price < 15'),
        not_bought_within="9d",
    )
    prepared = ready(document, FOUR, FALLING)
    found = listed(
        prepared,
        exclude=["b"],
        attributes={"plan": "free"},
        touches=(touch("c", Action.BOUGHT),),
    )
    assert found == ["d"]


def test_what_is_pinned_moves_up_where_nothing_is_above_it() -> None:
    document = pipeline(RankingRule(do="pin", items=("d",), place=4))
    assert listed(ready(document, FOUR, {"a": 1.0})) == ["a", "d"]


# -- caps and diversity ---------------------------------------------------------------------------


def test_a_cap_holds_for_the_narrowest_category() -> None:
    prepared = ready(pipeline(category_cap=1), FOUR, FALLING)
    assert listed(prepared) == ["a", "b", "d"], "c is of a's category"


def test_what_has_no_category_is_under_no_cap() -> None:
    catalogue = catalogue_of(item("a"), item("b"))
    assert listed(ready(pipeline(category_cap=1), catalogue, {"a": 2.0, "b": 1.0})) == ["a", "b"]


def test_a_cap_that_empties_the_sources_is_filled_by_others() -> None:
    document = pipeline(category_cap=1, fillers=1)
    prepared = ready(document, FOUR, {"a": 2.0, "c": 1.0}, {"c": 9.0, "d": 1.0})
    assert listed(prepared) == ["a", "d"]


def test_diversity_prefers_what_is_unlike_the_items_above() -> None:
    near = {"a": 1.0, "c": 0.99, "b": 0.98, "d": 0.9}
    assert listed(ready(pipeline(), FOUR, near)) == ["a", "c", "b", "d"]
    # c shares category with a; b the widest one and the brand; d nothing.
    assert listed(ready(pipeline(diversity=0.5), FOUR, near)) == ["a", "d", "c", "b"]


# -- what is tried --------------------------------------------------------------------------------


def test_exploring_is_exact() -> None:
    """Every way in which chance can fall is walked; probabilities add up and match the log."""
    prepared = ready(pipeline(explore=0.3), FOUR, FALLING)
    steps = 300
    first: dict[str, float] = {}
    told: dict[str, float] = {}
    for step in range(steps):
        number = (step + 0.5) / steps
        found = asked(prepared, 1, draw=lambda _, number=number: number)
        name = ids_of(prepared, found)[0]
        first[name] = first.get(name, 0) + 1 / steps
        told[name] = found[0].propensity
    assert first == pytest.approx({"a": 0.7, "b": 0.1, "c": 0.1, "d": 0.1})
    assert told == pytest.approx(first)


def test_lists_are_as_probable_as_their_places_say() -> None:
    prepared = ready(pipeline(explore=0.5), FOUR, FALLING)
    steps = 24
    share: dict[tuple[str, ...], float] = {}
    told: dict[tuple[str, ...], float] = {}
    numbers = [(step + 0.5) / steps for step in range(steps)]
    for one in numbers:
        for two in numbers:
            found = asked(prepared, 2, draw=lambda place, both=(one, two): both[place - 1])
            names = tuple(ids_of(prepared, found))
            share[names] = share.get(names, 0) + 1 / steps**2
            told[names] = float(np.prod([each.propensity for each in found]))
    assert sum(told.values()) == pytest.approx(1)
    assert share == pytest.approx(told, abs=2 / steps)


def test_what_nobody_has_touched_is_tried_too() -> None:
    prepared = ready(pipeline(explore=1.0), FOUR, {"a": 1.0})
    tried = {ids_of(prepared, asked(prepared, 1, draw=lambda _, n=n / 9: n))[0] for n in range(9)}
    assert tried == {"b", "c", "d"}


def test_nothing_is_tried_where_nobody_draws() -> None:
    prepared = ready(pipeline(explore=1.0), FOUR, FALLING)
    assert listed(prepared) == ["a", "b", "c", "d"]
    assert {each.propensity for each in asked(prepared)} == {1.0}


# -- reasons --------------------------------------------------------------------------------------


def test_a_reason_names_the_item_that_speaks_for_it() -> None:
    because = {"b": "a", "c": "d"}
    prepared = ready(pipeline(), FOUR, {"b": 3.0, "c": 2.0, "d": 1.0}, because=because)
    touches = (touch("/a", ago=DAY), touch("d", Action.BOUGHT))
    found = asked(prepared, touches=touches)
    assert [(each.why.kind, each.why.item, each.why.title) for each in found] == [
        (WhyKind.VIEWED, "a", "A"),
        (WhyKind.BOUGHT, "d", "D"),
        (WhyKind.FOR_YOU, "", ""),
    ]


def test_what_speaks_for_itself_is_known_already() -> None:
    prepared = ready(pipeline(), FOUR, {"b": 3.0, "c": 2.0}, because={"b": "b", "c": "c"})
    found = asked(prepared, touches=(touch("b", Action.BOUGHT), touch("c")))
    assert [each.why.kind for each in found] == [WhyKind.AGAIN, WhyKind.RECENT]


def test_on_the_page_of_an_item_that_item_is_the_reason() -> None:
    prepared = ready(pipeline(), FOUR, {"b": 3.0}, because={"b": "a"})
    found = asked(prepared, anchor=FOUR.codes["a"])
    assert (found[0].why.kind, found[0].why.item) == (WhyKind.ALIKE, "a")


def test_without_anything_trained_the_newest_come_first() -> None:
    prepared = prepare(plan_of(pipeline()), FOUR, None)
    found = asked(prepared, 3)
    assert ids_of(prepared, found) == ["d", "c", "b"]
    assert {each.why.kind for each in found} == {WhyKind.NEW}


# -- edges ----------------------------------------------------------------------------------------


def test_a_catalogue_of_one_item_and_an_empty_one() -> None:
    one = catalogue_of(item("a"))
    assert listed(ready(pipeline(), one, {"a": 1.0})) == ["a"]
    assert listed(ready(pipeline(), one, {"a": 1.0}), anchor=0) == []
    assert listed(ready(pipeline(), catalogue_of(), {})) == []


def test_filters_that_leave_few_ask_for_all_that_there_is() -> None:
    many = [item(f"i{number:04}", price=float(number)) for number in range(2_000)]
    scores = {each.id: float(2_000 - place) for place, each in enumerate(many)}
    document = pipeline(RankingRule(do="include", when="item.price > 1990"))
    prepared = ready(document, catalogue_of(*many), scores)
    assert listed(prepared, 5) == ["i1991", "i1992", "i1993", "i1994", "i1995"]


def test_masks_are_taken_over_for_what_stayed() -> None:
    document = pipeline(RankingRule(do="exclude", when="item.price < 25"))
    before = ready(document, FOUR, FALLING)
    after = FOUR.changed(
        {
            item("a").id: item("a", price=99.0),
            item("c").id: item("c", price=1.0),
            item("e").id: item("e", price=50.0),
        }
    )
    again = prepare(before.plan, after, before.trained, before)
    fresh = prepare(before.plan, after, before.trained)
    assert again.allowed.tolist() == fresh.allowed.tolist() == [True, False, False, True, True]
    assert again.to_trained[4] == NOTHING


def test_sources_that_were_not_trained_wait() -> None:
    document = pipeline(sources=1)
    fitted = trained(document, ["a", "b", "c", "d"], [FALLING])
    other = pipeline(sources=2)
    prepared = prepare(plan_of(other), FOUR, fitted)
    assert listed(prepared) == ["a", "b", "c", "d"]
    assert len(prepared.sources) == 1
