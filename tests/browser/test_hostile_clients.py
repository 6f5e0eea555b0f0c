"""Browsers that keep nothing, carry rubbish, or say two things at once: every page stands."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.visits import blocks_of, tell_industry, visit, watch


@pytest.fixture
def keeps_nothing(browser: Browser, tmp_path: Path) -> Iterator[BrowserContext]:
    """A real Chromium whose owner blocks all cookies and site data."""
    preferences = tmp_path / "profile" / "Default" / "Preferences"
    preferences.parent.mkdir(parents=True)
    blocked = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    preferences.write_text(json.dumps(blocked), "utf-8")
    context = browser.browser_type.launch_persistent_context(
        tmp_path / "profile",
        executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
        args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    )
    yield context
    context.close()


def test_cookies_and_storage_are_blocked(keeps_nothing: BrowserContext, demo_server: Any) -> None:
    page = keeps_nothing.new_page()
    problems = watch(page)
    page.goto(f"{demo_server.url}/")
    denied = "(() => { try { sessionStorage.length; return false } catch { return true } })()"
    assert page.evaluate(denied), "storage is blocked"
    page.goto(f"{demo_server.url}/start")
    page.locator('input[name="industry"][value="SaaS"]').check()
    page.locator('main form button[type="submit"]').click()
    page.wait_for_url("**/?industry=saas")
    # Nothing is kept, and the page is right all the same: the link says so. One of ten such
    # visitors is held out, and is another one on the next page.
    for _ in range(20):
        if blocks_of(page)["home-hero"] == ("saas", "targeted"):
            break
        assert blocks_of(page)["home-hero"] == ("default", "holdout")
        page.reload()
    else:
        raise AssertionError("never targeted")
    page.goto(f"{demo_server.url}/contact")
    assert blocks_of(page)["contact-form"][0] == "default"
    page.get_by_test_id("reprompt").get_by_role("button", name="Healthcare").click()
    page.wait_for_url("**/contact?industry=healthcare")
    expect(page.get_by_test_id("asking")).to_contain_text("This page speaks to Healthcare.")
    for path in ("/privacy", "/privacy/choices", "/blog", "/nowhere"):
        page.goto(demo_server.url + path)
        expect(page.locator("h1")).to_have_count(1)
    assert keeps_nothing.cookies() == []
    # The browser's own note on a page that is not there is none of ours.
    assert [each for each in problems if "404" not in each] == []


RUBBISH = {
    "another signature": lambda value: value[:-3] + ("AAA" if value[-3:] != "AAA" else "BBB"),
    "cut short": lambda value: value[: len(value) // 2],
    "nothing": lambda value: value[:0],
    "no signature": lambda value: value.split(".")[0],
    "not base64": lambda value: "%00%ff." + value,
    "far too long": lambda value: (value * 100)[:3_900],
    "one character": lambda value: value[:1],
    "script": lambda value: f"<script>alert(1)</script>{value[:5]}",
}


@pytest.mark.parametrize("how", RUBBISH)
def test_cookies_that_are_not_ours_are_as_good_as_none(
    browser: Browser, demo_server: Any, how: str
) -> None:
    with visit(browser, demo_server.url, industry="SaaS") as page:
        problems = watch(page)
        page.goto("/privacy/choices")
        page.get_by_role("button", name="Save my choice").click()
        expect(page.get_by_role("status")).to_be_visible()
        for cookie in page.context.cookies():
            page.context.add_cookies([{**cookie, "value": RUBBISH[how](cookie["value"])}])
        page.context.add_cookies(
            [
                {"name": name, "value": RUBBISH[how]("x.y"), "url": demo_server.url}
                for name in ("persx_link", "persx_locale", "persx_admin", "persx_preview")
            ]
        )
        for path in ("/", "/contact", "/start", "/privacy", "/privacy/choices"):
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 200
            expect(page.get_by_test_id("admin-bar")).to_have_count(0)
        page.goto("/")
        assert blocks_of(page)["home-hero"][0] == "default"
        expect(page.get_by_test_id("reprompt")).to_be_visible()
        assert problems == []
        # And the visitor is served like anybody who is new.
        tell_industry(page, "Education")
        expect(page.get_by_test_id("industry-chip")).to_contain_text("Education")


def test_two_tabs_with_two_answers_agree_on_the_later_one(
    browser: Browser, demo_server: Any
) -> None:
    with visit(browser, demo_server.url) as first:
        second = first.context.new_page()
        first.goto("/start?next=/about")
        second.goto("/start?next=/contact")
        for page, industry in ((first, "Healthcare"), (second, "Education")):
            page.locator(f'input[name="industry"][value="{industry}"]').check()
        for page in (first, second):
            page.locator('main form button[type="submit"]').click()
            page.wait_for_url(lambda url: "/start" not in url)
        assert blocks_of(first)["about-hero"] == ("healthcare", "targeted")
        assert blocks_of(second)["contact-form"] == ("education", "targeted")
        first.reload()
        # Its address still says otherwise: what was said last counts.
        assert first.url.endswith("/about?industry=healthcare")
        assert blocks_of(first)["about-hero"] == ("education", "targeted")
        expect(first.get_by_test_id("industry-chip")).to_contain_text("Education")
        first.context.clear_cookies(name="persx_state")
        first.goto("/")
        assert blocks_of(first)["home-hero"] == ("education", "targeted")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_back_after_the_start_form(browser: Browser, demo_server: Any, scripts: bool) -> None:
    with visit(browser, demo_server.url, java_script_enabled=scripts) as page:
        page.goto("/contact")
        assert blocks_of(page)["contact-form"][0] == "default"
        page.locator("header").get_by_role("link", name="Make it mine").click()
        page.locator('input[name="industry"][value="SaaS"]').check()
        page.locator('main form button[type="submit"]').click()
        page.wait_for_url("**/contact?industry=saas")
        page.go_back()
        page.wait_for_url("**/start*")
        # Filled in with what was said, and sent again without harm.
        expect(page.locator('input[name="industry"][value="SaaS"]')).to_be_checked()
        page.locator('input[name="industry"][value="Healthcare"]').check()
        page.locator('main form button[type="submit"]').click()
        page.wait_for_url("**/contact?industry=healthcare")
        page.go_back()
        page.go_back()
        page.wait_for_url("**/contact")
        assert blocks_of(page)["contact-form"] == ("healthcare", "targeted"), "pages are not cached"


def test_what_is_too_long_to_keep_is_refused_not_lost(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url, industry="SaaS") as page:

        def save(company: str) -> int:
            return int(
                page.evaluate(
                    """async value => {
                        const form = new URLSearchParams(
                            {action: "correct", name: "company", value})
                        return (await fetch("/privacy", {method: "POST", body: form})).status
                    }""",
                    company,
                )
            )

        page.goto("/privacy")
        longest = secrets.token_hex(500)
        assert save(longest) == 200
        assert save(longest + "1") == 422
        page.context.clear_cookies(name="persx_state")
        page.goto("/privacy")
        expect(page.get_by_role("main")).to_contain_text(longest)
