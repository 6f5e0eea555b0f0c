"""Visits of the demo site in a real browser: who comes by, what they say, and what they see."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, Page

from persx.decide.allocation import bucket
from persx.demo import demo_folder
from persx.model.workspace import Workspace
from persx.workspace.documents import read_folder
from persx.workspace.validation import check
from tests.conftest import PASSWORD, Server

WORKSPACE: Workspace = check(read_folder(demo_folder("persx_ai")))[0]  # type: ignore[assignment]
INDUSTRIES = list(WORKSPACE.industries)
PATHS = [page.path for page in WORKSPACE.pages.values()]
OWN_PATHS = [
    "/start",
    "/privacy",
    "/privacy/choices",
    "/privacy/erase",
    "/there/is/no/such/page",
]
"""Pages of the site that no workspace declares."""


def slug(industry: str) -> str:
    return industry.lower().replace(" ", "-")


def is_held_out(anonymous_id: str) -> bool:
    holdout = WORKSPACE.settings.holdout
    return bucket(holdout.seed, "a:" + anonymous_id) < holdout.share


def id_in(cookie: str) -> str:
    """Read the visitor's id from the signed cookie; its payload is readable by its bearer."""
    payload = cookie.split(".")[0]
    found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert isinstance(found, str)
    return found


def cookies_of(context: BrowserContext) -> dict[str, Any]:
    return {cookie["name"]: cookie for cookie in context.cookies()}


def visitor_id(context: BrowserContext) -> str:
    return id_in(cookies_of(context)["persx_visitor"]["value"])


def visit_as(browser: Browser, url: str, *, held: bool = False, **options: Any) -> BrowserContext:
    """Return a browser whose visitor is outside the holdout, or inside it."""
    with httpx.Client(headers={"User-Agent": "Mozilla/5.0"}) as client:
        for _ in range(400):
            client.cookies.clear()
            client.get(url + "/")
            cookie = client.cookies["persx_visitor"]
            if is_held_out(id_in(cookie)) == held:
                break
        else:
            raise AssertionError("no visitor of this kind came by")
    context = browser.new_context(base_url=url, **options)
    context.add_cookies([{"name": "persx_visitor", "value": cookie, "url": url}])
    return context


@contextmanager
def visit(
    browser: Browser, url: str, *, held: bool = False, industry: str = "", **options: Any
) -> Iterator[Page]:
    """A page of a visitor outside the holdout, or inside it, who may have told an industry."""
    context = visit_as(browser, url, held=held, **options)
    try:
        if industry:
            declare(context, industry=industry)
        yield context.new_page()
    finally:
        context.close()


@contextmanager
def admin(browser: Browser, server: Server, **options: Any) -> Iterator[Page]:
    """A page of somebody who is signed in to the studio."""
    context = browser.new_context(base_url=server.url, **options)
    try:
        answer = context.request.post("/admin/login", form={"password": PASSWORD}, max_redirects=0)
        assert answer.status == 303
        yield context.new_page()
    finally:
        context.close()


def declare(context: BrowserContext, **facts: Any) -> None:
    """Say something about oneself as an application does."""
    answer = context.request.put("/v1/state", data=facts)
    assert answer.ok, answer.text()


def tell_industry(page: Page, industry: str) -> None:
    """Say one's industry as a person does."""
    page.goto("/start")
    page.locator(f'input[name="industry"][value="{industry}"]').check()
    page.locator('main form button[type="submit"]').click()
    page.wait_for_url(lambda url: "/start" not in url)


def blocks_of(page: Page) -> dict[str, tuple[str, str]]:
    """Return block → variant and reason, as the page shows them."""
    found = page.locator("[data-block]").evaluate_all(
        "all => all.map(e => [e.dataset.block, e.dataset.variant, e.dataset.reason])"
    )
    return {name: (variant, reason) for name, variant, reason in found}


def facts_of(context: BrowserContext) -> dict[str, str]:
    """Return what the visitor's own page says is known, by label."""
    text = context.request.get("/privacy").text()
    return dict(re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", text))


def watch(page: Page) -> list[str]:
    """Return a list that fills with what the page's scripts and its console complain of."""
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"error: {error}"))
    page.on(
        "console",
        lambda told: (
            problems.append(f"{told.type}: {told.text}")
            if told.type in ("error", "warning")
            else None
        ),
    )
    return problems
