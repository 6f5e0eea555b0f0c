"""Answers that grew old, or that visits speak against: asked about, and never switched silently."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.served import Site, served
from tests.browser.visits import blocks_of, tell_industry, visit

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])


@pytest.fixture(scope="module")
def running_site() -> Iterator[Site]:
    """The demo, whose industries are forgotten after 200 days."""

    def change(files: dict[str, str]) -> dict[str, str]:
        text = files["attributes.yaml"]
        old = "industry:\n  type: string\n"
        assert old in text
        return {**files, "attributes.yaml": text.replace(old, f"{old}  expires: 200d\n")}

    with served(change) as site:
        yield site


@pytest.fixture
def site(running_site: Site) -> Iterator[Site]:
    running_site.ahead = 0
    yield running_site
    running_site.ahead = 0


def hero(page: Page) -> tuple[str, str]:
    page.goto("/")
    return blocks_of(page)["home-hero"]


def read_of_carts(page: Page, times: int = 3) -> None:
    for _ in range(times):
        with page.expect_response(lambda answer: "/v1/x/" in answer.url):
            page.goto("/blog/cart-abandonment")


@SCRIPTS
def test_after_ninety_days_it_is_asked_again(browser: Browser, site: Site, scripts: bool) -> None:
    with visit(browser, site.url, java_script_enabled=scripts) as page:
        tell_industry(page, "SaaS")
        asking = page.get_by_test_id("asking")
        site.ahead = 89.9
        assert hero(page) == ("saas", "targeted")
        expect(asking).to_have_count(0)
        site.ahead = 90.1
        assert hero(page) == ("saas", "targeted"), "the old answer decides until there is a new one"
        expect(asking).to_contain_text("You told us “SaaS” on")
        asking.get_by_role("button", name="Still SaaS").click()
        expect(asking).to_have_count(0)
        site.ahead = 170
        assert hero(page) == ("saas", "targeted")
        expect(asking).to_have_count(0)
        site.ahead = 181
        page.goto("/")
        asking.get_by_role("button", name="Education").click()
        assert hero(page) == ("education", "targeted")
        expect(asking).to_have_count(0)


def test_what_expires_is_forgotten_and_asked_for(browser: Browser, site: Site) -> None:
    with visit(browser, site.url) as page:
        tell_industry(page, "SaaS")
        site.ahead = 199
        assert hero(page) == ("saas", "targeted")
        site.ahead = 201
        assert hero(page)[0] == "default"
        expect(page.get_by_test_id("asking")).to_have_count(0)
        page.goto("/contact")
        page.get_by_test_id("reprompt").get_by_role("button", name="Healthcare").click()
        assert hero(page) == ("healthcare", "targeted")
        site.ahead = 400
        assert hero(page) == ("healthcare", "targeted")


@SCRIPTS
def test_visits_that_say_otherwise_are_asked_about_and_an_override_wins(
    browser: Browser, site: Site, scripts: bool
) -> None:
    with visit(browser, site.url, java_script_enabled=scripts) as page:
        asking = page.get_by_test_id("asking")
        tell_industry(page, "Healthcare")
        read_of_carts(page)
        assert hero(page) == ("healthcare", "targeted")
        expect(asking).to_have_count(0)
        site.ahead = 8
        read_of_carts(page)
        assert hero(page) == ("healthcare", "targeted"), "nothing is switched silently"
        expect(asking).to_contain_text("Lately you have looked at “eCommerce”.")
        # Neither answer of the bar: they say it themselves, by the link at the foot of the page.
        page.get_by_test_id("update-industry").click()
        page.locator('input[name="industry"][value="Education"]').check()
        page.locator('main form button[type="submit"]').click()
        page.wait_for_url(lambda url: "/start" not in url)
        assert hero(page) == ("education", "targeted")
        expect(asking).to_have_count(0)
        # Behaviour goes on speaking for something else, and still it only asks.
        site.ahead = 16
        read_of_carts(page, 6)
        assert hero(page) == ("education", "targeted")
        expect(asking).to_contain_text("You told us “Education”. Lately")
        asking.get_by_role("button", name="Still Education").click()
        for site.ahead in (17, 30, 60):
            read_of_carts(page, 4)
            assert hero(page) == ("education", "targeted")
            expect(asking).to_have_count(0)


def test_following_the_suggestion_is_one_click(browser: Browser, site: Site) -> None:
    with visit(browser, site.url) as page:
        tell_industry(page, "Healthcare")
        site.ahead = 8
        read_of_carts(page)
        page.goto("/about")
        page.get_by_test_id("asking").get_by_role("button", name="eCommerce").click()
        page.wait_for_url("**/about?industry=ecommerce")
        assert hero(page) == ("ecommerce", "targeted")
        expect(page.get_by_test_id("asking")).to_have_count(0)


def test_a_link_with_another_industry_does_not_answer_the_question(
    browser: Browser, site: Site
) -> None:
    with visit(browser, site.url) as page:
        tell_industry(page, "SaaS")
        site.ahead = 91
        page.goto("/?industry=healthcare")
        assert blocks_of(page)["home-hero"] == ("saas", "targeted")
        expect(page.get_by_test_id("asking")).to_contain_text("You told us “SaaS” on")
