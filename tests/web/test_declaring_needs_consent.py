"""Nothing is declared behind a denial: every door asks for the same permission, and says so."""

from __future__ import annotations

from typing import Any

import pytest

from persx.model.attribute import Purpose
from tests.web.test_my_data_page import page, tell
from tests.web.test_receipts_and_me import SERVER, come

pytestmark = pytest.mark.anyio
SAYS_SO = "By saving you allow personalization"


async def choose(client: Any, *granted: str) -> None:
    sent = await client.post(
        "/privacy/consent", data={"action": "save", "purposes": list(granted), "version": "1"}
    )
    assert sent.status_code == 303


async def granted_now(client: Any) -> dict[str, bool]:
    told: dict[str, bool] = (await client.get("/v1/consent")).json()["granted"]
    return told


async def accepted(services: Any) -> float:
    count = services.metrics.events.labels("accepted")
    return float(count._value.get())


async def test_saving_a_fact_allows_personalization_as_the_start_form_does(
    client: Any, services: Any
) -> None:
    visitor = await come(client, services)
    await tell(client, visitor, company="Before")
    assert SAYS_SO not in await page(client)
    await choose(client, "analytics")
    text = await page(client)
    assert SAYS_SO in text
    assert "Mit dem Speichern erlauben Sie" in await page(client, **{"Accept-Language": "de"})
    assert not (await granted_now(client))["personalization"]
    sent = {"action": "correct", "name": "company", "value": "After"}
    answer = await client.post("/privacy", data=sent)
    assert answer.headers["location"] == "/privacy?done=saved"
    assert (await granted_now(client))["personalization"]
    history = (await client.get("/v1/consent")).json()["history"]
    assert (history[-1]["source"], history[-1]["purposes"]) == (
        "privacy page", {"personalization": True},
    )  # fmt: skip
    text = await page(client)
    assert "After" in text
    assert SAYS_SO not in text


async def test_a_fact_that_is_refused_allows_nothing(client: Any, services: Any) -> None:
    await come(client, services)
    await choose(client, "analytics")
    for sent in (
        {"action": "correct", "name": "industry", "value": "Aerospace"},
        {"action": "correct", "name": "nothing", "value": "x"},
    ):
        assert (await client.post("/privacy", data=sent)).status_code == 422
    assert not (await granted_now(client))["personalization"]


async def test_deleting_needs_no_permission_and_gives_none(client: Any, services: Any) -> None:
    visitor = await come(client, services)
    await tell(client, visitor, company="Before")
    await choose(client, "analytics")
    answer = await client.post("/privacy", data={"action": "delete", "name": "company"})
    assert answer.headers["location"] == "/privacy?done=deleted"
    assert not (await granted_now(client))["personalization"]
    assert "Before" not in await page(client)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/privacy", {"action": "generic", "value": "yes"}),
        ("/privacy", {"action": "delete", "name": "industry"}),
        ("/privacy", {"action": "reset"}),
        ("/privacy/answer", {"name": "industry", "value": "SaaS"}),
        ("/privacy/answer", {"name": "industry", "value": "SaaS", "suggestion": "eCommerce"}),
    ],
)
async def test_of_who_allows_nothing_nothing_is_kept(
    client: Any, services: Any, path: str, sent: dict[str, str]
) -> None:
    await come(client, services)
    await choose(client)
    before = await accepted(services)
    answer = await client.post(path, data=sent)
    assert answer.status_code < 500
    if sent.get("action") == "generic":
        assert "allowed us to keep nothing" in answer.text
    await client.get("/")
    assert await accepted(services) == before
    assert set(client.cookies) == {"persx_consent"}


async def test_put_state_is_refused_and_forgetting_is_not(client: Any, services: Any) -> None:
    await come(client, services)
    await choose(client, "analytics")
    assert (await client.put("/v1/state", json={"industry": "SaaS"})).status_code == 403
    assert (await client.put("/v1/state", json={"industry": None})).status_code == 200
    assert "persx_state" not in client.cookies or not (await client.get("/")).is_error
    assert not (await granted_now(client))["personalization"]


async def test_generic_content_can_be_chosen_without_personalization(
    client: Any, services: Any
) -> None:
    visitor = await come(client, services)
    await choose(client, "analytics")
    answer = await client.post("/privacy", data={"action": "generic", "value": "yes"})
    assert answer.headers["location"] == "/privacy?done=saved"
    assert not (await granted_now(client))["personalization"]
    body = {"anonymousId": visitor, "page": "home"}
    found = (await client.post("/v1/decide", json=body, headers=SERVER)).json()["decisions"]
    assert {each["reason"] for each in found.values()} == {"disabled"}
    assert Purpose.PERSONALIZATION.value not in str(sorted(client.cookies))
