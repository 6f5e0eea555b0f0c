"""Cookies: whatever any route sets is in the table of the docs, first-party and out of scripts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from http.cookies import Morsel, SimpleCookie
from typing import Any

import httpx
import msgspec
import pytest
from starlette.routing import Route

from persx.app.background import background
from persx.model.clock import DAY, SECOND
from persx.web.server import create_app
from persx.web.visitors import (
    ADMIN,
    ASKED,
    CONSENT,
    COOKIES,
    DEVICE,
    LINK,
    LOCALE,
    PREVIEW,
    SIGN_IN,
    STATE,
    VISITOR,
)
from tests.conftest import SERVER_KEY, WRITE_KEY
from tests.staff import enter, make_account, sign_in

pytestmark = pytest.mark.anyio
BODIES: tuple[dict[str, Any], ...] = (
    {},
    {"data": {"industry": "SaaS", "complete": "1"}},
    {"data": {"action": "accept", "next": "/"}},
    {"data": {"action": "reject", "next": "/"}},
    {"data": {"action": "apply", "industry": "SaaS", "next": "/"}},
    {"data": {"action": "generic", "value": "yes"}},
    {"json": {"industry": "SaaS"}},
    {"json": {"purposes": {"analytics": True}}},
    {"json": {"anonymousId": "v1", "page": "home", "writeKey": WRITE_KEY, "event": "x"}},
)
IN_DAYS = re.compile(r"\((\d+) days unless set\)")


@pytest.fixture
async def site(services: Any) -> AsyncIterator[Any]:
    """The application behind https."""
    services.settings = msgspec.structs.replace(services.settings, public_url="https://site.test")
    app = create_app(services)
    async with background(services):
        yield app


def browser(app: Any, **cookies: str) -> httpx.AsyncClient:
    made = httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="https://site.test",
        timeout=30,
    )
    for name, value in cookies.items():
        made.cookies.set(name, value, "site.test")
    return made


def cookies_in(answer: httpx.Response) -> list[Morsel[str]]:
    return [
        morsel
        for header in answer.headers.get_list("set-cookie")
        for morsel in SimpleCookie(header).values()
    ]


def addresses(route: Route, report: str) -> list[str]:
    """Return addresses of a route, with something that is there and something that is not."""
    if "{" not in route.path:
        return [route.path, f"{route.path}?locale=de&utm_source=x"]
    there = {"/{path:path}": "/contact?locale=de", "/admin/report/{name}": report}
    return [re.sub(r"\{[^}]+\}", "no-such-thing", route.path), there.get(route.path, "/contact")]


async def team(app: Any, services: Any) -> tuple[dict[str, str], str]:
    """Return the cookies of somebody of the team who has just signed in, and their forms' token."""
    async with browser(app) as client:
        token = await enter(client, services)
        return {ADMIN.name: client.cookies[ADMIN.name]}, token


async def seen(app: Any, services: Any) -> dict[str, list[tuple[str, Morsel[str]]]]:
    """Send everything to every route, as a new visitor, a known one, and somebody of the team."""
    found: dict[str, list[tuple[str, Morsel[str]]]] = {}
    routes = [route for route in app.routes if isinstance(route, Route)]
    assert len(routes) > 40, "all routes are walked"
    for route in routes:
        # Some of what is sent signs out.
        staff, token = await team(app, services)
        who = ({}, {VISITOR.name: services.signer.visitor("known")}, staff)
        for method in sorted((route.methods or {"GET"}) - {"HEAD", "OPTIONS"}):
            for address in addresses(route, "/admin/report/holdout"):
                sends = method in ("POST", "PUT")
                if sends and "?" in address:
                    continue
                for cookies in who[1:] if sends else who:
                    for body in BODIES if sends else BODIES[:1]:
                        headers = {}
                        if route.path.startswith("/v1/") and method == "DELETE":
                            headers = {"Authorization": f"Bearer {SERVER_KEY}"}
                        if cookies is staff and "data" in body:
                            body = {"data": {**body["data"], "csrf": token}}
                        async with browser(app, **cookies) as client:
                            answer = await client.request(method, address, headers=headers, **body)
                        assert answer.status_code < 500 or answer.status_code == 503, address
                        for morsel in cookies_in(answer):
                            told = (f"{method} {address}", morsel)
                            found.setdefault(morsel.key, []).append(told)
    await make_account(services, "somebody", "editor")
    async with browser(app) as client:
        for morsel in cookies_in(await sign_in(client, "somebody")):
            found.setdefault(morsel.key, []).append(("POST /admin/login", morsel))
    async with browser(app) as client:
        for morsel in cookies_in(await client.get("/contact?industry=saas")):
            found.setdefault(morsel.key, []).append(("a link that names an industry", morsel))
    return found


async def test_every_cookie_of_every_route_is_in_the_table(site: Any, services: Any) -> None:
    found = await seen(site, services)
    assert set(found) == {cookie.name for cookie in COOKIES}, "none more, and each of them is set"
    settings = services.publication.plan.workspace.settings
    lifetimes = {
        VISITOR.name: settings.visitor_cookie_days * DAY // SECOND,
        STATE.name: settings.industry_cookie_days * DAY // SECOND,
        CONSENT.name: settings.consent.days * DAY // SECOND,
        LOCALE.name: 365 * DAY // SECOND,
        ADMIN.name: 12 * 3_600,
        PREVIEW.name: 12 * 3_600,
        SIGN_IN.name: 12 * 3_600,
        DEVICE.name: 180 * DAY // SECOND,
        ASKED.name: None,
        LINK.name: None,
    }
    studio = {ADMIN.name, SIGN_IN.name, DEVICE.name}
    for name, each in found.items():
        for where, morsel in each:
            if morsel["max-age"] == "0":
                continue
            place = f"{name} by {where}"
            assert morsel["httponly"], place
            assert morsel["secure"], place
            assert morsel["samesite"].lower() == "lax", place
            assert morsel["domain"] == "", f"first-party: {place}"
            assert morsel["path"] == ("/admin" if name in studio else "/"), place
            wanted = lifetimes[name]
            assert morsel["max-age"] == ("" if wanted is None else str(wanted)), place


async def test_cookies_are_secure_behind_tls_without_a_public_url(services: Any) -> None:
    app = create_app(services)
    async with background(services), browser(app) as client:
        for scheme, secure in (("https", True), ("http", False)):
            answer = await client.post(
                f"{scheme}://site.test/privacy/consent", data={"action": "accept", "next": "/"}
            )
            morsels = cookies_in(answer)
            assert {bool(each["secure"]) for each in morsels} == {secure}
            assert all(each["httponly"] and each["samesite"] for each in morsels)


def test_the_table_tells_the_lifetimes_that_hold() -> None:
    from persx.model.workspace import Settings

    plain = Settings()
    told = {cookie.name: cookie.lifetime for cookie in COOKIES}
    days = {
        VISITOR.name: plain.visitor_cookie_days,
        STATE.name: plain.industry_cookie_days,
        CONSENT.name: plain.consent.days,
    }
    for name, number in days.items():
        match = IN_DAYS.search(told[name])
        assert match is not None
        assert int(match[1]) == number
    assert told[ADMIN.name].endswith("12 hours at most")
    assert told[SIGN_IN.name] == "12 hours"
    assert told[DEVICE.name] == "180 days"
    assert told[PREVIEW.name] == "as long as the session"
    assert told[LOCALE.name] == "1 year"
    assert told[LINK.name] == "until the browser closes"
