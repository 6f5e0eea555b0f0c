"""The catalogue in memory: by id, by page, as columns, and cheap to change."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from persx.model.item import Item, ItemId
from persx.recommend.catalogue import NO_CATALOGUE, Catalogue, laid, page_of
from persx.recommend.query import NOTHING


def item(id: str, **facts: Any) -> Item:
    return Item(id=ItemId(id), title=id, **facts)


def catalogue(*items: Item) -> Catalogue:
    return NO_CATALOGUE.changed({each.id: each for each in items}, revision=1)


def test_an_empty_catalogue_knows_nothing() -> None:
    assert len(NO_CATALOGUE) == NO_CATALOGUE.size == 0
    assert NO_CATALOGUE.get("a") is None
    assert NO_CATALOGUE.at("/a") is None
    assert NO_CATALOGUE.code("a") == NO_CATALOGUE.code("/a") == NOTHING
    assert NO_CATALOGUE.category_mask(("A",)).tolist() == []


def test_facts_stand_in_columns_by_code() -> None:
    found = catalogue(
        item("a", price=3.5, category=("Run", "Shoes"), brand="Wren", added=7),
        item("b", available=False, category=("Run",)),
        item("c", hidden=True, brand="Wren"),
    )
    assert found.codes_of(["c", "nothing", "a"]).tolist() == [2, NOTHING, 0]
    assert found.shown.tolist() == [True, False, False]
    assert found.columns.price[0] == 3.5
    assert math.isnan(found.columns.price[1])
    assert found.columns.added.tolist() == [7, 0, 0]
    assert found.columns.brand.tolist() == [found.brand_code("Wren"), NOTHING, 0]
    assert found.brand_code("nobody") == NOTHING
    assert found.category_mask(("Run",)).tolist() == [True, True, False]
    assert found.category_mask(("Run", "Shoes")).tolist() == [True, False, False]
    assert found.category_mask(("Shoes",)).tolist() == [False, False, False]
    assert found.category_mask(()).tolist() == [True, True, True]


def test_a_change_leaves_the_catalogue_before_as_it_was() -> None:
    before = catalogue(item("a", price=1.0), item("b"))
    after = before.changed(
        {ItemId("a"): item("a", price=2.0, available=False), ItemId("c"): item("c")}, revision=2
    )
    assert (before.shown.tolist(), before.columns.price[0], before.get("c")) == (
        [True, True], 1.0, None,
    )  # fmt: skip
    assert (after.shown.tolist(), after.columns.price[0]) == ([False, True, True], 2.0)
    assert after.codes_of(["a", "b", "c"]).tolist() == [0, 1, 2]
    assert (before.revision, after.revision) == (1, 2)


def test_codes_stay_when_items_go_and_come_back() -> None:
    full = catalogue(item("a", url="/a"), item("b", url="/b"))
    less = full.changed({ItemId("a"): None}, revision=2)
    assert (len(less), less.size) == (1, 2)
    assert less.get("a") is None
    assert less.at("/a") is None
    assert not less.shown[0]
    assert less.category_mask(()).tolist() == [False, True]
    again = less.changed({ItemId("c"): item("c"), ItemId("a"): item("a")}, revision=3)
    assert again.codes_of(["a", "b", "c"]).tolist() == [0, 1, 2]
    assert list(again.present()) == ["a", "b", "c"]


def test_what_was_never_there_can_be_removed() -> None:
    assert catalogue(item("a")).changed({ItemId("x"): None}, revision=2).size == 1


def test_a_view_of_a_page_is_a_view_of_its_item() -> None:
    found = catalogue(
        item("post", url="/blog/x"),
        item("shoe", url="https://shop.example/p/wren?utm=1"),
        item("home", url="https://shop.example/"),
        item("idea", url="/blog/x#idea"),
    )
    assert found.code("/blog/x") == found.code("/blog/x/") == found.code("post") == 0
    assert found.code("/p/wren") == 1
    assert found.code("/") == found.code("/blog") == NOTHING
    post = found.at("/blog/x?ref=mail")
    assert post is not None
    assert post.id == "post"


def test_of_several_items_with_one_page_the_least_id_has_it() -> None:
    found = catalogue(item("c", url="/p"), item("b", url="/p"), item("d", url="/p"))
    assert found.code("/p") == found.codes["b"]
    moved = found.changed({ItemId("b"): item("b", url="/q")}, revision=2)
    assert (moved.code("/p"), moved.code("/q")) == (moved.codes["c"], moved.codes["b"])
    fewer = moved.changed({ItemId("c"): None}, revision=3)
    assert fewer.code("/p") == fewer.codes["d"]
    assert fewer.changed({ItemId("d"): None}, revision=4).code("/p") == NOTHING


ITEMS = st.builds(
    item,
    st.sampled_from("abcdef"),
    url=st.sampled_from(["", "/p", "/q", "/r/", "/p#x"]),
    price=st.sampled_from([None, 1.0, 2.0]),
    category=st.sampled_from([(), ("A",), ("A", "B"), ("C",)]),
    brand=st.sampled_from(["", "X", "Y"]),
    available=st.booleans(),
)
CHANGES = st.lists(
    st.dictionaries(st.sampled_from("abcdef"), st.one_of(st.none(), ITEMS), min_size=1, max_size=4),
    max_size=6,
)


@given(CHANGES)
def test_step_by_step_is_what_it_would_be_at_once(steps: list[dict[str, Item | None]]) -> None:
    stepped, last = NO_CATALOGUE, dict[ItemId, Item]()
    for number, step in enumerate(steps):
        changes: dict[ItemId, Item | None] = {}
        for id, one in step.items():
            changes[ItemId(id)] = one and item(id, url=one.url, price=one.price,
                category=one.category, brand=one.brand, available=one.available)  # fmt: skip
        stepped = stepped.changed(changes, revision=number)
        for id, each in changes.items():
            if each is None:
                last.pop(id, None)
            else:
                last[id] = each
    whole = NO_CATALOGUE.changed(dict(last), revision=9)
    assert stepped.present() == last
    assert len(stepped) == len(whole)
    for id, each in last.items():
        here, there = stepped.code(id), whole.code(id)
        assert stepped.shown[here] == whole.shown[there] == each.shown
        assert np.array_equal(
            stepped.columns.price[here], whole.columns.price[there], equal_nan=True
        )
        for path in (("A",), ("A", "B"), ("C",)):
            assert stepped.category_mask(path)[here] == whole.category_mask(path)[there]
    for path in ("/p", "/q", "/r"):
        one, other = stepped.at(path), whole.at(path)
        assert one == other
        owners = [id for id, each in last.items() if page_of(each.url) == path]
        assert (one.id if one else None) == min(owners, default=None)
    assert stepped.shown.sum() == whole.shown.sum()


@given(st.text())
def test_any_address_has_a_page_or_none(url: str) -> None:
    page = page_of(url)
    assert page == "" or (page.startswith("/") and not page.endswith("/"))


def test_what_is_said_above_counts_and_the_rest_shows_through() -> None:
    below = item("a", price=9.0, tags=("x",), url="/a")
    above = Item(id=ItemId("a"), price=8.0, hidden=True)
    found = laid(below, above)
    assert found == item("a", price=8.0, tags=("x",), url="/a", hidden=True)
    assert laid(below, None) == below
    assert laid(None, above) == above
    assert laid(None, None) is None
