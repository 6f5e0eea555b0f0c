"""Exposures: a page that a person was shown is confirmed once, by its own picture."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.visits import cookies_of, facts_of, visit, visitor_id

GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def confirmations(page: Page) -> list[str]:
    """Return a list that fills with the pictures that the page asks for."""
    found: list[str] = []
    page.on(
        "request", lambda request: found.append(request.url) if "/v1/x/" in request.url else None
    )
    return found


@pytest.mark.parametrize("held", [False, True], ids=["targeted", "held out"])
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_each_page_view_is_confirmed_once(
    browser: Browser, demo_server: Any, scripts: bool, held: bool
) -> None:
    with visit(
        browser, demo_server.url, held=held, industry="SaaS", java_script_enabled=scripts
    ) as page:
        asked = confirmations(page)
        for views, path in enumerate(["/", "/blog", "/", "/contact"], start=1):
            page.goto(path, wait_until="load")
            assert len(asked) == views
            assert facts_of(page.context)["Page views"] == str(views)
        assert len(set(asked)) == 4
        page.context.request.get(asked[0])
        assert facts_of(page.context)["Page views"] == "4", "the same picture again is no new view"


def test_the_log_has_one_page_event_for_each_view(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url, industry="Education") as page:
        page.goto("/")
        page.goto("/about")
        me = visitor_id(page.context)
    command = [sys.executable, "-m", "persx", "export", "events", "--home", str(demo_server.home)]
    written = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=True, env=os.environ
    ).stdout
    events = [
        event
        for line in written.splitlines()
        if (event := json.loads(line)).get("anonymousId") == me
    ]
    pages = [event["properties"]["path"] for event in events if event["type"] == "page"]
    assert pages == ["/", "/about"]
    exposed = [event["properties"] for event in events if event.get("event") == "Experiment Viewed"]
    assert {(each["experiment_id"], each["variation_id"]) for each in exposed} == {
        ("holdout", "targeted")
    }
    assert exposed[0]["segments"]["industry"] == "Education"


def test_a_prefetched_page_confirms_nothing_and_makes_no_visitor(
    browser: Browser, demo_server: Any
) -> None:
    options = {"extra_http_headers": {"Sec-Purpose": "prefetch"}}
    with browser.new_context(base_url=demo_server.url, **options) as context:
        page = context.new_page()
        asked = confirmations(page)
        page.goto("/", wait_until="load")
        assert page.locator("[data-block]").count() > 0
        assert asked == []
        assert cookies_of(context) == {}


def test_a_bot_confirms_nothing_and_is_no_visitor(browser: Browser, demo_server: Any) -> None:
    with browser.new_context(base_url=demo_server.url, user_agent=GOOGLEBOT) as context:
        page = context.new_page()
        asked = confirmations(page)
        page.goto("/", wait_until="load")
        assert page.locator("[data-block]").count() > 0
        assert asked == []
        assert cookies_of(context) == {}


def test_a_page_that_does_not_exist_is_no_page_view(browser: Browser, demo_server: Any) -> None:
    with visit(browser, demo_server.url, industry="SaaS") as page:
        asked = confirmations(page)
        page.goto("/no/such/page", wait_until="load")
        page.goto("/start", wait_until="load")
        assert asked == []
        assert facts_of(page.context).get("Page views", "0") == "0"
