"""The demo shop: nine cells of the matrix, two rules, and carts, as people meet them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from persx.model.clock import DAY, iso, system_clock
from tests.browser.test_accessibility import tab_through, violations
from tests.browser.visits import admin, blocks_of, facts_of, visitor_id, watch
from tests.conftest import SERVER_KEY, Server, running

HERO, PICKS, OFFER, SHIPPING = "home-hero", "home-picks", "home-offer", "shipping"
PATHS = ["/", "/running-shoes", "/apparel", "/products/skylark-4", "/offers", "/cart", "/privacy"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("shop") / "home", "--demo", "shop") as server:
        yield server


@contextmanager
def shopper(
    browser: Browser, shop: Server, *, held: bool = False, **options: Any
) -> Iterator[Page]:
    """A page of somebody new, outside the holdout or inside it."""
    for _ in range(200):
        options = {"locale": "en-US", "reduced_motion": "reduce"} | options
        context = browser.new_context(base_url=shop.url, **options)
        page = context.new_page()
        page.set_default_timeout(8_000)
        page.goto("/offers")
        if (blocks_of(page)[OFFER][1] == "holdout") == held:
            yield page
            context.close()
            return
        context.close()
    raise AssertionError("no visitor of this kind came by")


def cells(page: Page) -> tuple[str, str, str]:
    """The variants of hero, recommendations and offers on the home page."""
    page.goto("/")
    found = blocks_of(page)
    return found[HERO][0], found[PICKS][0], found[OFFER][0]


def look_at(page: Page, product: str) -> None:
    """Look at a product; the page has told so when it is loaded, images and all."""
    page.goto(f"/products/{product}", wait_until="load")
    page.wait_for_load_state("networkidle")


def take(page: Page, product: str) -> None:
    look_at(page, product)
    page.locator(".product-page button").click()
    expect(page.get_by_role("status")).to_contain_text("In your cart")


def order(page: Page, code: str = "") -> None:
    page.goto("/cart")
    if code:
        page.get_by_label("Discount code").fill(code)
    page.get_by_role("button", name="Order").click()
    expect(page.get_by_test_id("order-thanks")).to_be_visible()


def shelves(page: Page, block: str) -> list[str]:
    """The categories of a block's products, as they stand."""
    found = page.locator(f"#{block} .product").evaluate_all(
        "all => all.map(e => e.dataset.category)"
    )
    return [str(each) for each in found]


def tell(context: BrowserContext, name: str, *, days_ago: float = 0, **properties: Any) -> None:
    """Tell the shop's server about a visitor, as its order system or mailing service does."""
    answer = context.request.post(
        "/v1/track",
        headers={"Authorization": f"Bearer {SERVER_KEY}"},
        data={
            "anonymousId": visitor_id(context),
            "event": name,
            "timestamp": iso(system_clock() - int(days_ago * DAY)),
            "properties": properties,
        },
    )
    assert answer.ok, answer.text()


SHOES = {"products": [{"product_id": "wren-first", "category": "Running Shoes"}]}
with_and_without_scripts = pytest.mark.parametrize(
    "scripts", [True, False], ids=["scripts", "no scripts"]
)


@with_and_without_scripts
def test_the_nine_cells(browser: Browser, shop: Server, scripts: bool) -> None:
    with shopper(browser, shop, java_script_enabled=scripts) as page:
        # An anonymous visitor: best sellers by category, what is popular, a generic welcome.
        assert cells(page) == ("default", "default", "default")
        assert len(set(shelves(page, HERO))) == 4
        assert shelves(page, PICKS)[:5] == [
            "Running Shoes", "Running accessories", "Apparel", "Nutrition", "Home training",
        ]  # fmt: skip
        expect(page.locator(f"#{OFFER}")).to_contain_text("first order")

        # A known browser: what they viewed, what is like it, and their cart once they left it.
        look_at(page, "mat-6")
        look_at(page, "drizzle")
        assert cells(page) == ("recently-viewed", "like-what-you-browse", "default")
        assert set(shelves(page, HERO)[:4]) == {"Apparel"}
        assert shelves(page, PICKS)[0] in ("Apparel", "Home training")
        take(page, "skylark-race")
        assert cells(page) == ("recently-viewed", "like-what-you-browse", "cart-recovery")
        assert shelves(page, HERO)[0] == "Running Shoes"
        page.get_by_role("link", name="Back to the cart").click()
        expect(page.get_by_test_id("cart-total")).to_have_text("€189.90")

        # A customer: picks of their own, what goes with what they bought, and their tier.
        order(page)
        assert cells(page) == ("continue-shopping", "goes-with-purchases", "silver")
        assert shelves(page, HERO)[0] == "Running Shoes"
        expect(page.locator(f"#{OFFER}")).to_contain_text("Silver")
        for _ in range(2):
            take(page, "skylark-4")
        order(page)
        assert cells(page)[2] == "gold"


def test_running_shoes_wear_out(browser: Browser, shop: Server) -> None:
    with shopper(browser, shop) as page:
        tell(page.context, "Order Completed", days_ago=44, revenue=89.9, currency="EUR", **SHOES)
        assert cells(page)[1] == "goes-with-purchases"
    with shopper(browser, shop) as page:
        tell(page.context, "Order Completed", days_ago=46.1, revenue=89.9, currency="EUR", **SHOES)
        assert cells(page)[1] == "running-accessories"
        assert set(shelves(page, PICKS)) == {"Running accessories"}
        expect(page.locator(f"#{PICKS}")).to_contain_text("600 to 800 kilometres")


def test_the_price_sensitive_see_how_far_free_delivery_is(browser: Browser, shop: Server) -> None:
    with shopper(browser, shop) as page:
        take(page, "wren-first")
        order(page, "welcome10")
        take(page, "skylark-4")
        page.goto("/")
        assert blocks_of(page)[SHIPPING] == ("almost-free", "targeted")
        expect(page.get_by_role("progressbar")).to_have_attribute("value", "0.866")
        expect(page.locator(f"#{SHIPPING}")).to_contain_text("Only €20.10 more")
    with shopper(browser, shop) as page:
        take(page, "wren-first")
        order(page)
        take(page, "skylark-4")
        page.goto("/")
        assert blocks_of(page)[SHIPPING][0] == "default"
        expect(page.get_by_role("progressbar")).to_have_count(0)


def test_who_stayed_away_is_won_back_and_who_restocks_is_reminded(
    browser: Browser, shop: Server
) -> None:
    gels = {"products": [{"product_id": "gel-12", "category": "Nutrition"}], "currency": "EUR"}
    with shopper(browser, shop) as page:
        tell(page.context, "Order Completed", days_ago=200, revenue=26.9, **gels)
        assert cells(page) == ("win-back", "goes-with-purchases", "bronze")
    with shopper(browser, shop) as page:
        for days_ago in (70, 40, 31):
            tell(page.context, "Order Completed", days_ago=days_ago, revenue=26.9, **gels)
        assert cells(page)[1] == "due-again"
        assert shelves(page, PICKS)[:3] == ["Nutrition"] * 3


def test_mails_make_a_channel(browser: Browser, shop: Server) -> None:
    with shopper(browser, shop) as page:
        assert blocks_of(page)["offers-channel"][0] == "default"
        tell(page.context, "Email Delivered")
        tell(page.context, "Email Link Clicked")
        page.goto("/offers")
        assert blocks_of(page)["offers-channel"][0] == "by-mail"


@with_and_without_scripts
def test_a_cart_is_filled_changed_and_ordered(
    browser: Browser, shop: Server, scripts: bool
) -> None:
    with shopper(browser, shop, java_script_enabled=scripts) as page:
        page.goto("/cart")
        expect(page.get_by_test_id("cart-empty")).to_be_visible()
        page.goto("/running-accessories")
        for name in ("Merino Crew Socks", "Hip Belt", "Hip Belt"):
            page.get_by_role("button", name=name).click()
            expect(page.get_by_role("status")).to_contain_text("In your cart")
        expect(page.get_by_test_id("cart-link")).to_contain_text("3")
        page.get_by_test_id("cart-link").click()
        lines = page.locator(".cart-line")
        expect(lines).to_have_count(2)
        expect(lines.first).to_contain_text("2 × €29.90")
        expect(page.get_by_test_id("cart-total")).to_have_text("€81.60")
        page.get_by_role("button", name="Remove Hip Belt").click()
        expect(lines).to_have_count(1)
        expect(page.get_by_test_id("cart-total")).to_have_text("€21.80")

        page.get_by_label("Discount code").fill("nonsense")
        page.get_by_role("button", name="Order").click()
        expect(page.get_by_role("alert")).to_contain_text("not known")
        expect(page.get_by_label("Discount code")).to_have_value("nonsense")
        order(page, "WELCOME10")
        facts = facts_of(page.context)
        assert facts["Spent so far"] == "15.21"
        assert facts["How you buy"] == "with an eye on the price"
        page.goto("/cart")
        expect(page.get_by_test_id("cart-empty")).to_be_visible()


def test_the_cart_works_in_the_holdout_too(browser: Browser, shop: Server) -> None:
    with shopper(browser, shop, held=True) as page:
        take(page, "skylark-4")
        page.goto("/cart")
        expect(page.locator(".cart-line")).to_have_count(1)
        order(page)
        assert cells(page) == ("default", "default", "default")


def test_who_allows_nothing_is_asked_before_a_cart_is_kept(browser: Browser, shop: Server) -> None:
    with browser.new_context(base_url=shop.url, locale="en-US") as context:
        page = context.new_page()
        page.goto("/privacy/choices")
        page.get_by_role("button", name="Reject all").click()
        expect(page.get_by_role("status")).to_be_visible()
        page.goto("/products/skylark-4")
        page.locator(".product-page button").click()
        page.wait_for_url("**/privacy/choices?**")
        names = {cookie["name"] for cookie in context.cookies()}
        assert "persx_visitor" not in names
        page.goto("/")
        assert blocks_of(page)[HERO][0] == "default"
        expect(page.get_by_test_id("cart-link")).not_to_contain_text("1")


def test_without_personalization_the_cart_stays_and_content_is_generic(
    browser: Browser, shop: Server
) -> None:
    with shopper(browser, shop) as page:
        take(page, "skylark-4")
        page.goto("/privacy/choices")
        page.get_by_role("checkbox", name="Personalization").uncheck()
        page.get_by_role("button", name="Save my choice").click()
        expect(page.get_by_role("status")).to_be_visible()
        page.goto("/")
        assert blocks_of(page)[HERO] == ("default", "no_consent")
        assert blocks_of(page)[OFFER] == ("default", "no_consent")
        page.goto("/cart")
        expect(page.locator(".cart-line")).to_have_count(1)


def test_it_speaks_german(browser: Browser, shop: Server) -> None:
    with shopper(browser, shop, locale="de-DE") as page:
        page.goto("/products/skylark-4")
        page.get_by_role("button", name="In den Warenkorb Skylark 4").click()
        page.goto("/products/winter-cap")
        expect(page.locator("h1")).to_have_text("Wintermütze")
        page.goto("/cart")
        expect(page.get_by_test_id("cart-total")).to_have_text(re.compile(r"134,80\s€"))
        names = page.locator("#bought-together .product-name")
        expect(names).to_have_count(4)
        assert not re.search(r"pieces|Socks|Tee\b", " ".join(names.all_inner_texts()))
        page.goto("/")
        expect(page.locator("h1")).to_contain_text("Dort weiter")
        words = page.locator("main").inner_text()
        assert not re.search(r"Add to cart|Running Shoes|Home training|Delivery|pieces", words)
        page.goto("/privacy")
        expect(page.get_by_text("schon umgesehen", exact=True)).to_be_visible()


@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "wide"])
def test_everybody_can_shop(browser: Browser, shop: Server, width: int) -> None:
    with shopper(browser, shop, viewport={"width": width, "height": 844}) as page:
        problems = watch(page)
        take(page, "skylark-4")
        for path in PATHS:
            page.goto(path)
            assert violations(page) == [], path
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path
        assert problems == []
        for path in ("/", "/cart"):
            page.goto(path)
            assert tab_through(page) >= 10


def test_its_pictures_are_ours() -> None:
    folder = Path(__file__).parents[2] / "src" / "persx" / "content" / "art"
    for file in folder.glob("*.svg"):
        text = file.read_text("utf-8")
        assert "style=" not in text
        assert "<script" not in text


def test_every_page_of_the_studio_opens_without_industries(browser: Browser, shop: Server) -> None:
    with admin(browser, shop) as page:
        page.goto("/admin")
        expect(page.get_by_role("heading", name="Publications")).to_be_visible()
        expect(page.get_by_role("heading", name="Coverage")).to_have_count(0)
        links = page.locator("a[href^='/admin']").evaluate_all(
            "links => links.map(link => link.getAttribute('href'))"
        )
        assert len(set(links)) > 5
        for link in sorted(set(links)):
            assert page.request.get(link).ok, link
