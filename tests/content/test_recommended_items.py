"""Items of a block that recommends: what is shown of each, in every layout."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from persx.content.blocks.recommendations import (
    RECOMMENDATIONS,
    RecommendedItem,
    says_nothing,
    with_items,
)
from persx.content.rendering import RenderContext, Renderer
from persx.model.decision import Decision

STORM = RecommendedItem(
    id="storm",
    title="Storm Jacket",
    href="/products/storm",
    text="Seams taped.",
    category="Apparel",
    price=159.9,
    was=189.9,
    art="jacket",
    sold=True,
    why="Popular this week",
)
CONTENT = {"headline": "For you", "pipeline": "for-you", "categories": {"Apparel": "Clothes"}}


@pytest.fixture
def html(renderer: Renderer, decided: Callable[..., Decision]) -> Callable[..., str]:
    def make(*items: RecommendedItem, links: Any = None, **content: Any) -> str:
        filled = with_items({**CONTENT, **content}, items)
        context = RenderContext(page="home", links={"main-block": links or {}})
        return renderer.block(decided("recommendations", filled), context=context)

    return make


@pytest.mark.parametrize("layout", ["shelf", "list", "compact"])
def test_an_item_says_what_it_is_and_why_it_is_there(html: Any, layout: str) -> None:
    found = html(STORM, layout=layout)
    assert 'href="/products/storm"' in found
    for said in ("Storm Jacket", "Clothes", "€159.90", "€189.90", "Popular this week"):
        assert said in found
    # What this site sells can be put into the cart where there is room for a button.
    assert ("/shop/cart" in found) is (layout == "shelf")
    assert ("Seams taped." in found) is (layout == "list")


def test_what_shall_not_be_said_is_not(html: Any) -> None:
    found = html(STORM, show_why=False, show_price=False)
    assert "Popular" not in found
    assert "€" not in found


def test_what_another_shop_sells_has_no_button(html: Any) -> None:
    found = html(RecommendedItem(id="a", title="A"))
    assert "/shop/cart" not in found
    assert "<a " not in found


def test_links_lead_through_us_where_clicks_count(html: Any) -> None:
    assert 'href="/v1/r/token"' in html(STORM, links={"storm": "/v1/r/token"})


def test_pictures_are_lazy_and_bear_no_script(html: Any) -> None:
    found = html(RecommendedItem(id="a", title="A", image="javascript:alert(1)"))
    assert 'src="#"' in found
    found = html(RecommendedItem(id="a", title="A", image="https://img.example/a.jpg"))
    assert re.search(r'<img src="https://img.example/a.jpg" alt="" loading="lazy"', found)


def test_without_items_the_block_says_so_or_nothing(html: Any) -> None:
    assert html() == ""
    assert "Come back soon." in html(empty="Come back soon.")
    assert says_nothing("recommendations", CONTENT)
    assert not says_nothing("recommendations", {**CONTENT, "empty": "Soon."})
    assert not says_nothing("hero", {})


def test_an_item_is_listed_once_only() -> None:
    (fault,) = RECOMMENDATIONS.check({**CONTENT, "instead": ["a", "b", "a"]})
    assert "'a' is listed twice" in fault.message
