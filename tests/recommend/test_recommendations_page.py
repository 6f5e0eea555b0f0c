"""The studio's page of recommendations: states, training on demand, earlier numbers, roles."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from persx.app.audit import AuditRequest, entries
from persx.app.recommender_schedule import start_training
from persx.app.services import Services
from persx.app.trainer import train_inside
from persx.model.clock import DAY
from persx.web.server import create_app
from tests.recommend.shop import NOW, files, have, shop, tell, viewed
from tests.staff import csrf, make_account, sign_in

pytestmark = pytest.mark.anyio

PATH = "/admin/recommendations"


@asynccontextmanager
async def studio(services: Services, role: str = "admin") -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as client:
        await make_account(services, f"{role}@shop.test", role)
        await sign_in(client, f"{role}@shop.test")
        yield client


async def page(client: httpx.AsyncClient) -> str:
    answer = await client.get(PATH)
    assert answer.status_code == 200
    return html.unescape(answer.text)


def states(text: str) -> list[str]:
    return re.findall(r'data-testid="state">([^<]+)<', text)


async def send(client: httpx.AsyncClient, what: str, **form: str) -> httpx.Response:
    token = await csrf(client)
    return await client.post(f"{PATH}/{what}", data={**form, "csrf": token})


async def test_from_never_trained_to_an_earlier_number() -> None:
    async with shop() as services, studio(services) as client:
        await have(services, "shoe", "sock")
        assert states(await page(client)) == ["never trained", "never trained"]
        await tell(services, viewed("ann", "shoe"))
        answer = await send(client, "train", pipeline="popular")
        assert (answer.status_code, answer.headers["location"]) == (303, PATH)
        await services.trainings.finished()
        text = await page(client)
        assert states(text) == ["recommends", "never trained"]
        assert "number 1" in text
        assert "every 1d, from all events" in text
        await tell(services, viewed("bob", "sock"))
        await train_inside(services, "popular")
        assert "number 2" in await page(client)
        assert (await send(client, "activate", pipeline="popular", number="1")).status_code == 303
        assert services.models.recommenders["popular"].number == 1
        assert (await send(client, "activate", pipeline="popular", number="0")).status_code == 303
        assert states(await page(client)) == ["switched off", "never trained"]
        done = await entries(services, AuditRequest(what="recommender"))
        assert [entry.what for entry in reversed(done.entries)] == [
            "recommender.ask", "recommender.train", "recommender.activate", "recommender.stop",
        ]  # fmt: skip


async def test_what_came_to_nothing_is_said() -> None:
    async with shop() as services, studio(services) as client:
        await start_training(services, "popular")
        await services.trainings.finished()
        text = await page(client)
        assert "There is nothing to learn 'popular' from yet" in text
        assert "came to nothing" not in text
        assert states(text) == ["nothing to learn from yet", "never trained"]
        assert 'class="tag bad"' not in text, "nothing is wrong"
        assert 'class="said"' not in text
        for form in ({"pipeline": "popular", "number": "7"}, {"pipeline": "no", "number": "1"}):
            answer = await send(client, "activate", **form)
            assert answer.status_code == 409
            assert 'role="alert"' in answer.text
        assert (await send(client, "activate", pipeline="popular", number="x")).status_code == 409
        assert (await send(client, "train", pipeline="no")).status_code == 404
        assert (await send(client, "train")).status_code == 404


async def test_a_stale_one_is_marked() -> None:
    async with shop() as services, studio(services) as client:
        await tell(services, viewed("ann", "shoe"))
        await train_inside(services, "popular")
        services.clock = lambda: NOW + 3 * DAY
        await sign_in(client, "admin@shop.test")
        text = await page(client)
        assert states(text)[0] == "stale"
        assert "older than twice that" in text


async def test_who_may_only_read_changes_nothing() -> None:
    async with shop() as services, studio(services, "viewer") as client:
        await tell(services, viewed("ann", "shoe"))
        await train_inside(services, "popular")
        text = await page(client)
        assert "Train now" not in text
        assert "Switch off" not in text
        assert (await send(client, "train", pipeline="popular")).status_code == 403
        assert (await send(client, "activate", pipeline="popular", number="0")).status_code == 403
        assert services.models.recommenders["popular"].number == 1


async def test_a_workspace_without_pipelines_is_told_how_to_have_one() -> None:
    async with shop(site=files("")) as services, studio(services) as client:
        assert "Declare one in <code>pipelines.yaml</code>" in await page(client)
