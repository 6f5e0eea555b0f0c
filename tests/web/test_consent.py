"""Consent over HTTP: nothing of a visitor is kept before they agree, and a change holds at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from itertools import product
from typing import Any

import httpx
import msgspec
import pytest

from persx.app.background import Filling, background
from persx.model.attribute import Purpose
from persx.model.workspace import ConsentMode, ConsentSettings, Snapshot, Variant, Workspace
from persx.testing import see
from persx.visitors.consent import ASKED, STORAGE
from persx.web.server import create_app
from persx.web.visitors import COOKIES
from tests.conftest import SERVER_KEY, WRITE_KEY
from tests.web.test_site import exposure_url

pytestmark = pytest.mark.anyio
AS_SERVER = {"Authorization": f"Bearer {SERVER_KEY}"}
AS_PAGE = {"Authorization": f"Bearer {WRITE_KEY}"}
GPC = {"Sec-GPC": "1"}


async def ask(services: Any, **consent: Any) -> None:
    """Publish the demo with other consent settings, and marketing facts to withhold."""
    snapshot = await services.store.snapshot()
    workspace = snapshot.workspace
    settings = msgspec.structs.replace(workspace.settings, consent=ConsentSettings(**consent))
    tools = msgspec.structs.replace(workspace.attributes["tools"], purpose=Purpose.MARKETING)
    changed = msgspec.structs.replace(
        workspace, settings=settings, attributes={**workspace.attributes, "tools": tools}
    )
    await publish(services, changed)


async def publish(services: Any, workspace: Workspace) -> None:
    """Have a workspace served, as whoever publishes beside a server has it within a second."""
    snapshot = Snapshot(
        number=0, digest="", published=services.clock(), author="", message="", workspace=workspace
    )
    await services.store.publish(snapshot)
    await services.publication.refresh(services.store)
    filling = Filling(services)
    await filling.take_up()
    await filling.stop()


@pytest.fixture
async def opt_in(services: Any) -> Any:
    await ask(services, mode=ConsentMode.OPT_IN)
    return services


@pytest.fixture
async def another(services: Any) -> AsyncIterator[Callable[[], httpx.AsyncClient]]:
    """Further browsers that visit the same site."""
    app = create_app(services)
    opened: list[httpx.AsyncClient] = []

    def make() -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        opened.append(httpx.AsyncClient(transport=transport, base_url="http://site.test"))
        return opened[-1]

    async with background(services):
        yield make
        for each in opened:
            await each.aclose()


async def choose(client: Any, action: str, *purposes: str, next: str = "/") -> Any:
    answer = await client.post(
        "/privacy/consent", data={"action": action, "purposes": list(purposes), "next": next}
    )
    assert answer.status_code == 303
    return answer


async def written(services: Any) -> list[Any]:
    return list(await see(services.stream).read())


async def logged(services: Any) -> int:
    await services.decision_log.flush(services.store)
    found = await see(services.warehouse).query("select count(*) from decisions")
    return int(found.rows[0][0])


def counted(services: Any, storage: str) -> float:
    value = services.metrics.registry.get_sample_value(
        "persx_decided_pages_total", {"storage": storage}
    )
    return float(value or 0)


async def test_before_an_answer_nothing_of_the_visitor_is_kept(client: Any, opt_in: Any) -> None:
    for path in ("/", "/contact", "/start", "/privacy", "/privacy/choices"):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers, path
        assert "/v1/x/" not in answer.text
        assert "persx-state" not in answer.text
        assert "data-beacons" not in answer.text
    beacon = await client.post("/v1/beacon", json={"path": "/", "seconds": 5})
    assert beacon.status_code == 204
    assert await written(opt_in) == []
    assert await logged(opt_in) == 0
    assert dict(client.cookies) == {}
    assert counted(opt_in, "withheld") == 2
    assert counted(opt_in, "granted") == 0


async def test_accepting_holds_from_the_next_page(client: Any, opt_in: Any) -> None:
    page = await client.get("/contact")
    assert 'data-testid="consent"' in page.text
    answer = await choose(client, "accept", next="/contact")
    assert answer.headers["location"] == "/contact"
    assert {"persx_visitor", "persx_consent"} <= set(client.cookies)
    after = await client.get("/contact")
    assert 'data-testid="consent"' not in after.text
    await client.get(exposure_url(after.text))
    (said, seen, *_) = await written(opt_in)
    assert said.name == "Consent Changed"
    assert said.properties == {
        "purposes": {"personalization": True, "analytics": True, "marketing": True},
        "source": "banner",
        "version": "1",
    }
    assert (seen.type, seen.anonymous_id) == ("page", said.anonymous_id)
    assert await logged(opt_in) == 1


async def test_rejecting_is_remembered_without_an_id(client: Any, opt_in: Any) -> None:
    await choose(client, "reject")
    assert set(client.cookies) == {"persx_consent"}
    page = await client.get("/")
    assert 'data-testid="consent"' not in page.text
    assert "set-cookie" not in page.headers
    assert await written(opt_in) == []
    record = (await client.get("/v1/consent")).json()
    assert record["granted"] == {
        "necessary": True,
        "analytics": False,
        "personalization": False,
        "marketing": False,
    }
    sample = opt_in.metrics.registry.get_sample_value(
        "persx_consent_answers_total", {"purpose": "analytics", "answer": "denied"}
    )
    assert sample == 1


async def test_withdrawing_takes_the_id_away_on_the_same_answer(client: Any, opt_in: Any) -> None:
    await choose(client, "accept")
    await client.post("/start", data={"industry": "SaaS", "complete": "1"})
    assert (await client.get("/v1/state")).json()["industry"] == "SaaS"
    before = len(await written(opt_in))
    await choose(client, "reject")
    assert set(client.cookies) == {"persx_consent"}
    page = await client.get("/")
    assert "set-cookie" not in page.headers
    assert (await client.get("/v1/state")).json().get("industry") is None
    # The withdrawal itself is kept under the id that there was: it is the proof.
    (last,) = (await written(opt_in))[before:]
    assert last.properties["purposes"]["personalization"] is False


async def test_statistics_and_personalization_are_apart(client: Any, opt_in: Any) -> None:
    await choose(client, "save", "personalization")
    await client.post("/start", data={"industry": "SaaS", "complete": "1"})
    decided = (await client.post("/v1/decide", json={"page": "home"}, headers=AS_PAGE)).json()
    assert decided["visitor"]["industry"] == "SaaS"
    assert all(each["arms"] == {} for each in decided["decisions"].values())
    await client.get(exposure_url((await client.get("/")).text))
    assert "Experiment Viewed" not in {event.name for event in await written(opt_in)}

    await choose(client, "save", "analytics")
    assert "persx_state" not in client.cookies
    decided = (await client.post("/v1/decide", json={"page": "home"}, headers=AS_PAGE)).json()
    assert "industry" not in decided["visitor"]
    arms = {arm for each in decided["decisions"].values() for arm in each["arms"].items()}
    assert "holdout" in dict(arms)
    assert {each["reason"] for each in decided["decisions"].values()} & {"no_consent", "holdout"}


async def test_marketing_alone_allows_no_storage(client: Any, opt_in: Any) -> None:
    await choose(client, "save", "marketing")
    assert set(client.cookies) == {"persx_consent"}
    assert await written(opt_in) == []


@pytest.mark.usefixtures("opt_in")
async def test_the_start_form_says_what_it_allows_and_allows_it(client: Any) -> None:
    assert 'data-testid="start-allows"' in (await client.get("/start")).text
    answer = await client.post("/start", data={"industry": "SaaS", "complete": "1"})
    assert answer.status_code == 303
    assert (await client.get("/v1/state")).json()["industry"] == "SaaS"
    record = (await client.get("/v1/consent")).json()
    assert record["granted"]["personalization"] is True
    assert record["granted"]["analytics"] is False
    assert [(each["source"], each["purposes"]) for each in record["history"]] == [
        ("start form", {"personalization": True})
    ]
    # What it did not ask is still to be asked.
    page = (await client.get("/")).text
    assert 'data-testid="consent"' in page
    assert 'data-testid="start-allows"' not in (await client.get("/start")).text


async def test_a_refused_start_form_allows_nothing(client: Any, opt_in: Any) -> None:
    refused = await client.post("/start", data={"industry": "Alchemy", "complete": "1"})
    assert refused.status_code == 422
    assert await written(opt_in) == []
    assert dict(client.cookies) == {}


async def test_applications_cannot_declare_what_is_not_allowed(client: Any, opt_in: Any) -> None:
    refused = await client.put("/v1/state", json={"industry": "SaaS"})
    assert refused.status_code == 403
    assert "/v1/consent" in refused.json()["message"]
    assert await written(opt_in) == []
    await client.post("/v1/consent", json={"purposes": {"personalization": True}})
    assert (await client.put("/v1/state", json={"industry": "SaaS"})).status_code == 200


async def test_a_form_is_answered_without_consent_but_not_linked(client: Any, opt_in: Any) -> None:
    await choose(client, "reject")
    fields = {"page": "contact", "block": "contact-form", "name": "A", "email": "a@b.example"}
    workspace = opt_in.publication.plan.workspace
    block = next(
        b
        for n in workspace.pages["contact"].blocks
        if (b := workspace.blocks[n]).type == "contact_form"
    )
    fields["block"] = block.name
    for each in block.content["fields"]:
        if each.get("required"):
            fields.setdefault(each["name"], (each.get("options") or ["Some text"])[0])
    for _ in range(2):
        sent = await client.post(f"/forms/{block.content['form']}", data=fields)
        assert sent.status_code == 303, sent.text
    assert set(client.cookies) == {"persx_consent"}
    first, second = await written(opt_in)
    assert first.name == second.name == "Form Submitted"
    assert first.anonymous_id != second.anonymous_id


async def test_the_browsers_signal_denies_marketing_until_the_visitor_says_otherwise(
    client: Any, services: Any
) -> None:
    await ask(services)
    record = (await client.get("/v1/consent", headers=GPC)).json()
    assert record["granted"]["marketing"] is False
    assert record["granted"]["personalization"] is True
    await client.put("/v1/state", json={"industry": "SaaS", "tools": ["Segment"]})
    assert (await client.get("/v1/state")).json()["tools"] == ["Segment"]
    assert "tools" not in (await client.get("/v1/state", headers=GPC)).json()
    await client.post("/v1/consent", json={"purposes": {"marketing": True}}, headers=GPC)
    assert (await client.get("/v1/state", headers=GPC)).json()["tools"] == ["Segment"]


async def test_in_opt_out_mode_nobody_is_walled_and_an_objection_holds(client: Any) -> None:
    page = await client.get("/")
    assert 'data-testid="consent"' not in page.text
    assert 'href="/privacy/choices"' in page.text
    assert "persx_visitor" in client.cookies
    await choose(client, "reject")
    assert set(client.cookies) == {"persx_consent"}
    page = await client.get("/")
    assert "set-cookie" not in page.headers
    assert "/v1/x/" not in page.text


async def test_a_denial_on_one_device_holds_on_the_next_page_of_the_other(
    another: Callable[[], httpx.AsyncClient], opt_in: Any
) -> None:
    phone, laptop = another(), another()
    for client in (phone, laptop):
        await choose(client, "accept")
        me = opt_in.signer.read_visitor(client.cookies["persx_visitor"])
        linked = await client.post(
            "/v1/identify", json={"userId": "7", "anonymousId": me}, headers=AS_SERVER
        )
        assert linked.status_code == 200
    await choose(phone, "reject")
    page = await laptop.get("/")
    assert set(laptop.cookies) == {"persx_consent"}
    assert "/v1/x/" not in page.text
    # The denial has come along: without the id, the older answer does not come back to life.
    again = await laptop.get("/")
    assert "set-cookie" not in again.headers
    assert (await laptop.get("/v1/consent")).json()["granted"]["analytics"] is False


async def test_the_server_key_reads_and_writes_anyones_consent_with_proof(
    client: Any, services: Any
) -> None:
    body = {
        "userId": "7",
        "purposes": {"analytics": True, "marketing": False},
        "source": "call centre",
        "version": "2026-11",
    }
    answer = await client.post("/v1/consent", json=body, headers=AS_SERVER)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    await client.post(
        "/v1/consent", json={"userId": "7", "purposes": {"analytics": False}}, headers=AS_SERVER
    )
    record = (await client.get("/v1/consent?userId=7", headers=AS_SERVER)).json()
    assert record["granted"]["analytics"] is False
    assert record["granted"]["marketing"] is False
    first, second = record["history"]
    assert (first["source"], first["version"]) == ("call centre", "2026-11")
    assert (second["source"], second["version"]) == ("api", "1")
    assert first["at"] < second["at"] <= services.clock() + 1
    assert first["messageId"] != second["messageId"]
    decided = await client.post(
        "/v1/decide", json={"userId": "7", "page": "home"}, headers=AS_SERVER
    )
    assert all(each["arms"] == {} for each in decided.json()["decisions"].values())


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({}, "?userId=7", 403),
        (AS_PAGE, "?userId=7", 403),
        (AS_PAGE, "?anonymousId=v", 403),
        (AS_PAGE, "", 403),
        (AS_SERVER, "", 400),
        (AS_SERVER, "?userId=" + "x" * 300, 400),
    ],
)
async def test_nobody_reads_anothers_consent(
    client: Any, headers: dict[str, str], query: str, status: int
) -> None:
    assert (await client.get("/v1/consent" + query, headers=headers)).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"purposes": {}},
        {"purposes": {"necessary": False}},
        {"purposes": {"everything": True}},
        {"purposes": {"analytics": "yes"}},
        {"purposes": {"analytics": True}, "more": 1},
    ],
)
async def test_an_answer_that_is_none_is_refused(
    client: Any, services: Any, body: dict[str, Any]
) -> None:
    assert (await client.post("/v1/consent", json=body)).status_code == 400
    assert await written(services) == []


async def test_another_site_cannot_answer(client: Any, opt_in: Any) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (
        await client.post("/v1/consent", json={"purposes": {"analytics": True}}, headers=foreign)
    ).status_code == 403
    answer = await client.post("/privacy/consent", data={"action": "accept"}, headers=foreign)
    assert answer.headers["location"] == "/privacy/choices"
    assert dict(client.cookies) == {}
    assert await written(opt_in) == []


@pytest.mark.usefixtures("opt_in")
@pytest.mark.parametrize("next", ["//evil.example", "https://evil.example", "/\\evil", ""])
async def test_the_answer_leads_back_to_this_site_only(client: Any, next: str) -> None:
    answer = await choose(client, "accept", next=next)
    assert answer.headers["location"] == "/privacy/choices?done=1"


@pytest.mark.usefixtures("opt_in")
@pytest.mark.parametrize("value", ["x", "a.b", "W10.abc", ""])
async def test_a_forged_consent_cookie_says_nothing(client: Any, value: str) -> None:
    client.cookies.set("persx_consent", value)
    page = await client.get("/")
    assert page.status_code == 200
    assert 'data-testid="consent"' in page.text
    assert "set-cookie" not in page.headers


async def test_a_new_text_asks_again_and_the_old_answer_holds_until_then(
    client: Any, services: Any
) -> None:
    await ask(services, mode=ConsentMode.OPT_IN)
    await choose(client, "accept")
    await ask(services, mode=ConsentMode.OPT_IN, version="2")
    page = await client.get("/")
    assert 'data-testid="consent"' in page.text
    assert "persx_visitor" in client.cookies
    assert "/v1/x/" in page.text


async def test_switching_to_opt_in_takes_unasked_ids_away(client: Any, services: Any) -> None:
    await client.get("/")
    assert "persx_visitor" in client.cookies
    await ask(services, mode=ConsentMode.OPT_IN)
    page = await client.get("/")
    assert "persx_visitor" not in client.cookies
    assert "/v1/x/" not in page.text


async def test_a_consent_manager_of_the_sites_own_is_understood(client: Any, services: Any) -> None:
    categories = {"C2": (Purpose.ANALYTICS,), "C3": (Purpose.PERSONALIZATION,)}
    await ask(services, mode=ConsentMode.OPT_IN, banner=False, categories=categories)
    assert 'data-testid="consent"' not in (await client.get("/")).text
    page = {"anonymousId": "v1", "name": "Home"}

    def consent(**preferences: bool) -> dict[str, Any]:
        return {"context": {"consent": {"categoryPreferences": preferences}}}

    def decided(body: dict[str, Any]) -> bool:
        return all(each["arms"] == {} for each in body["decisions"].values())

    ask_for = {"anonymousId": "v1", "page": "home"}
    assert decided((await client.post("/v1/decide", json=ask_for, headers=AS_PAGE)).json())
    for granted in (True, True, False):
        sent = await client.post(
            "/v1/page", json={**page, **consent(C2=granted, C3=granted)}, headers=AS_PAGE
        )
        assert sent.status_code == 200
        body = (await client.post("/v1/decide", json=ask_for, headers=AS_PAGE)).json()
        assert decided(body) is not granted
    record = (await client.get("/v1/consent?anonymousId=v1", headers=AS_SERVER)).json()
    assert [(each["source"], each["purposes"]["analytics"]) for each in record["history"]] == [
        ("context.consent", True),
        ("context.consent", False),
    ]


async def test_events_of_who_allows_no_storage_are_not_stored(client: Any, services: Any) -> None:
    categories = {"C2": (Purpose.ANALYTICS,), "C3": (Purpose.PERSONALIZATION,)}
    await ask(services, mode=ConsentMode.OPT_IN, categories=categories)

    async def send(number: int, granted: bool | None = None, who: str = "v1") -> None:
        body: dict[str, Any] = {
            "anonymousId": who,
            "messageId": f"m{number}",
            "event": "Product Viewed",
            "properties": {"secret": "what was looked at"},
        }
        if granted is not None:
            preferences = {"C2": granted, "C3": granted}
            body["context"] = {"consent": {"categoryPreferences": preferences}}
        assert (await client.post("/v1/track", json=body, headers=AS_PAGE)).status_code == 200

    await send(1)
    await send(2, granted=False)
    assert await written(services) == []
    await send(3, granted=True)
    await send(4)
    await send(5, granted=False)
    await send(6, granted=False)
    await send(7)
    kept = [(event.message_id, event.name) for event in await written(services)]
    assert kept == [("m3", "Product Viewed"), ("m4", "Product Viewed"), ("m5", "Consent Changed")]
    withdrawal = (await written(services))[-1]
    assert "secret" not in withdrawal.properties
    assert withdrawal.context == {}
    dropped = services.metrics.registry.get_sample_value(
        "persx_events_total", {"result": "unconsented"}
    )
    assert dropped == 5


async def test_an_objection_turns_later_events_away_in_opt_out_mode(
    client: Any, services: Any
) -> None:
    denial = {
        "anonymousId": "v1",
        "event": "Consent Changed",
        "messageId": "m1",
        "properties": {"purposes": {"personalization": False, "analytics": False}},
    }
    page = {"anonymousId": "v1", "messageId": "m2", "name": "Home"}
    batch = [{**denial, "type": "track"}, {**page, "type": "page"}]
    sent = await client.post("/v1/batch", json={"batch": batch}, headers=AS_PAGE)
    assert sent.json()["success"] is True
    await client.post("/v1/page", json={**page, "messageId": "m3"}, headers=AS_PAGE)
    assert [event.message_id for event in await written(services)] == ["m1"]
    # Others are not concerned, and the owner's own servers are their own word.
    await client.post("/v1/page", json={**page, "anonymousId": "v2"}, headers=AS_PAGE)
    await client.post("/v1/page", json={**page, "messageId": "m4"}, headers=AS_SERVER)
    assert [event.message_id for event in await written(services)] == ["m1", "m2", "m4"]


async def test_a_page_that_was_sent_before_a_withdrawal_exposes_nothing_after_it(
    client: Any, opt_in: Any
) -> None:
    await choose(client, "accept")
    url = exposure_url((await client.get("/")).text)
    await choose(client, "reject")
    before = await written(opt_in)
    assert (await client.get(url)).status_code == 200
    assert await written(opt_in) == before


CHOICES = [
    tuple(purpose for purpose, chosen in zip(ASKED, bits, strict=True) if chosen)
    for bits in product([True, False], repeat=len(ASKED))
]


@pytest.mark.parametrize("mode", ConsentMode)
@pytest.mark.parametrize("chosen", CHOICES, ids=lambda chosen: "+".join(chosen) or "nothing")
async def test_for_every_choice_only_what_it_allows_is_kept(
    client: Any, services: Any, mode: ConsentMode, chosen: tuple[Purpose, ...]
) -> None:
    await ask(services, mode=mode)
    await choose(client, "accept")
    await client.put("/v1/state", json={"industry": "SaaS", "tools": ["Segment"]})
    await choose(client, "save", *chosen)
    before = len(await written(services))
    lines = await logged(services)
    for path in ("/", "/contact"):
        page = await client.get(path)
        if "/v1/x/" in page.text:
            await client.get(exposure_url(page.text))
    await client.post("/v1/beacon", json={"path": "/", "seconds": 5})

    allowed = {Purpose.NECESSARY, *chosen}
    by_name = {cookie.name: cookie for cookie in COOKIES}
    for name in client.cookies:
        assert allowed & set(by_name[name].needs), name
    assert ("persx_visitor" in client.cookies) is bool(allowed & set(STORAGE))
    new = (await written(services))[before:]
    names = {event.name or event.type.value for event in new}
    assert bool(new) is bool(allowed & set(STORAGE))
    assert await logged(services) - lines == (2 if allowed & set(STORAGE) else 0)
    if Purpose.ANALYTICS not in allowed:
        assert "Experiment Viewed" not in names
    state = (await client.get("/v1/state")).json()
    # Whoever lost their id is somebody else, of whom nothing is known.
    assert ("industry" in state) is (Purpose.PERSONALIZATION in allowed)
    assert ("tools" in state) is (Purpose.MARKETING in allowed and bool(allowed & set(STORAGE)))


async def test_contextual_variants_are_shown_without_consent(client: Any, services: Any) -> None:
    await ask(services, mode=ConsentMode.OPT_IN)
    workspace = services.publication.plan.workspace
    hero = workspace.blocks["home-hero"]
    autumn = Variant(
        name="autumn",
        when='utm.campaign == "autumn"',
        priority=99,
        content={"headline": "Autumn on this site"},
    )
    changed = msgspec.structs.replace(
        workspace,
        blocks={
            **workspace.blocks,
            hero.name: msgspec.structs.replace(hero, variants=(*hero.variants, autumn)),
        },
    )
    await publish(services, changed)
    assert "Autumn on this site" in (await client.get("/?utm_campaign=autumn")).text
    assert "Autumn on this site" not in (await client.get("/")).text
    assert dict(client.cookies) == {}
    assert await written(services) == []
