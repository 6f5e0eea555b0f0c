"""Signing in as people do it: an invitation, a second factor, a phone, the keyboard alone."""

from __future__ import annotations

import time
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from persx.app.totp import STEP, code
from tests.browser.visits import admin
from tests.staff import PHRASE

PATIENCE = 30_000
"""Milliseconds: a password is hashed on purpose slowly, and the machine may have much to do."""

WIDTHS = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 800}}


def next_code(secret: str, used: set[int]) -> str:
    """Return a code that is good now and was not used yet: the next step's is taken, too."""
    step = int(time.time() * 1_000) // STEP
    fresh = next(each for each in (step, step + 1, step - 1) if each > max(used, default=0))
    used.add(fresh)
    return code(secret, fresh)


def fits(page: Page) -> None:
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", WIDTHS)
def test_from_the_invitation_to_signing_in_with_a_code(
    browser: Browser, demo_server: Any, size: str, scheme: str
) -> None:
    name = f"ada-{size}-{scheme}@example.com"
    with admin(browser, demo_server) as page:
        page.goto("/admin/people")
        page.get_by_label("E-mail address or short name").fill(name)
        page.get_by_label("publisher publishes").check()
        page.get_by_role("button", name="Add and make a link").click()
        link = page.get_by_test_id("link").inner_text().strip()
    options: dict[str, Any] = {"viewport": WIDTHS[size], "color_scheme": scheme}
    context = browser.new_context(base_url=demo_server.url, **options)
    page, used = context.new_page(), set[int]()
    try:
        page.goto(link)
        fits(page)
        expect(page.get_by_label("Password", exact=True)).to_be_focused()
        assert page.get_by_label("Password", exact=True).get_attribute("autocomplete") == (
            "new-password"
        )
        page.keyboard.type(PHRASE)
        page.keyboard.press("Tab")
        page.keyboard.type(PHRASE)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Overview")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_role("button", name="Publish the drafts")).to_be_visible()
        expect(page.get_by_role("link", name="People")).to_have_count(0)
        fits(page)

        page.get_by_role("link", name=name).click()
        page.get_by_role("button", name="Set it up").click()
        expect(page.get_by_role("img", name="QR code")).to_be_visible()
        fits(page)
        page.get_by_text("Or type it").click()
        secret = page.get_by_test_id("secret").inner_text().replace(" ", "")
        field = page.get_by_label("Code", exact=True)
        assert field.get_attribute("inputmode") == "numeric"
        assert field.get_attribute("autocomplete") == "one-time-code"
        field.fill(next_code(secret, used))
        page.get_by_role("button", name="Switch it on").click()
        recovery = page.get_by_test_id("codes").get_by_role("listitem").all_inner_texts()
        assert len(recovery) == 10
        fits(page)
        page.get_by_role("button", name="Sign out").click()

        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        fits(page)
        for label, kind in (("Name or e-mail", "username"), ("Password", "current-password")):
            assert page.get_by_label(label).get_attribute("autocomplete") == kind
        page.get_by_label("Name or e-mail").fill(name.upper())
        page.get_by_label("Password").fill(PHRASE)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Your code")).to_be_visible(timeout=PATIENCE)
        fits(page)
        page.get_by_label("Code", exact=True).fill("000000")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("wrong, or was used already")
        page.get_by_label("Code", exact=True).fill(next_code(secret, used))
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Overview")).to_be_visible(timeout=PATIENCE)
        page.goto("/admin/people")
        expect(page.get_by_role("heading", name="This is not for your role")).to_be_visible()
        expect(page.get_by_role("main")).to_contain_text("It takes the role admin.")
        fits(page)
        page.get_by_role("button", name="Sign out").click()

        page.get_by_label("Name or e-mail").fill(name)
        page.get_by_label("Password").fill(PHRASE)
        page.keyboard.press("Enter")
        page.get_by_label("Code", exact=True).fill(recovery[0])
        expect(page.get_by_label("Code", exact=True)).to_have_value(recovery[0])
        page.get_by_text("No phone at hand?").click()
        page.get_by_label("Recovery code").fill(recovery[0])
        page.get_by_role("button", name="Use it").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible(timeout=PATIENCE)
    finally:
        context.close()


def test_the_team_and_the_log_of_what_it_did(browser: Browser, demo_server: Any) -> None:
    with admin(browser, demo_server) as page:
        page.goto("/admin/people")
        page.get_by_label("E-mail address or short name").fill("bob the builder")
        page.get_by_role("button", name="Add and make a link").click()
        expect(page.get_by_role("alert")).to_contain_text("is no name of an account")
        expect(page.get_by_label("E-mail address or short name")).to_have_value("bob the builder")
        page.get_by_label("E-mail address or short name").fill("bob")
        page.get_by_role("button", name="Add and make a link").click()
        person = page.locator('[data-person="bob"]')
        person.locator("summary").click()
        person.get_by_label("Role").select_option("editor")
        person.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_contain_text("it holds at once")
        page.get_by_role("link", name="Audit log").click()
        page.get_by_label("What", exact=True).select_option("account")
        page.get_by_role("button", name="Show").click()
        entries = page.get_by_test_id("audit")
        expect(entries).to_contain_text("viewer → editor")
        expect(entries).not_to_contain_text("signed in")
        page.get_by_role("link", name="Check it").click()
        expect(page.get_by_role("status")).to_contain_text("rest on each other")
