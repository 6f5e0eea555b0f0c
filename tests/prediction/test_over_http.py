"""A guess over HTTP: told as a guess to the visitor, to API clients and to the team."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from persx.app.collecting import collect
from persx.model.event import EventType
from persx.testing import see as scoped
from persx.web.server import create_app
from tests.conftest import SERVER_KEY, WRITE_KEY
from tests.prediction.conftest import files, workspace
from tests.prediction.test_predicting import SAAS, SURE, event, use
from tests.staff import enter, send

pytestmark = pytest.mark.anyio

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/17.0 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
async def services() -> AsyncIterator[Any]:
    site = files(
        pages__cases="{path: /cases/saas, title: Cases, blocks: [plain]}",
        locales="en: {label: English}\nde: {label: Deutsch}",
    )
    async with workspace(site) as made:
        await use(made, SURE)
        yield made


@pytest.fixture
async def client(services: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(services, command_token="token-for-tests")
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as made:
        yield made


async def see(client: httpx.AsyncClient, path: str, **headers: str) -> str:
    """Load a page as a browser does, with the image that confirms it."""
    text = (await client.get(path, headers=headers)).text
    image = re.search(r"/v1/x/[^\"']+", text)
    assert image is not None
    assert (await client.get(html.unescape(image[0]), headers=headers)).status_code == 200
    return html.unescape(text)


async def test_from_a_page_to_the_next_and_to_what_the_visitor_reads(client: Any) -> None:
    await see(client, "/cases/saas")
    assert "For SaaS" in await see(client, "/")
    text = html.unescape((await client.get("/privacy")).text)
    section = text[text.index("Our guess") :]
    assert "Likely industry" in section
    assert "99% sure, from what others did; what you say counts instead" in section
    assert 'href="/start?' in section[: section.index("</section>")], "they can say it"
    assert 'value="delete"' not in section[: section.index("</section>")]
    assert "<li>Likely industry: SaaS (our guess)</li>" in text, "why the page was so"
    assert "page /cases/saas" in text, "what the guess follows from"
    german = html.unescape((await client.get("/privacy", headers={"Accept-Language": "de"})).text)
    assert "Unsere Vermutung" in german
    assert "(unsere Vermutung)" in german
    assert "Seite /cases/saas" in german
    state = (await client.get("/v1/state")).json()
    assert "industry" not in state
    guess = state["guesses"]["likely_industry"]
    assert (guess["value"], guess["of"], guess["artifact"]) == ("SaaS", "industry", 1)
    put = await client.put("/v1/state", json={**state, "industry": "eCommerce"})
    assert put.status_code == 200, "what was answered may be sent back"
    assert "guesses" not in put.json()
    assert "For eCommerce" in await see(client, "/")
    text = html.unescape((await client.get("/privacy")).text)
    assert "Our guess" not in text


async def test_api_clients_are_told_that_it_is_a_guess(client: Any, services: Any) -> None:
    await services.stream.append([event("ann", 0, properties={"path": SAAS[2]})])
    for key in (WRITE_KEY, SERVER_KEY):
        answer = await client.post(
            "/v1/decide",
            json={"anonymousId": "ann", "page": "home"},
            headers={"Authorization": f"Bearer {key}"},
        )
        body = answer.json()
        assert body["decisions"]["hero"]["content"]["headline"] == "For SaaS"
        assert body["visitor"]["guesses"]["likely_industry"]["confidence"] > 0.9
        assert "industry" not in body["visitor"]
    plain = await client.post(
        "/v1/decide",
        json={"anonymousId": "ann", "page": "plain"},
        headers={"Authorization": f"Bearer {SERVER_KEY}"},
    )
    assert "guesses" not in plain.json()["visitor"], "nobody asked"


async def test_the_team_sees_it_marked(client: Any, services: Any) -> None:
    await services.stream.append([event("ann", 0, properties={"path": SAAS[2]})])
    await enter(client, services)
    found = await send(client, "/admin/visitors", id="ann")
    assert "Our guess" in found.text
    assert "99% sure" in found.text
    attributes = (await client.get("/admin/attributes")).text
    assert "guesses industry from 0.8 on" in attributes


async def test_where_visitors_come_from_reaches_the_log_only_where_it_is_guessed_from(
    client: Any, services: Any
) -> None:
    query = "/?utm_source=letter&utm_campaign=may"
    headers = {"referer": "https://news.example/story?who=ann", "user-agent": PHONE}
    await see(client, query, **headers)
    events = await scoped(services.stream).read()
    (seen,) = [each for each in events if each.type is EventType.PAGE]
    assert seen.context == {
        "page": {"referrer": "https://news.example/"},
        "campaign": {"source": "letter", "name": "may"},
        "device": {"type": "phone"},
    }
    (state,) = await scoped(services.store).states(seen.identity)
    (kept,) = [value for key, value in state.computed.items() if key.startswith("traces()")]
    assert set(kept) == {
        "page /", "from news.example", "source letter", "campaign may", "device phone",
    }  # fmt: skip


async def test_nothing_of_it_is_kept_where_nothing_is_guessed() -> None:
    hero = files()["blocks/hero.yaml"].replace("likely_industry", "industry")
    attributes = files()["attributes.yaml"].partition("likely_industry")[0]
    async with workspace(files(attributes, blocks__hero=hero)) as services:
        app = create_app(services, command_token="token-for-tests")
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as client:
            await see(client, "/?utm_source=letter", referer="https://news.example/")
        (seen,) = [it for it in await scoped(services.stream).read() if it.type is EventType.PAGE]
        assert seen.context == {}
        (state,) = await scoped(services.store).states(seen.identity)
        assert state.computed == {}


async def test_what_is_known_goes_along_in_the_export_and_is_erased(
    client: Any, services: Any
) -> None:
    await see(client, "/cases/saas")
    exported = (await client.get("/v1/me")).json()
    facts = {fact["name"]: fact for fact in exported["facts"]}
    assert facts["likely_industry"]["source"] == "predicted"
    assert facts["traces()"]["value"][0].startswith(("device", "page"))
    assert (await client.delete("/v1/me")).status_code in (200, 204)
    assert await scoped(services.store).all_states() == []
    await collect(services, [])
