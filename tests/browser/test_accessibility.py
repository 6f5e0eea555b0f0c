"""Everybody can use the site and the studio: structure, names, and the keyboard alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.visits import OWN_PATHS, PATHS, admin, visit

VIOLATIONS = Path(__file__).with_name("violations.js").read_text("utf-8")
"""A function that returns what is wrong with the structure and the names of a page."""

FOCUS = """() => {
  const element = document.activeElement;
  const clear = (e) => {
    const style = getComputedStyle(e);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  };
  const box = element.getBoundingClientRect();
  const frame = element.closest(".item, .choice, .industry-card");
  const visible = [element, element.parentElement, frame].some(e => e && clear(e));
  return {
    what: element.outerHTML.slice(0, 120),
    done: element === document.body,
    visible,
    inside: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
}"""


def violations(page: Page) -> list[str]:
    return list(page.evaluate(VIOLATIONS))


def tab_through(page: Page) -> int:
    """Go through the page with the Tab key; every stop is seen to be one. Returns their number."""
    for stop in range(200):
        page.keyboard.press("Tab")
        here = page.evaluate(FOCUS)
        if here["done"]:
            return stop
        assert here["visible"], f"the focus cannot be seen: {here['what']}"
        assert here["inside"], f"the focus is off the screen: {here['what']}"
    raise AssertionError("the focus never leaves the page")


@pytest.mark.parametrize("industry", ["", "SaaS"], ids=["unknown", "known"])
def test_no_page_has_a_violation(browser: Browser, demo_server: Any, industry: str) -> None:
    with visit(browser, demo_server.url, industry=industry) as page:
        for path in [*PATHS, *OWN_PATHS]:
            page.goto(path)
            assert violations(page) == [], path
        page.goto("/start")
        page.locator("main form button").click()
        if not industry:
            expect(page.get_by_role("alert")).to_be_visible()
        assert violations(page) == []
        page.goto("/contact?sent=contact")
        assert violations(page) == []


def test_no_page_of_the_studio_has_a_violation(browser: Browser, demo_server: Any) -> None:
    studio = [
        "/admin",
        "/admin/attributes",
        "/admin/submissions",
        "/admin/visitors",
        "/admin/rejected",
        "/admin/keys",
        "/admin/report/holdout",
        "/admin/blocks",
        "/admin/experiments",
        "/admin/health",
        "/admin/learning",
        "/admin/probes",
        "/admin/review",
        "/admin/catalogue?sort=views",
        "/admin/catalogue/item?id=blog/consent-first",
        "/admin/recommendations",
    ]
    with admin(browser, demo_server) as page:
        for path in [*studio, "/admin/report/none", "/", "/contact"]:
            page.goto(path)
            assert violations(page) == [], path
    with browser.new_context(base_url=demo_server.url) as context:
        page = context.new_page()
        page.goto("/admin")
        assert violations(page) == []


@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "wide"])
@pytest.mark.parametrize("path", ["/", "/start", "/test-ideas", "/privacy"])
def test_the_focus_is_always_seen(
    browser: Browser, demo_server: Any, path: str, width: int
) -> None:
    screen = {"width": width, "height": 844}
    with visit(
        browser, demo_server.url, industry="eCommerce", viewport=screen, reduced_motion="reduce"
    ) as page:
        page.goto(path)
        assert tab_through(page) >= 10


def test_the_focus_is_always_seen_in_the_studio(browser: Browser, demo_server: Any) -> None:
    with admin(browser, demo_server, reduced_motion="reduce") as page:
        for path in ("/admin", "/contact"):
            page.goto(path)
            assert tab_through(page) >= 10


def test_the_skip_link_leads_past_the_navigation(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url) as page:
        page.goto("/about")
        page.keyboard.press("Tab")
        skip = page.locator("a.skip")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.keyboard.press("Tab")
        assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_the_start_form_is_completed_with_the_keyboard(browser: Browser, demo_server: Any) -> None:
    def focus(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"{selector} cannot be reached")

    with visit(browser, demo_server.url) as page:
        page.goto("/start?next=/test-ideas")
        focus("input[name=industry]")
        page.keyboard.press("Space")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        expect(page.get_by_role("radio", name="SaaS")).to_be_checked()
        focus("input[name=goals][value='Reduce churn']")
        page.keyboard.press("Space")
        focus("input[name=tools][value=Intercom]")
        page.keyboard.press("Space")
        focus("main button[type=submit]")
        page.keyboard.press("Enter")
        page.wait_for_url(demo_server.url + "/test-ideas?industry=saas")
        known = page.context.request.get("/v1/state").json()
        assert (known["industry"], known["goals"], known["tools"]) == (
            "SaaS", ["Reduce churn"], ["Intercom"],
        )  # fmt: skip


def test_the_language_menu_closes_with_escape(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url) as page:
        page.goto("/")
        summary = page.locator("details.locale summary")
        summary.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Deutsch", exact=True)).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("link", name="Deutsch", exact=True)).to_be_hidden()
        expect(summary).to_be_focused()
