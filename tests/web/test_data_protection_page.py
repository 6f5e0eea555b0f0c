"""Data protection in the studio: what is kept, what went, what is next; without any id."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from persx.app.erasing import erase
from persx.app.retention import retain
from persx.app.slow_reads import MOST_WAITING
from persx.model.clock import DAY
from persx.model.event import user_key
from persx.model.workspace import ConsentMode, OnWithdrawal, RetentionSettings
from persx.testing import make_event
from tests.staff import enter
from tests.web.test_consent import ask, choose, publish

pytestmark = pytest.mark.anyio
PAGE = "/admin/data-protection"


async def keep(services: Any, retention: RetentionSettings) -> None:
    workspace = services.publication.plan.workspace
    settings = msgspec.structs.replace(workspace.settings, retention=retention)
    await publish(services, msgspec.structs.replace(workspace, settings=settings))


async def test_who_is_not_signed_in_sees_nothing(client: Any) -> None:
    page = await client.get(PAGE)
    assert "Sign in" in page.text
    assert "What is kept" not in page.text


async def test_without_rules_it_says_that_everything_stays(client: Any, services: Any) -> None:
    await enter(client, services)
    page = (await client.get(PAGE)).text
    assert page.count("until it is erased") >= 3
    assert "Nobody has been erased." in page
    assert "Nothing so far." in page


async def test_it_tells_rules_runs_what_is_due_and_erasures(client: Any, services: Any) -> None:
    await enter(client, services)
    now = services.clock()
    old = [
        msgspec.structs.replace(make_event(number), received=now - 40 * DAY) for number in range(7)
    ]
    soon = [
        msgspec.structs.replace(make_event(10 + number), received=now - 29 * DAY - DAY // 2)
        for number in range(3)
    ]
    await services.stream.append([*old, *soon])
    await keep(
        services,
        RetentionSettings(events={"page": "1d", "default": "30d"}, decisions="60d"),
    )
    await retain(services)
    jane = make_event(50, user_id="jane@example.com", verified=True)
    await services.stream.append([jane])
    receipt = await erase(services, [user_key("jane@example.com")])
    page = (await client.get(PAGE)).text
    assert "Other events" in page
    assert "30 days" in page
    assert "1 day<" in page
    assert "7 events" in page
    assert receipt.id in page
    assert "2 events, 2 profiles, 1 link between ids<" in page
    for id in ("jane", *receipt.tombstones, old[0].anonymous_id):
        assert id not in page


async def test_it_stays_up_when_the_archive_cannot_be_asked(client: Any, services: Any) -> None:
    await keep(services, RetentionSettings(events={"default": "30d"}))
    await enter(client, services)
    services.slow_reads._waiting = MOST_WAITING
    page = await client.get(PAGE)
    assert page.status_code == 200
    assert "could not be counted just now" in page.text


@pytest.mark.parametrize("mode", ConsentMode)
async def test_the_share_of_pages_without_storage_is_told(
    client: Any, services: Any, mode: ConsentMode
) -> None:
    await ask(services, mode=mode, on_withdrawal=OnWithdrawal.ERASE)
    await enter(client, services)
    assert "<dd>– " in (await client.get(PAGE)).text
    for _ in range(3):
        await client.get("/contact")
    # Bots and prefetches are no people.
    await client.get("/", headers={"User-Agent": "Googlebot/2.1"})
    await client.get("/", headers={"Sec-Purpose": "prefetch"})
    await choose(client, "accept" if mode is ConsentMode.OPT_IN else "reject")
    await client.get("/contact")
    expected = "75%" if mode is ConsentMode.OPT_IN else "25%"
    page = (await client.get(PAGE)).text
    assert f"<dd>{expected} <small>of 4" in page
    assert "erased at once when a visitor withdraws" in page
    assert f">{expected}</a>" in (await client.get("/admin")).text
    told = (await client.get("/metrics")).text
    assert f'storage="withheld"}} {3.0 if mode is ConsentMode.OPT_IN else 1.0}' in told
