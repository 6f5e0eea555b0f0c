"""A person is asked little, answers with a click or not at all, and sees what it is good for."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_accessibility import violations
from tests.browser.test_my_data import fits
from tests.browser.visits import blocks_of, cookies_of, facts_of, visit, watch

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
WIDTHS = pytest.mark.parametrize("width", [390, 1280], ids=["phone", "wide"])


def click_option(page: Page, name: str) -> None:
    page.get_by_test_id("quiz-form").get_by_role("button", name=name, exact=True).click()


@SCRIPTS
@WIDTHS
def test_a_quiz_goes_from_question_to_question_and_changes_the_page(
    browser: Browser, demo_server: Any, scripts: bool, width: int
) -> None:
    with visit(
        browser,
        demo_server.url,
        industry="SaaS",
        viewport={"width": width, "height": 844},
        java_script_enabled=scripts,
    ) as page:
        problems = watch(page)
        page.goto("/about")
        quiz = page.get_by_test_id("block-about-quiz")
        expect(quiz).to_contain_text("Question 1 of 3")
        expect(quiz).to_contain_text("Have you run an A/B test before?")
        assert blocks_of(page)["about-cta"] == ("saas", "targeted")
        click_option(page, "No")
        expect(quiz).to_contain_text("Question 2 of 3")
        assert page.url.split("#")[0].endswith("/about")
        assert blocks_of(page)["about-cta"] == ("first-test", "targeted"), (
            "it is good for something"
        )
        if scripts:
            assert page.evaluate("document.activeElement.tagName") == "LEGEND"
            assert violations(page) == []
            assert fits(page)
        page.get_by_test_id("quiz-form").get_by_role("button", name="Not now").click()
        expect(quiz).to_contain_text("What do you work on?")
        click_option(page, "Engineering")
        expect(page.get_by_test_id("quiz-thanks")).to_contain_text("Setup complete")
        assert blocks_of(page)["about-cta"] == ("engineers", "targeted")
        if scripts:
            assert violations(page) == []
        page.reload()
        expect(page.get_by_test_id("quiz-thanks")).to_be_visible()
        told = facts_of(page.context)
        assert (told["Has run A/B tests"], told["Field of work"]) == ("no", "Engineering")
        assert "Company size" not in told
        assert problems == []


def test_a_quiz_goes_on_without_its_script(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url, industry="SaaS") as page:
        page.goto("/about")
        page.route("**/preferences/answer", lambda route: route.abort(), times=1)
        click_option(page, "Yes")
        expect(page.get_by_test_id("block-about-quiz")).to_contain_text("Question 2 of 3")
        assert facts_of(page.context)["Has run A/B tests"] == "yes"


@SCRIPTS
@WIDTHS
def test_who_lost_their_cookies_is_asked_once_and_may_say_not_now(
    browser: Browser, demo_server: Any, scripts: bool, width: int
) -> None:
    with visit(
        browser,
        demo_server.url,
        industry="Education",
        viewport={"width": width, "height": 844},
        java_script_enabled=scripts,
    ) as page:
        page.goto("/blog")
        expect(page.get_by_test_id("reprompt")).to_have_count(0)
        page.context.clear_cookies()
        page.goto("/contact")
        bar = page.get_by_test_id("reprompt")
        expect(bar).to_contain_text("Which industry are you in?")
        if scripts:
            assert violations(page) == []
            assert fits(page)
        bar.get_by_role("button", name="Not now").click()
        expect(page.get_by_test_id("reprompt")).to_have_count(0)
        assert page.url.endswith("/contact")
        for path in ("/", "/blog", "/contact"):
            page.goto(path)
            expect(page.get_by_test_id("reprompt")).to_have_count(0)
        # The industry can still be told wherever the visitor wants to.
        expect(page.get_by_test_id("update-industry")).to_be_visible()


@SCRIPTS
def test_a_short_question_is_answered_in_passing(
    browser: Browser, demo_server: Any, scripts: bool
) -> None:
    with visit(browser, demo_server.url, industry="SaaS", java_script_enabled=scripts) as page:
        for path in ("/", "/blog", "/contact", "/personas"):
            page.goto(path)
        bar = page.get_by_test_id("question")
        expect(bar).to_contain_text("How many people work at your company?")
        page.goto("/about")
        expect(page.get_by_test_id("question")).to_have_count(0)
        expect(page.get_by_test_id("quiz-form")).to_be_visible()
        page.goto("/personas")
        bar.get_by_role("button", name="Just me").click()
        page.wait_for_url("**/personas")
        expect(page.get_by_text("How many people work at your company?")).to_have_count(0)
        page.goto("/about")
        assert blocks_of(page)["about-cta"] == ("just-me", "targeted")
        expect(page.get_by_test_id("quiz-form")).to_contain_text("Question 2 of 3")


@SCRIPTS
@WIDTHS
def test_the_preference_centre_is_found_changed_and_saved(
    browser: Browser, demo_server: Any, scripts: bool, width: int
) -> None:
    with visit(
        browser,
        demo_server.url,
        industry="SaaS",
        viewport={"width": width, "height": 844},
        java_script_enabled=scripts,
    ) as page:
        page.goto("/")
        page.get_by_test_id("preferences").click()
        page.wait_for_url("**/preferences")
        expect(page.get_by_test_id("about-you")).to_contain_text("SaaS")
        mail = page.get_by_test_id("section-marketing")
        mail.get_by_label("New articles").check()
        mail.get_by_label("Once a quarter").check()
        mail.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_contain_text("Saved")
        expect(mail.get_by_label("New articles")).to_be_checked()
        expect(mail.get_by_label("Test ideas")).not_to_be_checked()
        expect(mail.get_by_label("Once a quarter")).to_be_checked()
        if scripts:
            assert violations(page) == []
            assert fits(page)
        mail.get_by_label("New articles").uncheck()
        mail.get_by_label("No answer").check()
        mail.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_contain_text("Saved")
        assert "Topics by e-mail" not in facts_of(page.context)
        page.get_by_test_id("about-you").get_by_role("link").click()
        page.wait_for_url("**/start?*")
        page.locator('input[name="industry"][value="Education"]').check()
        page.locator('main form button[type="submit"]').click()
        page.wait_for_url("**/preferences?industry=education")
        expect(page.get_by_test_id("about-you")).to_contain_text("Education")


@SCRIPTS
def test_a_wrong_answer_is_said_beside_the_question(
    browser: Browser, demo_server: Any, scripts: bool
) -> None:
    with visit(browser, demo_server.url, industry="SaaS", java_script_enabled=scripts) as page:
        page.goto("/about")
        options = {"max_redirects": 0, "headers": {"Sec-Fetch-Site": "same-origin"}}
        form = {"name": "company-size", "value": "x", "page": "about", "block": "about-quiz"}
        answer = page.context.request.post("/preferences/answer", form=form, **options)
        assert answer.status == 422
        page.set_content(answer.text())
        expect(page.get_by_role("alert")).to_contain_text("Please choose one of the answers.")


def test_the_cookie_of_a_session_holds_no_id_and_ends_with_it(
    browser: Browser, demo_server: Any
) -> None:
    with visit(browser, demo_server.url) as page:
        page.goto("/blog")
        cookie = cookies_of(page.context)["persx_asked"]
        assert cookie["expires"] == -1
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Lax"
        assert page.evaluate("document.cookie") == ""
