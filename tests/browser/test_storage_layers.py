"""What a visitor declares is kept in three layers: session storage, a cookie, and the database."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.visits import WORKSPACE, cookies_of, tell_industry, visit, visitor_id

DAY = 86_400


def shown_variant(page: Page) -> str:
    page.goto("/")
    return str(page.locator("#home-hero").get_attribute("data-variant"))


def session_state(page: Page) -> Any:
    return json.loads(page.evaluate("sessionStorage.getItem('persx-state')"))


def test_the_declared_industry_is_in_all_three_layers(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url) as page:
        tell_industry(page, "Financial Services")
        assert session_state(page)["industry"] == "Financial Services"
        cookies = cookies_of(page.context)
        days = (cookies["persx_state"]["expires"] - time.time()) / DAY
        assert days == pytest.approx(WORKSPACE.settings.industry_cookie_days, abs=0.01)
        assert WORKSPACE.settings.industry_cookie_days == 7
        days = (cookies["persx_visitor"]["expires"] - time.time()) / DAY
        assert days == pytest.approx(WORKSPACE.settings.visitor_cookie_days, abs=0.01)
        for name in ("persx_state", "persx_visitor"):
            assert (cookies[name]["httpOnly"], cookies[name]["sameSite"]) == (True, "Lax")
        assert page.evaluate("document.cookie") == ""


def test_put_state_reaches_all_three_layers(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url) as page:
        page.goto("/")
        told = page.evaluate(
            """async () => (await fetch("/v1/state", {method: "PUT", body: JSON.stringify(
                {industry: "Education", goals: ["Raise yield"], tools: ["Slate"]})})).json()"""
        )
        assert (told["industry"], told["goals"], told["tools"]) == (
            "Education", ["Raise yield"], ["Slate"],
        )  # fmt: skip
        assert "persx_state" in cookies_of(page.context)
        assert shown_variant(page) == "education"
        assert session_state(page)["goals"] == ["Raise yield"]
        page.context.clear_cookies(name="persx_state")
        assert page.context.request.get("/v1/state").json()["tools"] == ["Slate"]


def test_without_the_state_cookie_the_database_knows(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url) as page:
        tell_industry(page, "Healthcare")
        page.context.clear_cookies(name="persx_state")
        assert shown_variant(page) == "healthcare"


def test_without_the_visitor_cookie_the_state_cookie_knows(
    browser: Browser, demo_server: Any
) -> None:
    with visit(browser, demo_server.url) as page:
        tell_industry(page, "Healthcare")
        before = visitor_id(page.context)
        state = cookies_of(page.context)["persx_state"]
        with visit(browser, demo_server.url) as other:
            # Another visitor, so that the database knows nothing, who brings the cookie along.
            assert visitor_id(other.context) != before
            other.context.add_cookies([state])
            assert shown_variant(other) == "healthcare"
        page.context.clear_cookies(name="persx_visitor")
        page.goto("/")
        expect(page.get_by_test_id("industry-chip")).to_contain_text("Healthcare")
        assert visitor_id(page.context) != before


def test_a_changed_cookie_is_nobodys(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url, industry="SaaS") as page:
        cookies = cookies_of(page.context)
        for name in ("persx_state", "persx_visitor"):
            value = cookies[name]["value"]
            page.context.add_cookies([{**cookies[name], "value": "A" + value[1:]}])
        assert shown_variant(page) == "default"
        page.goto("/contact")
        expect(page.get_by_test_id("reprompt")).to_be_visible()


def test_starting_over_forgets_every_layer(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url) as page:
        tell_industry(page, "SaaS")
        before = visitor_id(page.context)
        page.goto("/privacy")
        expect(page.get_by_role("main")).to_contain_text("SaaS")
        page.get_by_role("button", name="Start over").click()
        expect(page.get_by_role("status")).to_contain_text("Done")
        expect(page.get_by_role("main")).not_to_contain_text("SaaS")
        assert "industry" not in session_state(page)
        page.goto("/contact")
        expect(page.get_by_test_id("reprompt")).to_be_visible()
        assert visitor_id(page.context) != before
        assert "persx_state" not in cookies_of(page.context)
