"""Learning over HTTP: told to the visitor in plain words, and to the team by context."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from persx.app.learning import learn
from persx.app.learnings import LearnRequest
from persx.web.server import create_app
from tests.learning.conftest import HERO, Site, files, opened
from tests.staff import enter

pytestmark = pytest.mark.anyio


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with opened(Site()) as made:
        await made.serve(files(locales="en: {label: English}\nde: {label: Deutsch}"))
        yield made


def browser(site: Site) -> httpx.AsyncClient:
    app = create_app(site.services, command_token="token-for-tests")
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://site.test")


async def opens(client: httpx.AsyncClient) -> str:
    """Open the home page, confirm it, and return the reason of its hero."""
    text = (await client.get("/")).text
    image = re.search(r"/v1/x/[^\"']+", text)
    assert image is not None
    assert (await client.get(html.unescape(image[0]))).status_code == 200
    reason = re.search(r'data-reason="(\w+)"', text)
    assert reason is not None
    return reason[1]


async def visits(site: Site, wanted: str) -> str:
    """Let people come until one is treated like that; return what they read of it."""
    for _ in range(200):
        async with browser(site) as client:
            if await opens(client) == wanted:
                return html.unescape((await client.get("/privacy")).text)
    raise AssertionError(f"Nobody was {wanted}.")


async def test_visitors_are_told_in_plain_words(site: Site) -> None:
    unused = await visits(site, "targeted")
    assert "Nothing that we have learned from others was used" in unused
    await learn(site.services, LearnRequest())
    drawn = await visits(site, "learned")
    assert "Chosen by chance among the versions that fit you" in drawn
    assert "Chance of this version: 50%" in drawn
    held_out = await visits(site, "targeted")
    assert "small group, chosen by chance, that this does not touch" in held_out


async def test_a_page_that_is_confirmed_teaches(site: Site) -> None:
    await learn(site.services, LearnRequest())
    for _ in range(12):
        async with browser(site) as client:
            await opens(client)
    await site.day_passes()
    told = (await learn(site.services, LearnRequest())).learned_from
    assert told.visitors + told.held_out == 12
    assert told.left_out == {}


async def test_the_team_sees_probabilities_by_context(site: Site) -> None:
    await learn(site.services, LearnRequest())
    for number in range(300):
        who = f"v{number}"
        if number % 2:
            await site.say(who, industry="SaaS")
        if (await site.see(who)).variant == "long" or number % 9 == 0:
            await site.sign_up(who)
    await site.day_passes()
    await learn(site.services, LearnRequest())
    async with browser(site) as client:
        await enter(client, site.services)
        text = html.unescape((await client.get("/admin/learning")).text)
        assert "Publication 2 is used" in text
        assert re.search(r'scope="row">SaaS<', text)
        assert re.search(r'scope="row">unknown<', text)
        assert re.search(r'class="chance best">9\d%', text)
        assert "held out: the rules alone" in text
        # A week has not passed, so that no lift is quoted.
        assert "cannot be said yet" in text
        report = await client.get("/admin/report/learn:hero")
        assert report.status_code == 200
        assert "held_out" in report.text


async def test_what_does_not_learn_yet_says_so(site: Site) -> None:
    async with browser(site) as client:
        await enter(client, site.services)
        text = (await client.get("/admin/learning")).text
        assert "Nothing was learned yet: the first variant that fits is shown." in text
        await site.serve(files(HERO.replace("policy: learn", "policy: first_match")))
        assert "No block learns." in (await client.get("/admin/learning")).text


async def test_a_key_needs_its_scope(site: Site) -> None:
    async with browser(site) as client:
        for command in ("learn-train", "learn-show", "learn-off", "learn-activate", "replay"):
            answer: Any = await client.post(f"/v1/commands/{command}", json={})
            assert answer.status_code in (401, 403)
