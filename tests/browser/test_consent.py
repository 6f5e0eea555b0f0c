"""The question of consent in a real browser: answered with and without scripts, and remembered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.test_accessibility import tab_through, violations
from tests.browser.visits import cookies_of, tell_industry, watch
from tests.conftest import Server

BANNER = '[data-testid="consent"]'
EVENTS = re.compile(r'persx_events_total\{result="accepted"\} ([\d.]+)')
SHARE = re.compile(r'persx_decided_pages_total\{storage="(\w+)"\} ([\d.]+)')


@pytest.fixture
def context(browser: Browser, opt_in: Server) -> Iterator[BrowserContext]:
    made = browser.new_context(base_url=opt_in.url, locale="en-US", reduced_motion="reduce")
    yield made
    made.close()


def stored(context: BrowserContext) -> float:
    found = EVENTS.search(context.request.get("/metrics").text())
    assert found is not None
    return float(found[1])


def decided(context: BrowserContext) -> dict[str, float]:
    text = context.request.get("/metrics").text()
    return {name: float(count) for name, count in SHARE.findall(text)}


def kept(page: Page) -> list[str]:
    """What is kept in this browser, cookies and both storages."""
    script = "[...Object.keys(localStorage), ...Object.keys(sessionStorage)]"
    return [*cookies_of(page.context), *page.evaluate(script)]


def test_nothing_is_kept_before_an_answer(context: BrowserContext) -> None:
    page = context.new_page()
    problems = watch(page)
    before, pages = stored(context), decided(context)["withheld"]
    for path in ("/", "/contact", "/blog"):
        page.goto(path)
        expect(page.locator(BANNER)).to_be_visible()
        expect(page.locator("h1")).to_be_visible()
    page.goto("about:blank")
    page.goto("/")
    assert kept(page) == []
    assert stored(context) == before
    assert decided(context)["withheld"] == pages + 4
    assert problems == []


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_accept_reject_and_change_of_mind(browser: Browser, opt_in: Server, scripts: bool) -> None:
    context = browser.new_context(base_url=opt_in.url, locale="en-US", java_script_enabled=scripts)
    page = context.new_page()
    page.goto("/contact")
    page.get_by_role("button", name="Reject all").click()
    page.wait_for_url("**/contact")
    expect(page.locator(BANNER)).to_have_count(0)
    page.goto("/")
    assert list(cookies_of(context)) == ["persx_consent"]

    page.get_by_role("link", name="Privacy choices").click()
    expect(page.get_by_role("checkbox", name="Statistics")).not_to_be_checked()
    page.get_by_role("checkbox", name="Personalization").check()
    page.get_by_role("button", name="Save my choice").click()
    expect(page.get_by_role("status")).to_contain_text("Done")
    expect(page.get_by_role("checkbox", name="Personalization")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Statistics")).not_to_be_checked()
    assert {"persx_consent", "persx_visitor"} == set(cookies_of(context))

    tell_industry(page, "SaaS")
    page.goto("/contact")
    expect(page.get_by_test_id("industry-chip")).to_contain_text("SaaS")

    page.goto("/privacy/choices")
    page.get_by_role("button", name="Reject all").click()
    expect(page.get_by_role("status")).to_contain_text("Done")
    page.goto("/contact")
    expect(page.get_by_test_id("industry-chip")).to_have_count(0)
    assert list(cookies_of(context)) == ["persx_consent"]
    if scripts:
        assert kept(page) == ["persx_consent"]
    context.close()


def test_the_purposes_can_be_chosen_in_the_banner_by_keyboard(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto("/")
    page.locator(f"{BANNER} summary").focus()
    page.keyboard.press("Enter")
    box = page.locator(BANNER).get_by_role("checkbox", name="Statistics")
    expect(box).to_be_visible()
    expect(box).not_to_be_checked()
    box.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator(BANNER).get_by_role("button", name="Save my choice")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(BANNER)).to_have_count(0)
    record = context.request.get("/v1/consent").json()
    assert record["granted"] == {
        "necessary": True,
        "analytics": True,
        "personalization": False,
        "marketing": False,
    }
    assert [said["source"] for said in record["history"]] == ["banner"]


def test_accepting_and_rejecting_look_alike(context: BrowserContext) -> None:
    look = """e => {
      const s = getComputedStyle(e), box = e.getBoundingClientRect();
      return [s.color, s.backgroundColor, s.borderColor, s.fontSize, s.fontWeight,
              Math.round(box.height), Math.round(box.width), Math.round(box.top)];
    }"""
    page = context.new_page()
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        page.goto("/")
        banner = page.locator(BANNER)
        accept, reject = (
            banner.get_by_role("button", name=name) for name in ("Accept all", "Reject all")
        )
        assert accept.evaluate(look) == reject.evaluate(look)


@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "wide"])
def test_the_banner_is_no_wall_and_breaks_nothing(context: BrowserContext, width: int) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 844})
    for path in ("/", "/start", "/privacy/choices", "/no/such/page"):
        page.goto(path)
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    page.goto("/")
    tab_through(page)
    # The foot of the page can be reached below the banner.
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.get_by_role("link", name="Privacy choices").click(timeout=5_000)
    page.wait_for_url("**/privacy/choices")


def test_the_banner_speaks_german(browser: Browser, opt_in: Server) -> None:
    context = browser.new_context(base_url=opt_in.url, locale="de-AT")
    page = context.new_page()
    page.goto("/")
    expect(page.locator(BANNER)).to_contain_text("Ihre Daten, Ihre Wahl")
    page.get_by_role("button", name="Alle annehmen").click()
    expect(page.locator(BANNER)).to_have_count(0)
    page.get_by_role("link", name="Datenschutz-Einstellungen").click()
    expect(page.get_by_role("checkbox", name="Werbung")).to_be_checked()
    context.close()


def test_a_consent_manager_on_the_page_answers_over_http(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto("/")
    status = page.evaluate(
        """async () => (await fetch("/v1/consent", {method: "POST", body: JSON.stringify(
            {purposes: {personalization: true, analytics: true, marketing: false},
             source: "our own manager", version: "7"})})).status"""
    )
    assert status == 200
    page.goto("/")
    expect(page.locator(BANNER)).to_have_count(0)
    assert "persx_visitor" in cookies_of(context)
    (said,) = context.request.get("/v1/consent").json()["history"]
    assert (said["source"], said["version"]) == ("our own manager", "7")


def test_opt_out_mode_shows_no_banner_but_the_way_to_object(
    browser: Browser, demo_server: Any
) -> None:
    context = browser.new_context(base_url=demo_server.url, locale="en-US")
    page = context.new_page()
    page.goto("/")
    expect(page.locator(BANNER)).to_have_count(0)
    assert "persx_visitor" in cookies_of(context)
    page.get_by_role("link", name="Privacy choices").click()
    for name in ("Personalization", "Statistics", "Marketing"):
        expect(page.get_by_role("checkbox", name=name)).to_be_checked()
    page.get_by_role("button", name="Reject all").click()
    expect(page.get_by_role("status")).to_contain_text("Done")
    page.goto("/")
    assert list(cookies_of(context)) == ["persx_consent"]
    context.close()
