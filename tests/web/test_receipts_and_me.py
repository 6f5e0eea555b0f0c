"""Receipts and the export: the bearer gets everything of theirs, and nobody else gets anything."""

from __future__ import annotations

import re
from typing import Any

import pytest

from persx.app.looks import forget_in_looks, looks
from persx.app.visiting import new_id
from persx.decide.allocation import bucket
from persx.model.event import anonymous_key
from persx.testing import see
from tests.conftest import SERVER_KEY, WRITE_KEY

pytestmark = pytest.mark.anyio
WRITE = {"Authorization": f"Bearer {WRITE_KEY}"}
SERVER = {"Authorization": f"Bearer {SERVER_KEY}"}


def outside(services: Any, *, held: bool = False) -> str:
    """An anonymous id outside the holdout, or inside it."""
    holdout = services.publication.plan.workspace.settings.holdout
    while True:
        found = new_id()
        if (bucket(holdout.seed, "a:" + found) < holdout.share) == held:
            return found


def carry(client: Any, services: Any, anonymous_id: str) -> None:
    """Give a browser the signed cookie of a visitor."""
    client.cookies.clear()
    client.cookies.set("persx_visitor", services.signer.visitor(anonymous_id), "site.test")


async def come(client: Any, services: Any, industry: str = "SaaS", **options: Any) -> str:
    """Come as a new visitor who tells an industry."""
    anonymous_id = outside(services, **options)
    carry(client, services, anonymous_id)
    assert (await client.put("/v1/state", json={"industry": industry})).status_code == 200
    return anonymous_id


async def last_decision(services: Any, anonymous_id: str) -> str:
    await services.decision_log.flush(services.store)
    (line,) = await see(services.store).decisions_of([f"a:{anonymous_id}"], 1)
    return str(line.id)


async def test_a_receipt_tells_which_clause_decided(client: Any, services: Any) -> None:
    visitor = await come(client, services)
    await client.get("/")
    id = await last_decision(services, visitor)
    answer = await client.get(f"/v1/decisions/{id}")
    assert answer.status_code == 200
    assert "no-store" in answer.headers["cache-control"]
    found = answer.json()
    assert (found["id"], found["page"], found["snapshot"]) == (id, "home", 1)
    assert found["visitor"] == f"a:{visitor}"
    assert found["attributes"]["industry"] == "SaaS"
    hero = found["blocks"]["home-hero"]
    assert (hero["variant"], hero["reason"]) == ("saas", "targeted")
    (clause,) = hero["clauses"]
    assert clause == {
        "text": 'industry == "SaaS"', "value": 'industry is "SaaS"', "result": True,
        "attributes": {"industry": "SaaS"},
    }  # fmt: skip
    assert {each["experiment"] for each in found["experiments"]} == {"holdout"}
    one = (await client.get(f"/v1/decisions/{id}.home-hero")).json()
    assert list(one["blocks"]) == ["home-hero"]
    assert (await client.get(f"/v1/decisions/{id}.nothing")).status_code == 404


async def test_a_receipt_is_there_before_its_line_is_written(client: Any, services: Any) -> None:
    answer = await client.post(
        "/v1/decide", json={"anonymousId": outside(services), "page": "home"}, headers=SERVER
    )
    id = answer.json()["decisions"]["home-hero"]["id"]
    found = await client.get(f"/v1/decisions/{id}", headers=SERVER)
    assert list(found.json()["blocks"]) == ["home-hero"]


async def test_a_sealed_receipt_is_found_with_the_rules_of_its_time(
    client: Any, services: Any
) -> None:
    visitor = await come(client, services)
    await client.get("/")
    id = await last_decision(services, visitor)
    before = (await client.get(f"/v1/decisions/{id}")).json()
    await services.warehouse.seal()
    assert await see(services.store).decision(id) is None
    services.rulebooks.clear()
    assert (await client.get(f"/v1/decisions/{id}")).json() == before
    carry(client, services, outside(services))
    assert (await client.get(f"/v1/decisions/{id}")).status_code == 404


async def test_nothing_fitted_and_held_out_are_told_too(client: Any, services: Any) -> None:
    stranger = outside(services)
    carry(client, services, stranger)
    await client.get("/")
    found = (await client.get(f"/v1/decisions/{await last_decision(services, stranger)}")).json()
    hero = found["blocks"]["home-hero"]
    assert hero["reason"] == "no_match"
    saas = next(each for each in hero["alternatives"] if each["variant"] == "saas")
    assert saas["clauses"][0]["value"] == "industry is not known"
    held = await come(client, services, held=True)
    await client.get("/")
    found = (await client.get(f"/v1/decisions/{await last_decision(services, held)}")).json()
    hero = found["blocks"]["home-hero"]
    assert (hero["reason"], hero["experiment"], hero["arm"]) == ("holdout", "holdout", "generic")


async def test_nobody_else_reads_a_receipt(client: Any, services: Any) -> None:
    victim = await come(client, services)
    await client.get("/")
    id = await last_decision(services, victim)
    signed = client.cookies["persx_visitor"]
    strangers: list[dict[str, Any]] = [
        {},
        {"headers": WRITE},
        {"headers": {"X-API-Key": WRITE_KEY}},
        {"headers": {"Authorization": "Bearer wrong"}},
        {"params": {"anonymousId": victim}},
        {"headers": WRITE, "params": {"anonymousId": victim}},
        {"headers": {"Cookie": f"persx_visitor={victim}"}},
        {"headers": {"Cookie": f"persx_visitor=a:{victim}"}},
        {"headers": {"Cookie": f"persx_visitor={signed[:-2]}xx"}},
        {"headers": {"Cookie": f"persx_visitor={services.signer.visitor(new_id())}"}},
        {"headers": {"Cookie": f"persx_visitor={services.signer.visitor('')}"}},
        {"headers": {"Cookie": f"persx_state={signed}"}},
    ]
    for stranger in strangers:
        client.cookies.clear()
        answer = await client.get(f"/v1/decisions/{id}", **stranger)
        assert (answer.status_code, victim in answer.text) == (404, False), stranger
        taken = await client.get("/v1/me", **stranger)
        assert victim not in taken.text, stranger
        assert taken.status_code == 403 or taken.json()["events"] == [], stranger
    assert (await client.get(f"/v1/decisions/{id}", headers=SERVER)).status_code == 200


@pytest.mark.parametrize("id", ["x", "0" * 27, "' or 1=1 --", "%00", "0" * 27 + ".home-hero", "."])
async def test_ids_that_are_none_are_not_found(client: Any, services: Any, id: str) -> None:
    await come(client, services)
    assert (await client.get(f"/v1/decisions/{id}")).status_code == 404
    assert (await client.get(f"/v1/decisions/{id}", headers=SERVER)).status_code == 404


async def test_everything_that_is_held_is_in_the_export(client: Any, services: Any) -> None:
    visitor = await come(client, services, "Healthcare")
    page = await client.get("/about")
    image = re.search(r'src="(/v1/x/[^"]+)"', page.text)
    assert image is not None
    await client.get(image[1])
    form = {"name": "Ada", "email": "ada@example.com", "message": "hi", "company": "Analytical"}
    sent = {**form, "page": "contact", "block": "contact-form"}
    assert (await client.post("/forms/contact", data=sent)).status_code == 303
    await services.warehouse.seal(keep=1)
    await client.get("/")
    answer = await client.get("/v1/me")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    told = answer.json()
    facts = {fact["name"]: fact for fact in told["facts"]}
    industry = facts["industry"]
    assert (industry["value"], industry["source"], industry["used"]) == (
        "Healthcare", "declared", True,
    )  # fmt: skip
    assert industry["at"].startswith("20")
    assert "all-users-with-industry" in industry["usedFor"]["audiences"]
    assert "home-hero" in industry["usedFor"]["blocks"]
    assert facts["page_views"]["source"] == "computed"
    assert "all-users-with-industry" in told["audiences"]
    assert [each["identity"] for each in told["identities"]] == [f"a:{visitor}"]
    assert {each["type"] for each in told["events"]} == {"identify", "page", "track"}
    assert "ada@example.com" in str(told["events"])
    assert [each["page"] for each in told["decisions"]] == ["about", "home"]
    (arm,) = told["experiments"]
    assert (arm["experiment"], arm["arm"], arm["counted"]) == ("holdout", "targeted", True)
    ids = {each["anonymousId"] for each in told["events"]}
    assert ids == {visitor}


async def test_events_of_others_are_not_in_the_export(client: Any, services: Any) -> None:
    victim = await come(client, services)
    claims = {"userId": "ada", "traits": {"industry": "Education"}}
    assert (await client.post("/v1/identify", json=claims, headers=WRITE)).status_code == 200
    joined = {"anonymousId": victim, "userId": "ada", "traits": {"company": "Ada's"}}
    assert (await client.post("/v1/identify", json=joined, headers=SERVER)).status_code == 200
    bob = {"anonymousId": "bobs", "userId": "bob", "traits": {"company": "Bob's"}}
    assert (await client.post("/v1/identify", json=bob, headers=SERVER)).status_code == 200
    told = (await client.get("/v1/me")).json()
    assert {each["identity"] for each in told["identities"]} == {f"a:{victim}", "u:ada"}
    assert {str(each["traits"]) for each in told["events"]} == {
        "{'industry': 'SaaS'}", """{'company': "Ada's"}""",
    }  # fmt: skip
    carry(client, services, outside(services))
    forged = {"anonymousId": victim, "userId": "ada"}
    mine = await client.get("/v1/me", params=forged, headers=WRITE)
    assert mine.json()["events"] == []
    assert victim not in mine.text
    assert "Ada" not in mine.text


async def test_the_server_key_reads_anybody_and_that_is_noted(client: Any, services: Any) -> None:
    visitor = await come(client, services)
    client.cookies.clear()
    asked = {"anonymousId": visitor}
    assert (await client.get("/v1/me", headers=SERVER)).status_code == 400
    nobody = await client.get("/v1/me", headers=SERVER, params={"userId": "nobody"})
    assert nobody.status_code == 404
    told = (await client.get("/v1/me", headers=SERVER, params=asked)).json()
    assert told["visitor"] == f"a:{visitor}"
    (look,) = await looks(services)
    assert (look.by, look.asked, look.identities) == ("server key", visitor, (f"a:{visitor}",))
    carry(client, services, visitor)
    assert [each["by"] for each in (await client.get("/v1/me")).json()["staffLooks"]] == [
        "server key"
    ]
    assert await forget_in_looks(services, look.identities) == 1
    (look,) = await looks(services)
    assert (look.by, look.asked, look.identities) == ("server key", "", ())


async def test_who_wants_generic_content_gets_it_and_counts_nowhere(
    client: Any, services: Any
) -> None:
    visitor = await come(client, services)
    chosen = await client.post("/privacy", data={"action": "generic", "value": "yes"})
    assert chosen.status_code == 303
    page = await client.get("/")
    assert set(re.findall(r'data-reason="(\w+)"', page.text)) == {"disabled"}
    image = re.search(r'src="(/v1/x/[^"]+)"', page.text)
    assert image is not None
    await client.get(image[1])
    assert not [e for e in await see(services.stream).read() if e.name == "Experiment Viewed"]
    decided = await client.post("/v1/decide", json={"page": "home"}, headers=WRITE)
    assert {each["reason"] for each in decided.json()["decisions"].values()} == {"disabled"}
    client.cookies.delete("persx_state")
    page = await client.get("/")
    assert set(re.findall(r'data-reason="(\w+)"', page.text)) == {"disabled"}, "the store knows too"
    found = (await client.get(f"/v1/decisions/{await last_decision(services, visitor)}")).json()
    assert found["experiments"] == []
    await client.post("/privacy", data={"action": "generic", "value": "no"})
    assert 'data-variant="saas"' in (await client.get("/")).text


async def held(services: Any, visitor: str) -> int:
    """How many events and states there are of a visitor."""
    events = await see(services.stream).read()
    return sum(event.anonymous_id == visitor for event in events) + len(
        await see(services.store).states(anonymous_key(visitor))
    )


async def test_erasing_is_asked_for_twice_and_concerns_the_bearer_alone(
    client: Any, services: Any
) -> None:
    other = await come(client, services)
    client.cookies.clear()
    visitor = await come(client, services)
    assert 'href="/privacy/erase"' in (await client.get("/privacy")).text
    asking = await client.get("/privacy/erase")
    assert 'action="/privacy/erase"' in asking.text
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await client.post("/privacy/erase", headers=foreign)).status_code == 422
    assert (await client.delete("/v1/me", headers=foreign)).status_code == 403
    assert await held(services, visitor) > 1
    done = await client.post("/privacy/erase")
    assert (done.status_code, done.headers["location"]) == (303, "/privacy?done=erased")
    assert 'persx_visitor=""' in str(done.headers.get_list("set-cookie"))
    assert await held(services, visitor) == 0
    assert await held(services, other) > 1
    client.cookies.clear()
    assert (await client.delete("/v1/me", params={"anonymousId": other})).status_code == 403
    client.cookies.set("persx_visitor", "forged")
    assert (await client.delete("/v1/me")).status_code == 403
    client.cookies.clear()
    carry(client, services, other)
    answer = await client.delete("/v1/me")
    assert answer.json()["erased"] is True
    assert answer.json()["receipt"]["counts"]["states"] == 1
    assert other not in answer.text
    assert await held(services, other) == 0


async def test_looks_of_the_team_do_not_outlive_whom_they_were_at(
    client: Any, services: Any
) -> None:
    visitor = await come(client, services)
    headers = {"Authorization": f"Bearer {SERVER_KEY}"}
    await client.get("/v1/me", params={"anonymousId": visitor}, headers=headers)
    assert visitor in str(await services.store.values("look:"))
    assert (await client.delete("/v1/me")).status_code == 200
    kept = await services.store.values("look:")
    assert len(kept) == 1, "that somebody looked stays"
    assert visitor not in str(kept)
