"""Behaviour builds up: what a visitor said, read and came back for decides what is shown."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.visits import INDUSTRIES, WORKSPACE, slug, visit, visitor_id
from tests.conftest import SERVER_KEY

PERSONA = "eCommerce-Growth-ReturnVisitor"


def answer_start_form(page: Page, industry: str, goals: list[str], tools: list[str]) -> None:
    page.goto("/start")
    form = page.locator("form[data-start]")
    form.get_by_role("radio", name=industry).check()
    for answer in (*goals, *tools):
        form.get_by_role("checkbox", name=answer, exact=True).check()
    form.get_by_role("button", name="Show me my site").click()
    page.wait_for_url(lambda url: "/start" not in url)


def titles(page: Page) -> list[str]:
    return page.locator("#test-ideas-list .item h3").all_inner_texts()


@pytest.mark.parametrize(
    ("industry", "goals", "tools"),
    [
        ("eCommerce", ["Reduce cart abandonment"], ["Google Analytics"]),
        ("eCommerce", ["Protect margin", "Increase AOV"], ["Klaviyo"]),
        ("SaaS", ["Reduce churn"], ["Intercom"]),
        ("Education", ["Reduce summer melt"], ["Slate"]),
    ],
)
def test_test_ideas_are_ranked_for_the_visitor(
    browser: Browser, demo_server: Any, industry: str, goals: list[str], tools: list[str]
) -> None:
    block = WORKSPACE.blocks["test-ideas-list"]
    variant = next(each for each in block.variants if each.name == slug(industry))
    content = {**block.content, **variant.content}
    mine = {text.casefold() for text in (industry, *goals, *tools)}

    def matches(item: dict[str, Any]) -> int:
        return len(mine & {tag.casefold() for tag in item["tags"]})

    ranked = sorted(content["items"], key=lambda item: -matches(item))
    with visit(browser, demo_server.url) as page:
        answer_start_form(page, industry, goals, tools)
        page.goto("/test-ideas")
        shown = titles(page)
        assert shown == [item["title"] for item in ranked[: content["limit"]]]
        best = ranked[0]
        assert industry in best["tags"]
        assert set(goals) & set(best["tags"])
        assert matches(best) > matches(content["items"][0]) or best == content["items"][0]


def test_other_goals_bring_other_ideas_first(browser: Browser, demo_server: Any) -> None:
    firsts = []
    for goals in (["Increase AOV"], ["Win back lapsed customers"]):
        with visit(browser, demo_server.url) as page:
            answer_start_form(page, "eCommerce", goals, [])
            page.goto("/test-ideas")
            firsts.append(titles(page)[0])
            expect(page.locator("#test-ideas-list .item").first).to_contain_text(goals[0])
    assert firsts[0] != firsts[1]


@pytest.mark.parametrize("industry", INDUSTRIES)
def test_a_post_leads_on_to_what_the_industry_reads(
    browser: Browser, demo_server: Any, industry: str
) -> None:
    block = WORKSPACE.blocks["cart-abandonment-related"]
    content = next(v.content for v in block.variants if v.name == slug(industry))
    with visit(browser, demo_server.url, industry=industry) as page:
        page.goto("/blog/cart-abandonment")
        related = page.locator("#cart-abandonment-related")
        expect(related.get_by_role("heading", level=2)).to_have_text(content["headline"])
        assert industry in content["headline"]
        first = related.locator(".recommended-item").get_by_role("link").first
        expect(related.locator(".recommended-item")).to_have_count(3)
        path = f"/{related.locator('.recommended-item').first.get_attribute('data-item')}"
        first.click()
        # Through the link that counts the click, to another article.
        page.wait_for_url(f"**{path}")
        assert path.startswith("/blog/")
        assert path != "/blog/cart-abandonment"


def send_page(url: str, anonymous_id: str, path: str, at: float) -> None:
    """Send a page event of an earlier day, as a server that keeps a log of its own would."""
    answer = httpx.post(
        url + "/v1/page",
        auth=(SERVER_KEY, ""),
        json={
            "anonymousId": anonymous_id,
            "properties": {"path": path},
            "timestamp": datetime.fromtimestamp(at, UTC).isoformat(),
        },
    )
    assert answer.status_code == 200, answer.text


def test_the_briefs_example_becomes_a_returning_growth_visitor(
    browser: Browser, demo_server: Any
) -> None:
    with visit(browser, demo_server.url) as page:
        answer_start_form(
            page,
            "eCommerce",
            goals=["Increase AOV", "Reduce cart abandonment"],
            tools=["Shopify", "Klaviyo", "Google Analytics"],
        )
        hero = page.locator("#home-hero")
        expect(hero).to_have_attribute("data-variant", "ecommerce")
        before = time.time() - 2 * 86_400
        me = visitor_id(page.context)
        for seconds, path in ((0, "/"), (420, "/blog")):
            send_page(demo_server.url, me, path, before + seconds)
        page.goto("/blog/cart-abandonment", wait_until="load")
        page.goto("/contact", wait_until="load")
        page.goto("/")
        assert page.context.request.get("/v1/state").json()["persona"] == PERSONA
        expect(hero).to_have_attribute("data-variant", "ecommerce-returning")
        variant = next(
            v for v in WORKSPACE.blocks["home-hero"].variants if v.name == "ecommerce-returning"
        )
        expect(hero.get_by_role("heading", level=1)).to_have_text(variant.content["headline"])
        features = page.locator("#home-features")
        expect(features).to_have_attribute("data-variant", "ecommerce-returning")
        expect(features).to_contain_text("case studies")
        # What has no texts for this persona speaks to the industry as before.
        expect(page.locator("#home-offer")).to_have_attribute("data-variant", "ecommerce")


def test_a_first_visit_is_no_return(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url) as page:
        answer_start_form(page, "eCommerce", ["Increase AOV"], ["Shopify"])
        page.goto("/blog/cart-abandonment", wait_until="load")
        page.goto("/contact", wait_until="load")
        page.goto("/")
        expect(page.locator("#home-hero")).to_have_attribute("data-variant", "ecommerce")
        assert page.context.request.get("/v1/state").json().get("persona") != PERSONA


def test_the_bar_of_ideas_fills_while_the_visitor_reads(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url, industry="eCommerce") as page:
        shares = []
        for path in ("/", "/blog", "/about"):
            page.goto(path, wait_until="load")
            page.goto("/test-ideas", wait_until="load")
            shares.append(float(page.locator("progress").get_attribute("value") or 0))
        assert shares == sorted(shares)
        assert shares[0] < shares[-1] <= 1
