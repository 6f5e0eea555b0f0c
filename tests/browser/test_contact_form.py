"""The contact form: sent with and without JavaScript, corrected where needed, read by its owner."""

from __future__ import annotations

import csv
import io
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.visits import WORKSPACE, admin, visit

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
PHONE = {"width": 390, "height": 844}


def fill(page: Page, **answers: str) -> None:
    form = page.get_by_test_id("form-contact")
    for name, text in answers.items():
        form.locator(f'[name="{name}"]').fill(text)


def send_unchecked(page: Page) -> None:
    """Send the form as a browser does that checks nothing itself."""
    page.get_by_test_id("form-contact").evaluate("form => { form.noValidate = true }")
    page.get_by_test_id("form-contact").get_by_role("button").click()


@SCRIPTS
def test_a_form_arrives_with_what_its_sender_had_seen(
    browser: Browser, demo_server: Any, scripts: bool
) -> None:
    email = f"{uuid4().hex}@example.com"
    with visit(
        browser, demo_server.url, industry="Healthcare", java_script_enabled=scripts
    ) as page:
        page.goto("/contact")
        fill(page, name="Ada Byron", email=email, message='Fewer "no-shows" <b>\nplease; =1+1')
        page.get_by_test_id("form-contact").get_by_role("button").click()
        page.wait_for_url("**/contact?sent=contact#contact")
        thanks = page.get_by_test_id("form-thanks")
        variant = next(
            v for v in WORKSPACE.blocks["contact-form"].variants if v.name == "healthcare"
        )
        expect(thanks).to_contain_text(variant.content["thanks"])
        expect(thanks).to_be_in_viewport()
        expect(page.get_by_test_id("form-contact")).to_have_count(0)
    with admin(browser, demo_server) as page:
        page.goto("/admin/submissions")
        entry = page.locator("article", has_text=email)
        expect(entry).to_have_count(1)
        for text in (
            "Healthcare",
            "saw healthcare",
            "Ada Byron",
            'Fewer "no-shows" <b>',
            "/contact",
        ):
            expect(entry).to_contain_text(text)
        expect(entry).not_to_contain_text("company")
        with page.expect_download() as waiting:
            page.get_by_role("link", name="CSV").click()
        text = waiting.value.path().read_text("utf-8")
    (row,) = [row for row in csv.DictReader(io.StringIO(text)) if row["email"] == email]
    assert (row["form"], row["page"], row["variant"], row["industry"]) == (
        "contact", "/contact", "healthcare", "Healthcare",
    )  # fmt: skip
    assert row["message"].splitlines() == ['Fewer "no-shows" <b>', "please; =1+1"]


@SCRIPTS
@pytest.mark.parametrize("screen", [{"width": 1280, "height": 900}, PHONE], ids=["wide", "phone"])
def test_an_error_is_seen_and_keeps_what_was_typed(
    browser: Browser, demo_server: Any, scripts: bool, screen: dict[str, int]
) -> None:
    with visit(
        browser, demo_server.url, industry="SaaS", java_script_enabled=scripts, viewport=screen
    ) as page:
        page.goto("/contact")
        fill(page, name="Ada", email="nonsense", company="A&B", message="Two\nlines")
        send_unchecked(page)
        problem = page.get_by_role("alert")
        expect(problem).to_contain_text("does not look like an e-mail address")
        expect(problem).to_be_in_viewport()
        if scripts:
            expect(problem).to_be_focused()
        form = page.get_by_test_id("form-contact")
        for name, text in {"name": "Ada", "email": "nonsense", "company": "A&B"}.items():
            expect(form.locator(f'[name="{name}"]')).to_have_value(text)
        expect(form.locator("textarea")).to_have_value("Two\nlines")
        expect(page.locator(".site-nav [aria-current=page]")).to_have_text("Contact")
        # Everything on the page leads somewhere: it is still the contact page.
        page.locator("details.locale summary").click()
        page.get_by_role("link", name="Deutsch", exact=True).click()
        expect(page).to_have_url(demo_server.url + "/contact?locale=de")


@SCRIPTS
def test_an_error_far_down_the_page_is_found(
    browser: Browser, demo_server: Any, scripts: bool
) -> None:
    with visit(browser, demo_server.url, java_script_enabled=scripts, viewport=PHONE) as page:
        page.goto("/blog")
        form = page.get_by_test_id("form-newsletter")
        form.evaluate("form => { form.noValidate = true }")
        form.get_by_role("button").click()
        if not scripts:
            link = page.locator(".form-problems a")
            expect(link).to_be_in_viewport()
            link.click()
        expect(form.get_by_role("alert")).to_be_in_viewport()
        expect(form.get_by_role("alert")).to_contain_text("Work email")


def test_the_browser_asks_for_what_is_missing(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url) as page:
        page.goto("/contact")
        fill(page, name="Ada")
        page.get_by_test_id("form-contact").get_by_role("button").click()
        assert page.evaluate("document.activeElement.name") == "email"
        assert page.url.endswith("/contact")


def test_a_german_error_is_german(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url, locale="de-DE") as page:
        page.goto("/contact")
        fill(page, name="Ada", email="nonsense", message="Guten Tag")
        send_unchecked(page)
        expect(page.get_by_role("alert")).to_contain_text("sieht nicht wie eine E-Mail-Adresse aus")
