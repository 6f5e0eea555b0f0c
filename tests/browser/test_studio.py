"""The studio: what it is worth, what is missing, what was refused; and the way there and back."""

from __future__ import annotations

import json
from typing import Any

import httpx
from playwright.sync_api import Browser, expect

from tests.browser.visits import INDUSTRIES, WORKSPACE, admin, visit
from tests.conftest import SERVER_KEY

HOSTILE = "<script>document.title = 'gone'</script><img src=x onerror=alert(1)>"


def test_the_overview_says_what_is_worth_and_what_is_missing(
    browser: Browser, demo_server: Any
) -> None:
    with visit(browser, demo_server.url, industry="SaaS") as page:
        page.goto("/", wait_until="load")
    with admin(browser, demo_server) as page:
        page.goto("/admin")
        lift = page.get_by_test_id("lift")
        expect(lift).to_contain_text("target 15%")
        expect(lift).to_contain_text("No figure yet")
        expect(lift).to_contain_text("A whole week has not passed")
        expect(lift.get_by_role("row", name="generic")).to_be_visible()
        arm = lift.get_by_role("row", name="targeted")
        assert int(arm.get_by_role("cell").first.inner_text().replace(",", "")) >= 1
        coverage = page.get_by_role("region", name="Coverage by page, block and industry")
        for industry in INDUSTRIES:
            expect(coverage.get_by_role("columnheader", name=industry)).to_be_visible()
        row = coverage.get_by_role("row", name="home-hero")
        expect(row.get_by_role("cell", name="financial-services")).to_have_count(1)
        opted_out = coverage.get_by_role("row", name="cart-abandonment-body")
        expect(opted_out.get_by_role("cell", name="default on purpose")).to_have_count(5)
        expect(coverage.get_by_text("missing")).to_have_count(0)
        assert coverage.locator("tr.group").count() == len(WORKSPACE.pages)
        below = coverage.evaluate("""region => {
            region.scrollTop = region.scrollHeight;
            const heading = region.querySelector("thead th").getBoundingClientRect();
            return heading.top - region.getBoundingClientRect().top;
        }""")
        assert 0 <= below <= 2, "the industries stay in sight"


def test_the_way_to_the_report_and_back(browser: Browser, demo_server: Any) -> None:
    with admin(browser, demo_server) as page:
        page.goto("/admin")
        page.get_by_role("link", name="Full report").click()
        expect(page.get_by_role("heading", name="holdout")).to_be_visible()
        page.get_by_role("link", name="Overview").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        page.goto("/admin/report/no-such-thing")
        expect(page.get_by_role("main")).to_contain_text("There is no experiment 'no-such-thing'")
        page.get_by_role("link", name="holdout").click()
        expect(page.get_by_role("heading", name="holdout")).to_be_visible()


def test_events_set_aside_are_listed_as_they_were_sent(browser: Browser, demo_server: Any) -> None:
    sent = {"type": "nonsense", "messageId": "set-aside", "note": HOSTILE}
    answer = httpx.post(
        demo_server.url + "/v1/batch", auth=(SERVER_KEY, ""), json={"batch": [sent]}
    )
    assert answer.status_code == 200
    with admin(browser, demo_server) as page:
        page.goto("/admin")
        figure = page.locator(".figure", has_text="Events set aside").get_by_role("link")
        assert int(figure.inner_text().strip("+")) >= 1
        figure.click()
        entry = page.locator("article", has_text="set-aside")
        expect(entry.get_by_role("heading")).to_contain_text("'nonsense'")
        assert json.loads(entry.locator("code").inner_text()) == sent
        assert "gone" not in page.title()


def test_who_is_not_signed_in_sees_nothing(browser: Browser, demo_server: Any) -> None:
    with browser.new_context(base_url=demo_server.url) as context:
        page = context.new_page()
        for path in (
            "/admin",
            "/admin/attributes",
            "/admin/submissions",
            "/admin/rejected",
            "/admin/keys",
            "/admin/data-protection",
            "/admin/report/holdout",
        ):
            page.goto(path)
            expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
            expect(page.get_by_role("main").get_by_role("article")).to_have_count(0)
        page.get_by_label("Password").fill("guess")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_have_text(
            "This name and this password do not fit together."
        )
        assert context.request.get("/admin/submissions.csv").status == 403


def test_the_way_around_fits_a_phone_and_a_desk(browser: Browser, demo_server: Any) -> None:
    with admin(browser, demo_server) as page:
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto("/admin/audit")
        links = page.get_by_role("navigation", name="Studio").get_by_role("link")
        tops = {links.nth(place).bounding_box()["y"] for place in range(links.count())}  # type: ignore[index]
        assert len(tops) == 1, "one line"
        expect(page.get_by_role("button", name="Menu")).to_be_hidden()
        page.set_viewport_size({"width": 390, "height": 844})
        table = page.get_by_role("region", name="Entries")
        widths = table.evaluate("it => [it.scrollWidth, it.clientWidth]")
        assert widths[0] <= widths[1], f"nothing scrolls sideways: {widths}"
        expect(links.first).to_be_hidden()
        page.get_by_role("button", name="Menu").click()
        page.get_by_role("link", name="Keys").click()
        expect(page.get_by_role("heading", name="API keys", exact=True)).to_be_visible()
