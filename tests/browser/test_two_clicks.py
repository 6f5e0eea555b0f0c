"""From any page a person finds what is held on them in two clicks: on a phone, scripts or not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_accessibility import violations
from tests.browser.test_my_data import fits
from tests.browser.visits import OWN_PATHS, PATHS, cookies_of, visit, visitor_id
from tests.conftest import Server

PHONE = {"width": 390, "height": 844}
EVERYWHERE = [*PATHS, *OWN_PATHS]


def first_click(page: Page, path: str) -> None:
    page.goto(path)
    link = page.get_by_test_id("my-data")
    expect(link).to_have_text("What we know about you")
    link.click(timeout=5_000)
    page.wait_for_url("**/privacy")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_somebody_who_is_known_finds_everything(
    browser: Browser, demo_server: Any, scripts: bool
) -> None:
    with visit(
        browser,
        demo_server.url,
        industry="SaaS",
        viewport=PHONE,
        java_script_enabled=scripts,
        accept_downloads=True,
    ) as page:
        for path in EVERYWHERE:
            first_click(page, path)
            expect(page.get_by_role("main")).to_contain_text("SaaS")
        with page.expect_download() as started:
            page.get_by_role("link", name="Everything as JSON").click(timeout=5_000)
        told = json.loads(started.value.path().read_text("utf-8"))
        assert told["visitor"] == f"a:{visitor_id(page.context)}"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_before_any_answer_it_says_that_nothing_is_held_and_each_page_explains_itself(
    browser: Browser, opt_in: Server, scripts: bool
) -> None:
    context = browser.new_context(
        base_url=opt_in.url, locale="en-US", viewport=PHONE, java_script_enabled=scripts
    )
    page = context.new_page()
    for path in EVERYWHERE:
        first_click(page, path)
        main = page.get_by_role("main")
        expect(main).to_contain_text("Nothing yet. You see what everybody sees.")
        expect(main.get_by_test_id("nothing-kept")).to_have_text("Nothing is kept of you.")
        expect(main.get_by_role("link", name="Everything as JSON")).to_have_count(0)
    for path in PATHS:
        page.goto(path)
        title = page.title()
        page.get_by_test_id("why-link").click(timeout=5_000)
        page.wait_for_url("**/privacy/why?*")
        receipt = page.get_by_test_id("receipt")
        expect(receipt).to_have_attribute("open", "")
        expect(receipt.locator("[data-block]").first).to_be_visible()
        assert title, path
    if scripts:
        assert violations(page) == []
        assert fits(page)
    page.get_by_role("link", name="To the page").click(timeout=5_000)
    page.wait_for_url(f"**{PATHS[-1]}")
    assert cookies_of(context) == {}
    context.close()


@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "wide"])
def test_who_withdraws_is_offered_to_have_it_erased(
    browser: Browser, opt_in: Server, width: int
) -> None:
    context = browser.new_context(
        base_url=opt_in.url, locale="en-US", viewport={"width": width, "height": 844}
    )
    page = context.new_page()
    page.goto("/")
    page.get_by_role("button", name="Accept all").click()
    page.goto("/privacy/choices")
    page.get_by_role("button", name="Reject all").click()
    expect(page.get_by_role("status")).to_contain_text("Done")
    offer = page.get_by_test_id("withdrawn")
    expect(offer).to_contain_text("Erase what was kept so far, too?")
    assert violations(page) == []
    assert fits(page)
    offer.get_by_role("button", name="Yes, erase it").click()
    expect(page.get_by_role("status")).to_contain_text("is erased")
    expect(page.get_by_test_id("withdrawn")).to_have_count(0)
    context.close()
