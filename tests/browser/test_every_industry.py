"""A visitor tells their industry, and every page speaks to it: with and without JavaScript."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.visits import (
    INDUSTRIES,
    PATHS,
    WORKSPACE,
    blocks_of,
    is_held_out,
    slug,
    tell_industry,
    visit,
    visitor_id,
    watch,
)


def assert_every_block_speaks_to(page: Page, industry: str) -> None:
    for document in WORKSPACE.pages.values():
        response = page.goto(document.path)
        assert response is not None
        assert response.status == 200
        shown = blocks_of(page)
        # Whoever has read everything is recommended nothing more to read.
        silent = [
            name
            for name in document.blocks
            if WORKSPACE.blocks[name].type == "recommendations" and name not in shown
        ]
        assert list(shown) == [name for name in document.blocks if name not in silent]
        for name, (variant, reason) in shown.items():
            opted_out = WORKSPACE.blocks[name].coverage_opt_out
            if "*" in opted_out or industry in opted_out:
                continue
            assert (variant, reason) == (slug(industry), "targeted"), f"{document.path} {name}"


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
@pytest.mark.parametrize("industry", INDUSTRIES)
def test_every_page_speaks_to_the_industry(
    browser: Browser, demo_server: Any, industry: str, scripts: bool
) -> None:
    with visit(browser, demo_server.url, java_script_enabled=scripts) as page:
        problems = watch(page)
        tell_industry(page, industry)
        if scripts:
            stored = json.loads(page.evaluate("sessionStorage.getItem('persx-state')"))
            assert stored["industry"] == industry
        assert_every_block_speaks_to(page, industry)
        assert problems == []


@pytest.mark.parametrize("industry", INDUSTRIES)
def test_the_contact_page_gives_the_industrys_own_reasons(
    browser: Browser, demo_server: Any, industry: str
) -> None:
    variants = {each.name: each for each in WORKSPACE.blocks["contact-form"].variants}
    reasons = variants[slug(industry)].content["reasons"]
    with visit(browser, demo_server.url, industry=industry) as page:
        page.goto("/contact")
        shown = page.get_by_test_id("contact-reasons").get_by_role("listitem")
        expect(shown).to_have_count(len(reasons))
        for place, reason in enumerate(reasons):
            expect(shown.nth(place)).to_contain_text(reason["title"])
            expect(shown.nth(place)).to_contain_text(reason["description"])


def test_after_cookies_are_cleared_content_is_generic_and_the_question_comes_again(
    browser: Browser, demo_server: Any
) -> None:
    with visit(browser, demo_server.url) as page:
        tell_industry(page, "SaaS")
        page.goto("/")
        expect(page.get_by_test_id("reprompt")).to_have_count(0)
        page.context.clear_cookies()
        page.goto("/contact?utm_source=mail")
        assert {variant for variant, _ in blocks_of(page).values()} == {"default"}
        question = page.get_by_test_id("reprompt")
        expect(question).to_be_visible()
        question.get_by_role("button", name="Education").click()
        page.wait_for_load_state()
        assert "/contact?utm_source=mail" in page.url, "one click, and on the same page"
        expect(page.get_by_test_id("industry-chip")).to_contain_text("Education")
        held = is_held_out(visitor_id(page.context))
        assert {reason for _, reason in blocks_of(page).values()} == {
            "holdout" if held else "targeted"
        }


def test_a_held_out_visitor_sees_default_content_everywhere(
    browser: Browser, demo_server: Any
) -> None:
    with visit(browser, demo_server.url, held=True) as page:
        tell_industry(page, "eCommerce")
        for path in PATHS:
            page.goto(path)
            assert set(blocks_of(page).values()) == {("default", "holdout")}, path
