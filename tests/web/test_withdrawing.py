"""Withdrawing consent: use ends at once, and what was kept goes where the visitor or owner says."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from persx.app.backfill import fill, fold_of, switch
from persx.app.erasing import receipt_of
from persx.app.offers import LENGTH, MOST, Offers
from persx.model.attribute import Attribute, Computation, Purpose, Source, ValueType
from persx.model.event import anonymous_key, user_key
from persx.model.workspace import ConsentMode, OnWithdrawal
from persx.testing import see
from tests.conftest import SERVER_KEY, WRITE_KEY
from tests.web.test_consent import ask, choose, logged, publish, written

pytestmark = pytest.mark.anyio
AS_SERVER = {"Authorization": f"Bearer {SERVER_KEY}"}
AS_PAGE = {"Authorization": f"Bearer {WRITE_KEY}"}
OFFER = re.compile(r'name="offer" value="([^"]+)"')
SEEN = Attribute(
    name="seen",
    type=ValueType.NUMBER,
    source=Source.COMPUTED,
    purpose=Purpose.PERSONALIZATION,
    compute=Computation(kind="count", event="Product Viewed"),
)


async def site(services: Any, on: OnWithdrawal, mode: ConsentMode = ConsentMode.OPT_IN) -> None:
    """Publish the demo with a computed attribute, and what happens on withdrawal."""
    await ask(services, mode=mode, on_withdrawal=on)
    workspace = services.publication.plan.workspace
    attributes = {**workspace.attributes, SEEN.name: SEEN}
    await publish(services, msgspec.structs.replace(workspace, attributes=attributes))


async def somebody(client: Any, services: Any) -> str:
    """Agree, tell an industry and look at a product; return the anonymous id."""
    await choose(client, "accept")
    anonymous_id = str(services.signer.read_visitor(client.cookies["persx_visitor"]))
    assert (await client.put("/v1/state", json={"industry": "SaaS"})).status_code == 200
    await viewed(client, anonymous_id)
    await client.get("/")
    return anonymous_id


async def viewed(client: Any, anonymous_id: str) -> None:
    body = {"anonymousId": anonymous_id, "event": "Product Viewed"}
    assert (await client.post("/v1/track", json=body, headers=AS_PAGE)).status_code == 200


async def state_of(services: Any, anonymous_id: str) -> Any:
    states = await see(services.store).states(anonymous_key(anonymous_id))
    return next((each for each in states if each.identity == anonymous_key(anonymous_id)), None)


def seen(state: Any) -> bool:
    return any(key.startswith("seen@") for key in state.computed)


async def test_keeping_is_the_default_and_erasing_is_offered(client: Any, services: Any) -> None:
    await site(services, OnWithdrawal.KEEP)
    visitor = await somebody(client, services)
    answer = await choose(client, "reject")
    assert "persx_visitor" not in client.cookies
    state = await state_of(services, visitor)
    assert state.facts["industry"].value == "SaaS"
    assert seen(state)
    page = (await client.get(answer.headers["location"])).text
    offer = OFFER.search(page)
    assert offer is not None
    assert visitor not in page
    assert visitor not in answer.headers["location"]

    done = await client.post("/privacy/withdrawn", data={"offer": offer[1]})
    assert done.headers["location"] == "/privacy/choices?done=erased"
    assert "is erased; only your answer" in (await client.get(done.headers["location"])).text
    await only_the_answer_is_left(services, visitor)
    # It was worth one erasure.
    again = await client.post("/privacy/withdrawn", data={"offer": offer[1]})
    assert again.headers["location"] == "/privacy/choices?done=late"
    assert "This offer stood for an hour" in (await client.get(again.headers["location"])).text


async def only_the_answer_is_left(services: Any, visitor: str) -> None:
    state = await state_of(services, visitor)
    assert (state.facts, state.computed, state.events) == ({}, {}, 1)
    assert {purpose for purpose, grant in state.consent.items() if not grant.granted} >= {
        Purpose.PERSONALIZATION,
        Purpose.ANALYTICS,
    }
    (said,) = [event for event in await written(services) if event.anonymous_id == visitor]
    assert (said.name, said.context) == ("Consent Changed", {})
    assert await logged(services) == 0


async def test_who_keeps_it_keeps_it(client: Any, services: Any) -> None:
    await site(services, OnWithdrawal.KEEP)
    visitor = await somebody(client, services)
    await choose(client, "reject")
    await client.get("/privacy/choices?done=1")
    assert (await state_of(services, visitor)).facts["industry"].value == "SaaS"


async def test_an_offer_is_not_for_others_and_ends(client: Any, services: Any) -> None:
    await site(services, OnWithdrawal.KEEP)
    visitor = await somebody(client, services)
    answer = await choose(client, "reject")
    offer = answer.headers["location"].partition("offer=")[2]
    foreign = {"sec-fetch-site": "cross-site", "origin": "https://evil.test"}
    await client.post("/privacy/withdrawn", data={"offer": offer}, headers=foreign)
    for wrong in ("", "x", "x" * 5_000):
        await client.post("/privacy/withdrawn", data={"offer": wrong})
    await client.post("/privacy/withdrawn")
    assert (await state_of(services, visitor)).facts
    now = services.clock()
    services.clock = lambda: now + LENGTH + 1
    late = await client.post("/privacy/withdrawn", data={"offer": offer})
    assert late.headers["location"].endswith("done=late")
    assert (await state_of(services, visitor)).facts


async def test_a_new_visitor_is_offered_nothing(client: Any, services: Any) -> None:
    await site(services, OnWithdrawal.ERASE)
    answer = await choose(client, "reject", next="/contact")
    assert answer.headers["location"] == "/contact"
    assert await written(services) == []


@pytest.mark.parametrize("mode", ConsentMode)
async def test_a_workspace_may_erase_by_itself(
    client: Any, services: Any, mode: ConsentMode
) -> None:
    await site(services, OnWithdrawal.ERASE, mode)
    visitor = await somebody(client, services)
    answer = await choose(client, "reject", next="/contact")
    assert answer.headers["location"] == "/privacy/choices?done=erased"
    await only_the_answer_is_left(services, visitor)
    # What the visitor's app sends after it is turned away, in both modes.
    await viewed(client, visitor)
    await only_the_answer_is_left(services, visitor)
    assert dict(client.cookies).keys() == {"persx_consent"}


async def test_one_purpose_takes_its_facts_along_and_leaves_the_rest(
    client: Any, services: Any
) -> None:
    await site(services, OnWithdrawal.ERASE)
    visitor = await somebody(client, services)
    before = len(await written(services))
    await choose(client, "save", "analytics")
    state = await state_of(services, visitor)
    assert "industry" not in state.facts
    assert not seen(state)
    assert len(await written(services)) == before + 1, "events serve statistics, and stay"
    # While it is denied nothing comes back: not by an event, nor by a fold of all that came before.
    await viewed(client, visitor)
    await client.post(
        "/v1/identify",
        json={"anonymousId": visitor, "traits": {"industry": "Education"}},
        headers=AS_PAGE,
    )
    await refill(services, SEEN.name, "industry")
    state = await state_of(services, visitor)
    assert "industry" not in state.facts
    assert not seen(state)
    # Who agrees again begins anew.
    await choose(client, "accept")
    await viewed(client, visitor)
    await refill(services, SEEN.name)
    state = await state_of(services, visitor)
    (counted,) = [kept for key, kept in state.computed.items() if key.startswith("seen@")]
    assert services_value(services, "seen", state) == 1, counted
    exported = (await client.get("/v1/me")).json()
    assert set(exported["withdrawn"]) == {f"a:{visitor}"}
    assert set(exported["withdrawn"][f"a:{visitor}"]) == {"personalization", "marketing"}


def services_value(services: Any, name: str, state: Any) -> object:
    plan = services.publication.plan
    profile = plan.assembler.assemble(
        [state], services.clock(), granted=frozenset(Purpose), ready=None, declared={}
    )
    return profile.attributes.get(name)


async def refill(services: Any, *names: str) -> None:
    """Fold attributes anew from all events, as a changed definition does."""
    plan = services.publication.plan
    fold = fold_of(plan)
    keys = sorted(key for key in fold.keys if key.partition("@")[0].partition("=")[0] in names)
    assert len(keys) == len(names)
    own = await services.store.values("backfill/")
    for name in own:
        await services.store.set_value(name, None)
    for name in await services.store.values("projector/"):
        await services.store.set_value(name, None)
    # As if nothing had been folded into them so far.
    everybody = await see(services.store).identities()
    await services.store.forget_attributes(everybody, names)
    others = type(fold)({})
    await services.stream.use_projector(others, msgspec.json.encode(sorted(fold.keys - {*keys})))
    for job in await switch(services, fold):
        if set(job.keys) & set(keys):
            only = msgspec.structs.replace(job, keys=tuple(keys))
            await fill(services, fold, only)


@pytest.mark.parametrize("identified", [False, True])
async def test_all_devices_know_of_it(client: Any, services: Any, identified: bool) -> None:
    """A browser that still carries an older yes does not come back to life."""
    await site(services, OnWithdrawal.ERASE)
    visitor = await somebody(client, services)
    body = {"anonymousId": visitor, "userId": "jane", "traits": {}}
    await client.post("/v1/identify", json=body, headers=AS_SERVER)
    old = dict(client.cookies)
    told = {"purposes": {"personalization": False, "analytics": False, "marketing": False}}
    who = {"userId": "jane"} if identified else {"anonymousId": visitor}
    answer = await client.post("/v1/consent", json={**told, **who}, headers=AS_SERVER)
    withdrawn = answer.json()["withdrawn"]
    assert withdrawn["receipt"]["counts"]["states"] >= 2
    assert (await receipt_of(services, withdrawn["receipt"]["id"])).signature
    for key in (anonymous_key(visitor), user_key("jane")):
        (state,) = await see(services.store).states(key)
        assert (state.facts, state.events) == ({}, 1)
        assert not state.consent[Purpose.PERSONALIZATION].granted
    client.cookies.clear()
    for name, value in old.items():
        client.cookies.set(name, value, "site.test")
    page = await client.get("/")
    assert "/v1/x/" not in page.text
    assert "persx_visitor" not in dict(client.cookies)
    await only_the_answer_is_left(services, visitor)


async def test_the_flag_of_the_interface_erases_whatever_the_workspace_says(
    client: Any, services: Any
) -> None:
    await site(services, OnWithdrawal.KEEP)
    visitor = await somebody(client, services)
    denied = {"purposes": {"personalization": False}, "erase": True}
    answer = (await client.post("/v1/consent", json=denied)).json()
    assert answer["withdrawn"]["purposes"] == ["personalization"]
    assert answer["withdrawn"]["attributes"] >= 2
    state = await state_of(services, visitor)
    assert "industry" not in state.facts
    assert not seen(state)
    # Nothing is withdrawn twice.
    again = (await client.post("/v1/consent", json=denied)).json()
    assert "withdrawn" not in again


async def test_a_claim_with_the_public_key_erases_nothing(client: Any, services: Any) -> None:
    await site(services, OnWithdrawal.ERASE)
    visitor = await somebody(client, services)
    denial = {
        "anonymousId": visitor,
        "event": "Consent Changed",
        "properties": {"purposes": {"personalization": False, "analytics": False}},
    }
    await client.post("/v1/track", json=denial, headers=AS_PAGE)
    assert (await state_of(services, visitor)).facts["industry"].value == "SaaS"


def test_offers_are_few_and_short() -> None:
    offers: Offers[str] = Offers()
    names = [offers.make(f"offer {number}", number) for number in range(MOST + 1)]
    assert offers.find(names[0], 1) is None
    assert offers.find(names[1], 1) == "offer 1"
    assert offers.find(names[1], 1 + LENGTH) is None
    assert offers.take(names[2], 2) == "offer 2"
    assert offers.take(names[2], 2) is None
