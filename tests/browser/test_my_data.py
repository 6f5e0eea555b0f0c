"""A person finds what is held on them, understands it, and takes it back: in a real browser."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_accessibility import violations
from tests.browser.visits import admin, blocks_of, visit, visitor_id
from tests.conftest import SERVER_KEY

SERVER = {"Authorization": f"Bearer {SERVER_KEY}"}


def told_long_ago(server: Any, page: Page, days: int, **traits: Any) -> None:
    """Have the visitor declare something so many days ago."""
    when = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    body = {"anonymousId": visitor_id(page.context), "timestamp": when, "traits": traits}
    httpx.post(f"{server.url}/v1/identify", json=body, headers=SERVER).raise_for_status()


def fits(page: Page) -> bool:
    return bool(
        page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
    )


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_two_clicks_lead_to_everything(browser: Browser, demo_server: Any, scripts: bool) -> None:
    with visit(
        browser,
        demo_server.url,
        industry="SaaS",
        java_script_enabled=scripts,
        accept_downloads=True,
    ) as page:
        page.goto("/")
        page.goto("/contact")
        page.get_by_test_id("my-data").click()
        main = page.get_by_role("main")
        expect(main).to_contain_text("SaaS")
        why = page.get_by_test_id("why")
        expect(why.get_by_test_id("receipt").first).to_contain_text("Contact")
        expect(why.get_by_test_id("receipt").first).to_contain_text("Industry: SaaS")
        home = why.get_by_test_id("receipt").nth(1)
        home.locator("summary").click()
        expect(home.locator('[data-block="home-hero"]')).to_contain_text('industry == "SaaS"')
        with page.expect_download() as started:
            page.get_by_role("link", name="Everything as JSON").click()
        told = json.loads(started.value.path().read_text("utf-8"))
        assert told["visitor"] == f"a:{visitor_id(page.context)}"
        assert {each["page"] for each in told["decisions"]} >= {"home", "contact"}


def test_a_fact_is_changed_and_deleted_without_scripts(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url, industry="SaaS", java_script_enabled=False) as page:
        told_long_ago(demo_server, page, 1, company="Analytical Engines")
        page.goto("/privacy")
        page.locator('summary[aria-label="Change: Company"]').click()
        page.get_by_label("Company", exact=True).fill("Difference Engines")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("Saved")
        expect(page.get_by_role("main")).to_contain_text("Difference Engines")
        page.get_by_role("button", name="Delete: Company").click()
        expect(page.get_by_role("status")).to_contain_text("Deleted")
        expect(page.get_by_role("main")).not_to_contain_text("Difference Engines")
        page.get_by_role("link", name="Change: Industry").click()
        page.wait_for_url("**/start?*")
        assert page.locator('input[name="industry"][value="SaaS"]').is_checked()


def test_generic_content_is_chosen_and_ended(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url, industry="SaaS") as page:
        page.goto("/")
        assert blocks_of(page)["home-hero"] == ("saas", "targeted")
        page.goto("/privacy")
        page.get_by_role("button", name="Show me generic content").click()
        expect(page.get_by_test_id("generic")).to_contain_text("as you asked")
        page.goto("/")
        assert {reason for _, reason in blocks_of(page).values()} == {"disabled"}
        page.goto("/privacy")
        expect(page.get_by_test_id("why")).to_contain_text("for everybody, as you asked.")
        page.get_by_role("button", name="Fit pages to me again").click()
        page.goto("/")
        assert blocks_of(page)["home-hero"] == ("saas", "targeted")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "wide"])
def test_an_old_industry_is_asked_for_again(
    browser: Browser, demo_server: Any, width: int, scripts: bool
) -> None:
    screen = {"width": width, "height": 844}
    with visit(browser, demo_server.url, viewport=screen, java_script_enabled=scripts) as page:
        told_long_ago(demo_server, page, 91, industry="Healthcare")
        page.goto("/about")
        asking = page.get_by_test_id("asking")
        expect(asking).to_contain_text("You told us “Healthcare” on")
        assert blocks_of(page)["about-hero"] == ("healthcare", "targeted")
        if scripts:
            assert violations(page) == []
            assert fits(page)
        asking.get_by_role("button", name="Still Healthcare").click()
        page.wait_for_url("**/about?industry=*")
        expect(page.get_by_test_id("asking")).to_have_count(0)
        assert blocks_of(page)["about-hero"] == ("healthcare", "targeted")


def test_visits_that_say_otherwise_ask_and_the_answer_stays(
    browser: Browser, demo_server: Any
) -> None:
    with visit(browser, demo_server.url) as page:
        told_long_ago(demo_server, page, 30, industry="Healthcare")
        for _ in range(3):
            page.goto("/blog/cart-abandonment", wait_until="networkidle")
        page.goto("/")
        asking = page.get_by_test_id("asking")
        expect(asking).to_contain_text("Lately you have looked at “eCommerce”.")
        assert blocks_of(page)["home-hero"] == ("healthcare", "targeted")
        asking.get_by_role("button", name="Still Healthcare").click()
        expect(page.get_by_test_id("asking")).to_have_count(0)
        page.goto("/blog/cart-abandonment", wait_until="networkidle")
        page.goto("/")
        expect(page.get_by_test_id("asking")).to_have_count(0)
        assert blocks_of(page)["home-hero"] == ("healthcare", "targeted")


@pytest.mark.parametrize("locale", ["en-US", "de-DE"])
@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "wide"])
def test_the_page_fits_every_screen_with_everything_open(
    browser: Browser, demo_server: Any, width: int, locale: str
) -> None:
    screen = {"width": width, "height": 844}
    with visit(
        browser, demo_server.url, industry="eCommerce", viewport=screen, locale=locale
    ) as page:
        told_long_ago(demo_server, page, 1, email="ada@example.com", company="W" * 300)
        page.goto("/")
        page.goto("/test-ideas")
        page.goto("/privacy")
        page.evaluate("document.querySelectorAll('main details').forEach(d => d.open = true)")
        assert fits(page)
        assert violations(page) == []


def test_a_look_from_the_studio_is_noted(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url, industry="Education") as page:
        page.goto("/")
        who = visitor_id(page.context)
    with admin(browser, demo_server) as page:
        page.goto("/admin")
        page.get_by_role("link", name="Visitors").click()
        page.get_by_label("Anonymous id or user id").fill(who)
        page.get_by_role("button", name="Look").click()
        expect(page.get_by_test_id("known")).to_contain_text("Education")
        expect(page.get_by_test_id("looks").get_by_role("row").nth(1)).to_contain_text(who)
        assert violations(page) == []
        page.set_viewport_size({"width": 390, "height": 844})
        assert fits(page)
