"""Content that depends on the visitor: collections are ranked, progress is filled in."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persx.content.blocks import BLOCK_TYPES

COLLECTION = BLOCK_TYPES["collection"]
PRODUCTS = BLOCK_TYPES["products"]
PROGRESS = BLOCK_TYPES["progress_bar"]


def titles(content: Any) -> list[str]:
    return [item["title"] for item in content["items"]]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, "ABC"),
        ({"industry": None}, "ABC"),
        ({"industry": "SAAS"}, "ADB"),
        ({"industry": "SaaS", "goals": ["reduce churn"]}, "DAB"),
        ({"industry": "Healthcare", "goals": ["Fill capacity"]}, "BAC"),
        ({"industry": "Mining"}, "ABC"),
        ({"industry": 7, "goals": [None, 3]}, "ABC"),
        ({"tools": ["SaaS"]}, "ABC"),
    ],
)
def test_items_that_match_most_come_first(
    attributes: dict[str, Any], expected: str, samples: dict[str, Any]
) -> None:
    assert "".join(titles(COLLECTION.arrange(samples["collection"], attributes))) == expected


def test_without_a_limit_nothing_is_lost(samples: dict[str, Any]) -> None:
    del samples["collection"]["limit"]
    arranged = COLLECTION.arrange(samples["collection"], {"industry": "saas"})
    assert titles(arranged) == ["A", "D", "B", "C"]


def test_what_arranging_reads(samples: dict[str, Any]) -> None:
    assert COLLECTION.reads(samples["collection"]) == {"industry", "goals"}
    assert PRODUCTS.reads(samples["products"]) == {"viewed_categories"}
    assert PROGRESS.reads(samples["progress_bar"]) == {"cart.value"}
    for name in set(BLOCK_TYPES.names) - {"collection", "progress_bar", "products"}:
        assert BLOCK_TYPES[name].reads(samples[name]) == frozenset()
        assert BLOCK_TYPES[name].arrange(samples[name], {"industry": "x"}) == samples[name]


@pytest.mark.parametrize("name", BLOCK_TYPES.names)
def test_arranging_changes_nothing_that_it_is_given(name: str, samples: dict[str, Any]) -> None:
    before = copy.deepcopy(samples[name])
    BLOCK_TYPES[name].arrange(samples[name], {"industry": "SaaS", "cart.value": 3})
    assert samples[name] == before


@given(st.permutations(range(4)), st.lists(st.sampled_from("abcd"), max_size=3))
def test_ranking_is_stable(order: list[int], goals: list[str]) -> None:
    items = [{"title": str(n), "text": "t", "href": "/", "tags": ["abcd"[n], "a"]} for n in order]
    content = {"headline": "h", "items": items, "rank_by": ["goals"]}
    ranked = titles(COLLECTION.arrange(content, {"goals": goals}))

    def score(title: str) -> int:
        return sum(tag in set(goals) for tag in ("abcd"[int(title)], "a"))

    expected = sorted((str(n) for n in order), key=lambda title: -score(title))
    assert ranked == expected


@pytest.mark.parametrize(
    ("value", "line", "share"),
    [
        (63.5, "$36.50 of $100 to go, $63.50 so far", 0.635),
        (0, "$100 of $100 to go, $0 so far", 0.0),
        (None, "$100 of $100 to go, $0 so far", 0.0),
        (-5, "$100 of $100 to go, $0 so far", 0.0),
        (True, "$100 of $100 to go, $0 so far", 0.0),
        ("63", "$100 of $100 to go, $0 so far", 0.0),
        (float("nan"), "$100 of $100 to go, $0 so far", 0.0),
        (100, "Shipping is free", 1.0),
        (1e9, "Shipping is free", 1.0),
        (float("inf"), "Shipping is free", 1.0),
    ],
)
def test_progress(value: Any, line: str, share: float, samples: dict[str, Any]) -> None:
    arranged = PROGRESS.arrange(samples["progress_bar"], {"cart.value": value})
    assert arranged["line"] == line
    assert arranged["share"] == pytest.approx(share)


@pytest.mark.parametrize(
    ("locale", "line"),
    [
        ("en", "$1,036.50 of $1,100 to go, $63.50 so far"),
        ("de", "1.036,50\xa0$ of 1.100\xa0$ to go, 63,50\xa0$ so far"),
        ("de-AT", "1.036,50\xa0$ of 1.100\xa0$ to go, 63,50\xa0$ so far"),
    ],
)
def test_amounts_are_written_as_the_page_writes_them(
    locale: str, line: str, samples: dict[str, Any]
) -> None:
    content = {**samples["progress_bar"], "goal": 1_100}
    assert PROGRESS.arrange(content, {"cart.value": 63.5}, locale)["line"] == line


def test_a_unit_that_is_no_currency_stands_behind(samples: dict[str, Any]) -> None:
    content = {**samples["progress_bar"], "unit": "orders", "goal": 12_000}
    assert "12,000 orders" in PROGRESS.arrange(content, {})["line"]


def test_text_from_a_visitor_cannot_reach_the_message(samples: dict[str, Any]) -> None:
    content = {**samples["progress_bar"], "unit": "{goal}"}
    assert PROGRESS.arrange(content, {"cart.value": 99})["line"].count("{goal}") == 3
