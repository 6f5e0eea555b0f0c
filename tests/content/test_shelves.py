"""Shelves of products: ranked for the visitor, and left alone where that changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from persx.content.art import ART_NAMES, NEUTRAL, art
from persx.content.blocks.cart import CartContents, CartLine
from persx.content.blocks.products import PRODUCTS
from persx.content.rendering import RenderContext, Renderer
from persx.model.decision import Decision, Reason


def shown(content: dict[str, Any], **attributes: Any) -> list[str]:
    return [each["id"] for each in PRODUCTS.arrange(content, attributes)["products"]]


def test_what_was_looked_at_last_comes_first(samples: dict[str, Any]) -> None:
    content = samples["products"]
    assert shown(content, viewed_categories=["Food", "Socks"]) == ["gel", "sock"]
    assert shown(content, viewed_categories=["socks", "food"]) == ["sock", "gel"]


def test_what_goes_with_a_category_is_told_by_tags(samples: dict[str, Any]) -> None:
    content = {**samples["products"], "match": "tags"}
    assert shown(content, viewed_categories=["Shoes"]) == ["sock", "shoe"]


@pytest.mark.parametrize("known", [None, [], ["Shoes"], ["Tents"], 7])
def test_where_nothing_changes_the_content_is_what_everybody_gets(
    samples: dict[str, Any], known: Any
) -> None:
    content = samples["products"]
    assert PRODUCTS.arrange(content, {"viewed_categories": known}) is content
    assert [each.id for each in PRODUCTS.view(content).products] == ["shoe", "sock"]


def test_a_shelf_may_be_of_one_category(samples: dict[str, Any]) -> None:
    content = {**samples["products"], "category": "Food"}
    assert [each.id for each in PRODUCTS.view(content).products] == ["gel"]
    # Of a category that has nothing, all is shown rather than nothing.
    empty = {**content, "category": "Tents"}
    assert [each.id for each in PRODUCTS.view(empty).products] == ["shoe", "sock", "gel"]


def test_ids_and_prices_are_checked(samples: dict[str, Any]) -> None:
    content = samples["products"]
    for field, value in (("id", "../x"), ("price", -1), ("id", ""), ("price", "free")):
        content["products"][0][field] = value
        assert [fault.path for fault in PRODUCTS.check(content)] == [f"products.0.{field}"]
        content["products"][0] |= {"id": "shoe", "price": 1}


def test_the_cart_shows_what_the_context_has(samples: dict[str, Any], renderer: Renderer) -> None:
    decision = Decision(
        block="cart", type="cart", variant="default", content=samples["cart"],
        reason=Reason.NO_MATCH, arms={},
    )  # fmt: skip
    line = CartLine(id="shoe", name="<b>Shoe</b>", price=40.5, pieces=2, href="javascript:x")
    context = RenderContext(cart=CartContents(lines=(line,)))
    html = renderer.block(decision, context=context)
    assert "$86.00" in html
    assert "&lt;b&gt;Shoe" in html
    assert "javascript:" not in html
    full = RenderContext(cart=CartContents(lines=(line, line)), locale="de")
    assert "162,00\xa0$" in renderer.block(decision, context=full)
    assert "Nothing yet." in renderer.block(decision, context=RenderContext())


def test_drawings_are_plain_shapes() -> None:
    assert NEUTRAL in ART_NAMES
    assert art("no such thing") == art(NEUTRAL)
    for name in ART_NAMES:
        drawn = art(name)
        assert "style" not in drawn
        assert "<script" not in drawn
        assert 'class="a-main"' in drawn
