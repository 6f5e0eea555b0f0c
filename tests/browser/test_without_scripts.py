"""The whole journey with JavaScript off: asked, personalised, heard, counted, and taken back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.visits import WORKSPACE, admin, blocks_of, facts_of, slug, visit, visitor_id


@pytest.mark.parametrize("industry", ["Healthcare", "Financial Services"])
def test_the_whole_journey(browser: Browser, demo_server: Any, industry: str) -> None:
    email = f"{uuid4().hex}@example.com"
    variant = slug(industry)
    with visit(browser, demo_server.url, java_script_enabled=False) as page:
        page.goto("/")
        assert blocks_of(page)["home-hero"][0] == "default"
        # The start form, found from the page.
        page.get_by_role("link", name="Make it mine").first.click()
        page.wait_for_url("**/start*")
        page.locator(f'input[name="industry"][value="{industry}"]').check()
        goal = WORKSPACE.industries[industry].goals[0]
        page.get_by_role("checkbox", name=goal).check()
        page.get_by_role("button", name="Show me my site").click()
        page.wait_for_url(lambda url: "/start" not in url)
        # Personalised pages, by the links of the site.
        seen = 1
        for link, block in (("About", "about-hero"), ("Contact", "contact-form")):
            page.get_by_role("navigation").first.get_by_role("link", name=link).click()
            page.wait_for_load_state("load")
            assert blocks_of(page)[block] == (variant, "targeted")
            seen += 1
        # The contact form, wrong at first.
        form = page.get_by_test_id("form-contact")
        form.locator('[name="name"]').fill("Ada Byron")
        form.locator('[name="email"]').fill(email)
        form.locator('[name="message"]').fill("Without scripts.")
        form.get_by_role("button").click()
        page.wait_for_url("**/contact?sent=contact#contact")
        expect(page.get_by_test_id("form-thanks")).to_be_visible()
        seen += 1
        # Every page that was shown was counted, by its picture. The first came before the form.
        assert facts_of(page.context)["Page views"] == str(seen + 1)
        # Privacy: known, explained, generic, and back.
        page.get_by_test_id("my-data").click()
        expect(page.get_by_role("main")).to_contain_text(goal)
        expect(page.get_by_test_id("why")).to_contain_text("Contact")
        page.get_by_role("button", name="Show me generic content").click()
        page.goto("/")
        assert {reason for _, reason in blocks_of(page).values()} == {"disabled"}
        page.goto("/privacy")
        page.get_by_role("button", name="Fit pages to me again").click()
        page.goto("/")
        assert blocks_of(page)["home-hero"] == (variant, "targeted")
        who = visitor_id(page.context)
        # And gone, for good.
        page.goto("/privacy")
        page.get_by_role("link", name="Erase everything").click()
        exported = [sys.executable, "-m", "persx", "export", "events", "--home"]
        before = events_of(exported, demo_server.home, who)
        assert {event["type"] for event in before} >= {"identify", "page", "track"}
        page.locator("main form button[type=submit]").last.click()
        expect(page.get_by_role("status")).to_be_visible()
        assert events_of(exported, demo_server.home, who) == []
        page.goto("/")
        assert blocks_of(page)["home-hero"][0] == "default"
    with admin(browser, demo_server) as page:
        page.goto("/admin/submissions")
        expect(page.get_by_text(email)).to_have_count(0)


def events_of(command: list[str], home: object, who: str) -> list[dict[str, Any]]:
    written = subprocess.run(
        [*command, str(home)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ,
    ).stdout
    lines = [json.loads(line) for line in written.splitlines()]
    return [event for event in lines if event.get("anonymousId") == who]
