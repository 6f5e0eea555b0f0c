"""The admin bar: whoever is signed in looks at the site as somebody else, and nothing counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, expect

from tests.browser.visits import INDUSTRIES, admin, blocks_of, cookies_of, declare, facts_of, slug


def test_the_one_time_link_signs_in_once(browser: Browser, serve: Callable[..., Any]) -> None:
    server = serve("--demo")
    with browser.new_context(base_url=server.url) as context:
        page = context.new_page()
        page.goto(server.admin_link())
        assert page.url == server.url + "/admin"
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        page.get_by_role("link", name="Site").click()
        expect(page.get_by_test_id("admin-bar")).to_be_visible()
    with browser.new_context(base_url=server.url) as context:
        page = context.new_page()
        page.goto(server.admin_link())
        expect(page.get_by_role("alert")).to_contain_text("used already")
        page.goto("/")
        expect(page.get_by_test_id("admin-bar")).to_have_count(0)


def test_the_bar_changes_the_page_and_exposes_nothing(browser: Browser, demo_server: Any) -> None:
    with admin(browser, demo_server) as page:
        exposed: list[str] = []
        page.on(
            "request",
            lambda request: exposed.append(request.url) if "/v1/x/" in request.url else None,
        )
        page.goto("/admin")
        page.get_by_role("button", name="Education").click()
        bar = page.get_by_test_id("admin-bar")
        expect(bar).to_contain_text("nothing here counts")
        for industry in INDUSTRIES:
            bar.get_by_label("Industry").select_option(industry)
            bar.get_by_role("button", name="Show").click()
            expect(page.locator("#home-hero")).to_have_attribute("data-variant", slug(industry))
            expect(page.get_by_test_id("industry-chip")).to_contain_text(industry)
            assert {reason for _, reason in blocks_of(page).values()} == {"targeted"}
        page.get_by_role("link", name="Contact").first.click()
        expect(page.locator("#contact-form")).to_have_attribute("data-variant", "education")
        page.wait_for_load_state()
        assert exposed == []
        assert facts_of(page.context).get("Page views", "0") == "0"


def test_a_persona_is_seen_with_all_it_is_known_by(browser: Browser, demo_server: Any) -> None:
    with admin(browser, demo_server) as page:
        page.goto("/")
        bar = page.get_by_test_id("admin-bar")
        bar.get_by_label("Persona").select_option("eCommerce-Growth-ReturnVisitor")
        bar.get_by_role("button", name="Show").click()
        expect(page.locator("#home-hero")).to_have_attribute("data-variant", "ecommerce-returning")
        expect(page.locator("#home-offer")).to_have_attribute("data-variant", "ecommerce")
        expect(page.get_by_test_id("industry-chip")).to_contain_text("eCommerce")


def test_the_bars_locale_holds_on_every_page(browser: Browser, demo_server: Any) -> None:
    with admin(browser, demo_server) as page:
        page.goto("/about")
        bar = page.get_by_test_id("admin-bar")
        bar.get_by_label("Locale").select_option("de-AT")
        bar.get_by_role("button", name="Show").click()
        for path in ("/about", "/", "/start", "/privacy"):
            page.goto(path)
            expect(page.locator("html")).to_have_attribute("lang", "de-AT")
            expect(page.locator(".site-footer")).to_contain_text(
                "Die passende Seite für jeden Besuch"
            )


def test_reset_and_exit(browser: Browser, demo_server: Any) -> None:
    with admin(browser, demo_server) as page:
        declare(page.context, industry="SaaS")
        page.goto("/personas")
        bar = page.get_by_test_id("admin-bar")
        bar.get_by_label("Industry").select_option("Healthcare")
        bar.get_by_role("button", name="Show").click()
        expect(page.get_by_test_id("industry-chip")).to_contain_text("Healthcare")
        bar.get_by_role("button", name="Reset").click()
        expect(page.get_by_test_id("industry-chip")).to_contain_text("SaaS")
        expect(bar).not_to_contain_text("nothing here counts")
        bar.get_by_label("Industry").select_option("Education")
        bar.get_by_role("button", name="Show").click()
        bar.get_by_role("button", name="Exit").click()
        expect(bar).to_have_count(0)
        assert page.url.endswith("/personas")
        expect(page.get_by_test_id("industry-chip")).to_contain_text("SaaS")
        assert not {"persx_admin", "persx_preview"} & set(cookies_of(page.context))
        page.goto("/admin")
        expect(page.get_by_label("Name or e-mail")).to_be_focused()


def test_nobody_else_can_preview(browser: Browser, demo_server: Any) -> None:
    with browser.new_context(base_url=demo_server.url) as context:
        context.request.post("/admin/bar", form={"industry": "SaaS", "action": "apply"})
        page = context.new_page()
        page.goto("/")
        assert {variant for variant, _ in blocks_of(page).values()} == {"default"}
        assert "persx_preview" not in cookies_of(context)
