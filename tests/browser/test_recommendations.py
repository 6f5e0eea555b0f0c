"""Recommendations in a real browser: clicks lead on and count once, with and without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_accessibility import violations
from tests.browser.test_shop import look_at, shopper
from tests.browser.visits import watch
from tests.conftest import Server, running

CLICKED = "Recommendation Clicked"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("shop") / "home", "--demo", "shop") as server:
        yield server


def events(page: Page, name: str) -> list[Any]:
    """Return the properties of the visitor's own events of a name."""
    mine = page.context.request.get("/v1/me").json()
    return [each["properties"] for each in mine["events"] if each.get("event") == name]


def first(page: Page, block: str) -> Any:
    return page.locator(f"#{block} .recommended-item").first


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_click_reaches_the_product_and_counts_once(
    browser: Browser, shop: Server, scripts: bool
) -> None:
    with shopper(browser, shop, java_script_enabled=scripts) as page:
        look_at(page, "storm")
        item = first(page, "goes-with").get_attribute("data-item")
        title = first(page, "goes-with").locator(".product-name a")
        name = title.inner_text()
        title.click()
        expect(page).to_have_url(f"{shop.url}/products/{item}")
        expect(page.locator("h1")).to_have_text(name)
        (clicked,) = events(page, CLICKED)
        assert (clicked["item_id"], clicked["block"], clicked["place"]) == (item, "goes-with", 1)
        # Back, and once more: the page is a new one, and so is its list.
        page.go_back(wait_until="load")
        expect(page).to_have_url(f"{shop.url}/products/storm")
        assert len(events(page, CLICKED)) == 1
        seen = events(page, "Recommendations Viewed")
        decisions = [each["decision_id"] for each in seen]
        assert clicked["decision_id"] in decisions
        assert len({(each["decision_id"], each["block"]) for each in seen}) == len(seen)


def test_another_tab_counts_too_and_the_same_link_once(browser: Browser, shop: Server) -> None:
    with shopper(browser, shop) as page:
        look_at(page, "storm")
        link = first(page, "goes-with").locator(".product-name a")
        for _ in range(2):
            with page.context.expect_page() as opened:
                link.click(button="middle")
            opened.value.wait_for_load_state()
            assert "/products/" in opened.value.url
            opened.value.close()
        assert len(events(page, CLICKED)) == 1


def test_what_was_looked_at_leads_on_the_next_page_and_can_be_put_into_the_cart(
    browser: Browser, shop: Server
) -> None:
    with shopper(browser, shop) as page:
        problems = watch(page)
        look_at(page, "drizzle")
        page.goto("/")
        block = page.locator("#for-you")
        assert block.get_attribute("data-reason") == "targeted"
        item = first(page, "for-you")
        name = item.locator(".product-name").inner_text()
        item.get_by_role("button").click()
        expect(page.locator("#for-you [role=status]")).to_be_visible()
        page.goto("/cart")
        expect(page.locator(".cart-line")).to_contain_text(name)
        expect(page.locator("#bought-together .recommended-item")).to_have_count(4)
        assert not problems


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_lists_are_accessible_and_fit(
    browser: Browser, shop: Server, scheme: Any, width: int
) -> None:
    with shopper(
        browser, shop, color_scheme=scheme, viewport={"width": width, "height": 900}
    ) as page:
        look_at(page, "storm")
        page.goto("/")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
