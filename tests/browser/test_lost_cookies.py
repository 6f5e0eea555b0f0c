"""Cookies that are gone: a link, a sign-in, or one click brings back what the visitor said."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_accessibility import violations
from tests.browser.visits import (
    INDUSTRIES,
    blocks_of,
    cookies_of,
    is_held_out,
    slug,
    tell_industry,
    visit,
    visitor_id,
)
from tests.conftest import SERVER_KEY, WRITE_KEY

SERVER = {"Authorization": f"Bearer {SERVER_KEY}"}
SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])


def lose_cookies(page: Page, address: str) -> None:
    """Clear the cookies and open an address, as a visitor who is not held out then."""
    while True:
        page.context.clear_cookies()
        page.goto(address)
        if not is_held_out(visitor_id(page.context)):
            return


@SCRIPTS
@pytest.mark.parametrize("industry", INDUSTRIES)
def test_the_link_after_the_start_form_brings_the_industry_back(
    browser: Browser, demo_server: Any, industry: str, scripts: bool
) -> None:
    with visit(browser, demo_server.url, java_script_enabled=scripts) as page:
        tell_industry(page, industry)
        bookmark = page.url
        assert bookmark == f"{demo_server.url}/?industry={slug(industry)}"
        lose_cookies(page, bookmark)
        assert blocks_of(page)["home-hero"] == (slug(industry), "targeted")
        expect(page.get_by_test_id("industry-chip")).to_contain_text(industry)
        expect(page.get_by_test_id("asking")).to_contain_text(f"This page speaks to {industry}.")
        # It lasts for this visit, on pages whose links do not carry it.
        page.goto("/contact")
        assert blocks_of(page)["contact-form"] == (slug(industry), "targeted")
        assert cookies_of(page.context)["persx_link"]["expires"] == -1
        assert "persx_state" not in cookies_of(page.context), "a link declares nothing"
        # One click says it again.
        page.get_by_role("button", name=f"Yes, {industry}").click()
        page.wait_for_url(f"**/contact?industry={slug(industry)}")
        expect(page.get_by_test_id("asking")).to_have_count(0)
        assert "persx_link" not in cookies_of(page.context)
        page.context.clear_cookies(name="persx_state")
        page.goto("/contact")
        assert blocks_of(page)["contact-form"] == (slug(industry), "targeted")


def test_a_link_never_overrules_what_the_visitor_said(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url, industry="Healthcare") as page:
        page.goto("/?industry=saas")
        assert blocks_of(page)["home-hero"] == ("healthcare", "targeted")
        expect(page.get_by_test_id("asking")).to_have_count(0)
        assert "persx_link" not in cookies_of(page.context)
        # Nor does one that came first: what they say counts.
    with visit(browser, demo_server.url) as page:
        page.goto("/?industry=saas")
        tell_industry(page, "Education")
        assert page.url.endswith("?industry=education")
        page.goto("/?industry=saas")
        assert blocks_of(page)["home-hero"] == ("education", "targeted")


@pytest.mark.parametrize(
    "value",
    ["Aerospace", "", "%00", "saas%27or", "../../x", "<script>alert(1)</script>", "x" * 3_000],
)
def test_links_that_name_no_industry_name_nothing(
    browser: Browser, demo_server: Any, value: str
) -> None:
    with visit(browser, demo_server.url) as page:
        answer = page.goto(f"/?industry={value}")
        assert answer is not None
        assert answer.status == 200
        assert blocks_of(page)["home-hero"][0] == "default"
        page.goto(f"/contact?industry={value}")
        expect(page.get_by_test_id("reprompt")).to_be_visible()
        assert "persx_link" not in cookies_of(page.context)


@pytest.mark.parametrize(
    "value", ["Financial%20Services", "FINANCIAL+SERVICES", "financial_services"]
)
def test_people_may_write_campaign_links_as_they_like(
    browser: Browser, demo_server: Any, value: str
) -> None:
    with visit(browser, demo_server.url) as page:
        page.goto(f"/about?utm_campaign=spring&industry={value}")
        assert blocks_of(page)["about-hero"] == ("financial-services", "targeted")
        canonical = page.locator('link[rel="canonical"]').get_attribute("href")
        assert canonical == "/about", "search engines are told of one address"
        for link in page.locator("a[href]").all():
            assert "industry=" not in str(link.get_attribute("href"))


def test_who_denied_personalization_is_shown_what_everybody_is(
    browser: Browser, demo_server: Any
) -> None:
    with visit(browser, demo_server.url) as page:
        page.goto("/?industry=saas")
        assert "persx_link" in cookies_of(page.context)
        page.goto("/privacy/choices")
        page.get_by_role("checkbox", name="Personalization").uncheck()
        page.get_by_role("button", name="Save my choice").click()
        expect(page.get_by_role("status")).to_contain_text("Done")
        for address in ("/?industry=saas", "/"):
            page.goto(address)
            assert blocks_of(page)["home-hero"][0] == "default"
            expect(page.get_by_test_id("asking")).to_have_count(0)
            assert "persx_link" not in cookies_of(page.context)


def test_what_a_link_said_is_shown_and_can_be_taken_away(
    browser: Browser, demo_server: Any
) -> None:
    with visit(browser, demo_server.url) as page:
        page.goto("/?industry=saas")
        page.goto("/privacy")
        said = page.locator("section.facts", has_text="From this request")
        expect(said).to_contain_text("SaaS")
        assert violations(page) == []
        page.get_by_role("button", name="Delete: Industry").click()
        expect(page.get_by_role("status")).to_contain_text("Deleted")
        expect(page.locator("section.facts", has_text="SaaS")).to_have_count(0)
        page.goto("/")
        assert blocks_of(page)["home-hero"][0] == "default"
        assert "persx_link" not in cookies_of(page.context)


def test_a_link_is_never_kept_as_something_declared(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url) as page:
        page.goto("/?industry=saas")
        page.goto("/contact")
        who = visitor_id(page.context)
        told = page.context.request.get("/v1/me").json()
        assert {event["type"] for event in told["events"]} <= {"page", "track"}
        assert "saas" not in str([event.get("traits") for event in told["events"]]).lower()
        sources = {fact["name"]: fact["source"] for fact in told["facts"]}
        assert sources["industry"] == "contextual"
    other = httpx.post(
        f"{demo_server.url}/v1/decide",
        json={"anonymousId": who, "page": "home"},
        headers=SERVER,
    ).json()
    assert "industry" not in other["visitor"]


@SCRIPTS
def test_who_signs_in_again_has_everything_back(
    browser: Browser, demo_server: Any, scripts: bool
) -> None:
    user = f"ada-{uuid4().hex}"

    def sign_in(page: Page) -> None:
        """What the site's own server says once somebody has shown who they are."""
        body = {"anonymousId": visitor_id(page.context), "userId": user}
        httpx.post(f"{demo_server.url}/v1/identify", json=body, headers=SERVER).raise_for_status()

    with visit(browser, demo_server.url, java_script_enabled=scripts) as page:
        page.goto("/start")
        page.locator('input[name="industry"][value="Healthcare"]').check()
        page.get_by_role("checkbox", name="Reduce no-shows").check()
        page.get_by_role("checkbox", name="Epic", exact=True).check()
        page.locator('main form button[type="submit"]').click()
        sign_in(page)
        first = visitor_id(page.context)
        lose_cookies(page, "/")
        assert visitor_id(page.context) != first
        assert blocks_of(page)["home-hero"][0] == "default"
        sign_in(page)
        page.goto("/")
        assert blocks_of(page)["home-hero"] == ("healthcare", "targeted")
        state = page.context.request.get("/v1/state").json()
        assert (state["industry"], state["goals"], state["tools"]) == (
            "Healthcare", ["Reduce no-shows"], ["Epic"],
        )  # fmt: skip
        page.goto("/privacy")
        for fact in ("Healthcare", "Reduce no-shows", "Epic"):
            expect(page.get_by_role("main")).to_contain_text(fact)
        expect(page.get_by_test_id("reprompt")).to_have_count(0)


def test_claiming_to_be_somebody_brings_nothing_back(browser: Browser, demo_server: Any) -> None:
    user = f"victim-{uuid4().hex}"
    with visit(browser, demo_server.url, industry="Healthcare") as page:
        body = {"anonymousId": visitor_id(page.context), "userId": user}
        httpx.post(f"{demo_server.url}/v1/identify", json=body, headers=SERVER).raise_for_status()
    with visit(browser, demo_server.url) as page:
        page.goto("/")
        claim = {"anonymousId": visitor_id(page.context), "userId": user}
        key = {"Authorization": f"Bearer {WRITE_KEY}"}
        httpx.post(f"{demo_server.url}/v1/identify", json=claim, headers=key).raise_for_status()
        page.goto("/")
        assert blocks_of(page)["home-hero"][0] == "default"
        expect(page.get_by_test_id("reprompt")).to_be_visible()


@SCRIPTS
@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "wide"])
def test_without_a_link_one_click_is_enough(
    browser: Browser, demo_server: Any, width: int, scripts: bool
) -> None:
    screen = {"width": width, "height": 844}
    with visit(browser, demo_server.url, viewport=screen, java_script_enabled=scripts) as page:
        tell_industry(page, "SaaS")
        lose_cookies(page, "/contact")
        page.get_by_test_id("reprompt").get_by_role("button", name="SaaS").click()
        expect(page.get_by_test_id("industry-chip")).to_contain_text("SaaS")
        assert blocks_of(page)["contact-form"] == ("saas", "targeted")
        page.goto("/?industry=education")
        assert blocks_of(page)["home-hero"] == ("saas", "targeted")
