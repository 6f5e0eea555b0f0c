"""What API clients get from /v1/decide and /v1/state."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import SERVER_KEY, WRITE_KEY

pytestmark = pytest.mark.anyio
SERVER = {"Authorization": f"Bearer {SERVER_KEY}"}
PUBLIC = {"Authorization": f"Bearer {WRITE_KEY}"}


async def identify(client: Any, **fields: Any) -> None:
    answer = await client.post("/v1/identify", json=fields, headers=SERVER)
    assert answer.status_code == 200


async def test_a_page_by_name_and_by_path(client: Any) -> None:
    by_name = await client.post(
        "/v1/decide", json={"anonymousId": "a1", "page": "contact"}, headers=PUBLIC
    )
    by_path = await client.post(
        "/v1/decide", json={"anonymousId": "a1", "page": "/contact"}, headers=PUBLIC
    )
    assert by_name.status_code == 200
    assert by_name.json()["decisions"].keys() == by_path.json()["decisions"].keys()
    assert by_name.json()["snapshot"] == 1
    for decision in by_name.json()["decisions"].values():
        assert decision.keys() == {"variant", "content", "reason", "arms", "propensity", "id"}


async def test_what_was_identified_holds_for_the_next_decision(client: Any) -> None:
    for number in range(40):
        who = f"visitor-{number}"
        await identify(client, anonymousId=who, traits={"industry": "Healthcare"})
        answer = await client.post(
            "/v1/decide", json={"anonymousId": who, "blocks": ["contact-form"]}, headers=PUBLIC
        )
        (decision,) = answer.json()["decisions"].values()
        assert answer.json()["visitor"]["industry"] == "Healthcare"
        if decision["reason"] == "targeted":
            assert decision["variant"] == "healthcare"
            return
        assert decision["reason"] == "holdout"
    raise AssertionError("forty visitors, and all of them held out")


async def test_the_write_key_does_not_open_a_user(client: Any) -> None:
    await identify(client, userId="jane", traits={"industry": "SaaS"})
    answer = await client.post(
        "/v1/decide", json={"userId": "jane", "page": "home"}, headers=PUBLIC
    )
    assert answer.status_code == 403
    assert "server key" in answer.json()["message"]


async def test_the_server_key_opens_anyone(client: Any) -> None:
    await identify(client, userId="jane", traits={"industry": "SaaS"})
    answer = await client.post(
        "/v1/decide", json={"userId": "jane", "page": "home"}, headers=SERVER
    )
    assert answer.json()["visitor"]["industry"] == "SaaS"
    assert answer.json()["visitor"]["identified"] is True


async def test_claiming_a_user_with_the_public_key_changes_nothing_of_theirs(client: Any) -> None:
    await identify(client, userId="jane", traits={"industry": "SaaS"})
    attack = {"userId": "jane", "anonymousId": "mallory", "traits": {"industry": "Education"}}
    assert (await client.post("/v1/identify", json=attack, headers=PUBLIC)).status_code == 200
    seen = await client.post("/v1/decide", json={"userId": "jane", "page": "home"}, headers=SERVER)
    assert seen.json()["visitor"]["industry"] == "SaaS"
    other = await client.post(
        "/v1/decide", json={"anonymousId": "mallory", "page": "home"}, headers=PUBLIC
    )
    assert other.json()["visitor"].get("industry") != "SaaS"


async def test_unknown_blocks_are_invalid_and_spoil_no_other(client: Any) -> None:
    answer = await client.post(
        "/v1/decide", json={"anonymousId": "a1", "blocks": ["contact-form", "nope"]}, headers=PUBLIC
    )
    decisions = answer.json()["decisions"]
    assert decisions["nope"]["reason"] == "invalid"
    assert decisions["contact-form"]["content"]["headline"]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"{", 400, "cannot be read"),
        (b"[]", 400, "cannot be read"),
        (b'{"anonymousId": 7, "page": "home"}', 400, "anonymousId"),
        (b'{"anonymousId": "a"}', 400, "Neither a page nor blocks"),
        (b'{"anonymousId": "a", "page": "hoem"}', 404, "Did you mean 'home'?"),
        (b'{"page": "home"}', 400, "anonymousId"),
        (b'{"anonymousId": "\xff"}', 400, "cannot be read"),
        (b'{"a":' * 20_000, 400, "cannot be read"),
    ],
)
async def test_bad_requests_are_told_what_is_wrong(
    client: Any, body: bytes, status: int, says: str
) -> None:
    answer = await client.post("/v1/decide", content=body, headers=PUBLIC)
    assert answer.status_code == status
    assert says in answer.json()["message"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nope"}, {"X-API-Key": ""}])
async def test_without_a_key_nothing_is_decided(client: Any, headers: dict[str, str]) -> None:
    answer = await client.post(
        "/v1/decide", json={"anonymousId": "a", "page": "home"}, headers=headers
    )
    assert answer.status_code == 403


async def test_context_of_a_wrong_type_is_left_out(client: Any) -> None:
    context = {"device": 7, "locale": "de", "persona": "eCommerce-Growth-ReturnVisitor", "x": {}}
    answer = await client.post(
        "/v1/decide", json={"anonymousId": "a", "page": "home", "context": context}, headers=PUBLIC
    )
    assert answer.status_code == 200
    assert answer.json()["visitor"].get("persona") is None


async def test_the_bearers_own_state(client: Any) -> None:
    assert (await client.get("/v1/state")).json().get("industry") is None
    put = await client.put("/v1/state", json={"industry": "SaaS", "goals": ["Reduce churn"]})
    if put.status_code == 400:  # the demo's goals are its own
        put = await client.put("/v1/state", json={"industry": "SaaS"})
    assert put.json()["industry"] == "SaaS"
    assert (await client.get("/v1/state")).json()["industry"] == "SaaS"
    await client.put("/v1/state", json={"industry": None})
    assert (await client.get("/v1/state")).json().get("industry") is None


async def test_a_state_that_the_workspace_does_not_know_is_refused(client: Any) -> None:
    answer = await client.put("/v1/state", json={"industry": "Heathcare"})
    assert answer.status_code == 400
    assert "Did you mean 'Healthcare'?" in answer.json()["message"]


async def test_another_site_cannot_change_the_state(client: Any) -> None:
    answer = await client.put(
        "/v1/state", json={"industry": "SaaS"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403
