"""The metrics: each against figures that were computed by hand."""

from __future__ import annotations

from math import log2, sqrt

import numpy as np
import pytest

from persx.model.item import Item, ItemId
from persx.recommend.evaluation.metrics import RANKING, TOGETHER, Crowd, Lists, known_facts
from persx.recommend.evaluation.trial import interactions
from persx.recommend.query import NOTHING

# Three cases: hits at 1 and 3 of 4 wanted; a hit at 2 of 1 wanted; none, and the list ends early.
LISTS = Lists(
    items=np.array([[0, 1, 2], [1, 0, 3], [4, NOTHING, NOTHING]], "i4"),
    hits=np.array([[True, False, True], [False, True, False], [False, False, False]]),
    wanted=np.array([4, 1, 2]),
)
# Item 0 was touched three times, 1 and 2 twice, 3 once, 4 never.
CROWD_DATA = interactions([[0, 1, 2], [0, 1], [0, 2, 3]], list("abcde"))
CROWD = Crowd(CROWD_DATA.counts, CROWD_DATA.matrix())


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("recall", (2 / 4 + 1 / 1 + 0) / 3),
        ("precision", (2 / 3 + 1 / 3 + 0) / 3),
        ("hr", 2 / 3),
        ("mrr", (1 + 1 / 2 + 0) / 3),
        ("ndcg", ((1 + 1 / 2) / (1 + 1 / log2(3) + 1 / 2) + 1 / log2(3) + 0) / 3),
    ],
)
def test_what_is_found_and_how_early(metric: str, expected: float) -> None:
    assert RANKING[metric](LISTS) == pytest.approx(expected)


def test_the_first_places_alone() -> None:
    first = LISTS.first(1)
    assert RANKING["recall"](first) == pytest.approx((1 / 4) / 3)
    assert RANKING["ndcg"](first) == pytest.approx(1 / 3)
    assert RANKING["precision"](first) == pytest.approx(1 / 3)


@pytest.mark.parametrize("metric", RANKING)
def test_all_right_is_one_and_all_wrong_is_nothing(metric: str) -> None:
    items = np.array([[3, 1], [0, 2]], "i4")
    all_right = Lists(items, np.ones((2, 2), bool), np.array([2, 2]))
    assert RANKING[metric](all_right) == pytest.approx(1.0)
    assert RANKING[metric](all_right._replace(hits=np.zeros((2, 2), bool))) == 0.0


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("coverage", 5 / 5),
        # Places of the items: 2 2 1 1 1. Sorted 1 1 1 2 2: (2Σ r·n ÷ Σn − (5 + 1)) ÷ 5.
        ("gini", (2 * (1 + 2 + 3 + 8 + 10) / 7 - 6) / 5),
        # Percentiles: 4 is .1, 3 is .3, 1 and 2 are .6, 0 is .9.
        ("popularity", (0.9 + 0.6 + 0.6 + 0.6 + 0.9 + 0.3 + 0.1) / 7),
        (
            "diversity",
            np.mean(
                [
                    # 0–1: 2 ÷ √(3·2); 0–2: the same; 1–2: 1 ÷ √(2·2).
                    1 - (2 / sqrt(6) + 2 / sqrt(6) + 1 / 2) / 3,
                    # 1–0; 1–3: nobody; 0–3: 1 ÷ √3.
                    1 - (2 / sqrt(6) + 0 + 1 / sqrt(3)) / 3,
                ]
            ),
        ),
    ],
)
def test_of_all_lists_together(metric: str, expected: float) -> None:
    assert TOGETHER[metric](LISTS, CROWD) == pytest.approx(expected)


def test_where_nothing_is_shown_there_is_no_figure() -> None:
    nothing = Lists(np.full((2, 3), NOTHING, "i4"), np.zeros((2, 3), bool), np.array([1, 1]))
    found = {name: metric(nothing, CROWD) for name, metric in TOGETHER.items()}
    assert found.pop("coverage") == 0.0
    assert set(found.values()) == {None}


def test_variety_is_how_far_apart_items_are_by_what_they_are() -> None:
    catalogue = {
        "a": Item(id=ItemId("a"), category=("Run", "Shoes"), brand="Acme"),
        "b": Item(id=ItemId("b"), category=("Run", "Shoes"), brand="Bolt"),
        "c": Item(id=ItemId("c"), category=("Run",), tags=("red",)),
        "d": Item(id=ItemId("d"), tags=("red",)),
        "e": Item(id=ItemId("e"), title="Nothing is known of it"),
    }
    facts = known_facts(["a", "b", "c", "d", "e"], catalogue)
    crowd = CROWD._replace(facts=facts)
    # a–b: 2 ÷ √(3·3); a–c: 1 ÷ √(3·2); b–c: the same. b–a; b–d and a–d: nothing in common.
    first = 1 - (2 / 3 + 2 / sqrt(6)) / 3
    second = 1 - 2 / 3 / 3
    # The third list shows what nobody knows: it tells nothing.
    assert TOGETHER["variety"](LISTS, crowd) == pytest.approx((first + second) / 2)
    assert TOGETHER["variety"](LISTS, CROWD) is None
    assert known_facts(["a", "e"], {"e": catalogue["e"]}) is None
    # What is not known does not count as different.
    with_e = LISTS._replace(items=np.array([[0, 4, 1]], "i4"))
    assert TOGETHER["variety"](with_e, crowd) == pytest.approx(1 - 2 / 3)


def test_the_same_item_for_all_is_as_unequal_as_can_be() -> None:
    same = Lists(np.array([[0], [0]], "i4"), np.zeros((2, 1), bool), np.array([1, 1]))
    assert TOGETHER["gini"](same, CROWD) == pytest.approx(4 / 5)
    assert TOGETHER["coverage"](same, CROWD) == pytest.approx(1 / 5)
