"""A visitor tells their industry, and every page speaks to it: with and without JavaScript."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from persx.decide.allocation import bucket
from persx.demo import demo_folder
from persx.model.workspace import Workspace
from persx.workspace.documents import read_folder
from persx.workspace.validation import check

WORKSPACE: Workspace = check(read_folder(demo_folder("persx_ai")))[0]  # type: ignore[assignment]
INDUSTRIES = list(WORKSPACE.industries)
PATHS = [page.path for page in WORKSPACE.pages.values()]


def slug(industry: str) -> str:
    return industry.lower().replace(" ", "-")


def visitor_id(context: BrowserContext) -> str:
    """Read the visitor's id from the signed cookie; its payload is readable by its bearer."""
    (value,) = [c["value"] for c in context.cookies() if c["name"] == "persx_visitor"]
    payload = value.split(".")[0]
    found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert isinstance(found, str)
    return found


def held_out(context: BrowserContext) -> bool:
    holdout = WORKSPACE.settings.holdout
    return bucket(holdout.seed, "a:" + visitor_id(context)) < holdout.share


def visit_as(browser: Browser, url: str, *, held: bool = False, **options: Any) -> BrowserContext:
    """Return a browser whose visitor is outside the holdout, or inside it."""
    for _ in range(400):
        context = browser.new_context(base_url=url, **options)
        context.request.get("/")
        if held_out(context) == held:
            return context
        context.close()
    raise AssertionError("no visitor of this kind came by")


def blocks_of(page: Page) -> dict[str, tuple[str, str]]:
    found = page.eval_on_selector_all(
        "[data-block]",
        "all => all.map(e => [e.dataset.block, e.dataset.variant, e.dataset.reason])",
    )
    return {name: (variant, reason) for name, variant, reason in found}


def tell_industry(page: Page, industry: str) -> None:
    page.goto("/start")
    page.locator(f'input[name="industry"][value="{industry}"]').check(force=True)
    page.locator('main form button[type="submit"]').click()
    page.wait_for_url(lambda url: "/start" not in url)


def assert_every_block_speaks_to(page: Page, industry: str) -> None:
    for path in PATHS:
        response = page.goto(path)
        assert response is not None
        assert response.status == 200
        shown = blocks_of(page)
        document = next(each for each in WORKSPACE.pages.values() if each.path == path)
        assert list(shown) == list(document.blocks)
        for name, (variant, reason) in shown.items():
            opted_out = WORKSPACE.blocks[name].coverage_opt_out
            if "*" in opted_out or industry in opted_out:
                continue
            assert (variant, reason) == (slug(industry), "targeted"), f"{path} {name}"


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def scripts(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize("industry", INDUSTRIES)
def test_every_page_speaks_to_the_industry(
    browser: Browser, demo_server: Any, industry: str, scripts: bool
) -> None:
    context = visit_as(browser, demo_server.url, java_script_enabled=scripts)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda told: problems.append(told.text) if told.type == "error" else None)
    if scripts:
        tell_industry(page, industry)
        assert_every_block_speaks_to(page, industry)
        stored = json.loads(page.evaluate("sessionStorage.getItem('persx-state')"))
        assert stored["industry"] == industry
    else:
        # Without scripts Playwright cannot query the page either: the finished HTML is read.
        answer = context.request.post(
            "/start", form={"industry": industry, "complete": "1", "next": "/"}
        )
        assert answer.status == 200
        reader = browser.new_context()
        reading = reader.new_page()
        for path in PATHS:
            reading.set_content(context.request.get(path).text(), wait_until="commit")
            for name, (variant, reason) in blocks_of(reading).items():
                opted_out = WORKSPACE.blocks[name].coverage_opt_out
                if "*" in opted_out or industry in opted_out:
                    continue
                assert (variant, reason) == (slug(industry), "targeted"), f"{path} {name}"
        reader.close()
    assert problems == []
    context.close()


def test_the_start_form_works_without_scripts(browser: Browser, demo_server: Any) -> None:
    context = visit_as(browser, demo_server.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/start?next=/contact")
    page.locator('input[name="industry"][value="Healthcare"]').check(force=True)
    page.locator('main form button[type="submit"]').click()
    page.wait_for_url("**/contact")
    expect(page.get_by_test_id("contact-reasons")).to_be_visible()
    expect(page.locator("[data-type=contact_form]")).to_have_attribute("data-variant", "healthcare")
    context.close()


def test_after_cookies_are_cleared_content_is_generic_and_the_question_comes_again(
    browser: Browser, demo_server: Any
) -> None:
    context = visit_as(browser, demo_server.url)
    page = context.new_page()
    tell_industry(page, "SaaS")
    page.goto("/")
    expect(page.get_by_test_id("reprompt")).to_have_count(0)
    context.clear_cookies()
    page.goto("/")
    assert {variant for variant, _ in blocks_of(page).values()} == {"default"}
    question = page.get_by_test_id("reprompt")
    expect(question).to_be_visible()
    question.get_by_role("button", name="Education").click()
    page.wait_for_load_state()
    if not held_out(context):
        assert {reason for _, reason in blocks_of(page).values()} == {"targeted"}
    context.close()


def test_a_held_out_visitor_sees_default_content_everywhere(
    browser: Browser, demo_server: Any
) -> None:
    context = visit_as(browser, demo_server.url, held=True)
    page = context.new_page()
    tell_industry(page, "eCommerce")
    for path in PATHS:
        page.goto(path)
        assert set(blocks_of(page).values()) == {("default", "holdout")}
    context.close()
