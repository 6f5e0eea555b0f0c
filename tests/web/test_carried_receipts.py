"""Receipts for those of whom nothing is kept: in the page itself, in the same words, for a week."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from persx.app.carried import DAYS
from persx.app.deciding import decide_for, receipt_of
from persx.app.receipts import receipt_for
from persx.app.signing import Signer
from persx.app.visiting import Visitor
from persx.model.attribute import Purpose
from persx.model.clock import DAY
from persx.model.visitor import Grant
from persx.model.workspace import ConsentMode, Variant
from tests.conftest import SERVER_KEY, WRITE_KEY
from tests.web.test_consent import ask, choose, logged, publish, written

pytestmark = pytest.mark.anyio
AS_PAGE = {"Authorization": f"Bearer {WRITE_KEY}"}
AS_SERVER = {"Authorization": f"Bearer {SERVER_KEY}"}
LINK = re.compile(r'href="([^"]+)"[^>]*data-testid="why-link"')


@pytest.fixture
async def opt_in(services: Any) -> Any:
    """The demo in opt-in mode, with a rule about the campaign."""
    await ask(services, mode=ConsentMode.OPT_IN)
    workspace = services.publication.plan.workspace
    hero = workspace.blocks["home-hero"]
    autumn = Variant(
        name="autumn",
        when='utm.campaign == "autumn"',
        priority=99,
        content={"headline": "Autumn on this site"},
    )
    varied = msgspec.structs.replace(hero, variants=(*hero.variants, autumn))
    await publish(
        services,
        msgspec.structs.replace(workspace, blocks={**workspace.blocks, hero.name: varied}),
    )
    return services


def why(page: str) -> str:
    found = LINK.search(page)
    assert found is not None, "the page tells where it is explained"
    return html.unescape(found[1])


def token_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["page"][0]


async def test_a_page_explains_itself_to_who_allows_nothing(client: Any, opt_in: Any) -> None:
    link = why((await client.get("/?utm_campaign=autumn")).text)
    told = await client.get(link)
    assert told.status_code == 200
    assert "set-cookie" not in told.headers
    assert "This version fits what is known of you" in told.text
    assert "Campaign: autumn" in told.text
    assert "Autumn on this site" in told.text
    assert "ask for what you have not allowed us to use" in told.text
    assert "Warum sehe ich das?" in (await client.get(f"{link}&locale=de")).text
    found = (await client.get(f"/v1/decisions/{token_of(link)}")).json()
    assert (found["page"], found["visitor"], found["experiments"]) == ("home", "", [])
    hero = found["blocks"]["home-hero"]
    assert (hero["variant"], hero["reason"]) == ("autumn", "targeted")
    assert hero["clauses"][0]["attributes"] == {"utm.campaign": "autumn"}
    one = (await client.get(f"/v1/decisions/{token_of(link)}.home-hero")).json()
    assert list(one["blocks"]) == ["home-hero"]
    assert (await client.get(f"/v1/decisions/{token_of(link)}.nothing")).status_code == 404
    assert await written(opt_in) == []
    assert await logged(opt_in) == 0
    assert dict(client.cookies) == {}


@pytest.mark.usefixtures("opt_in")
async def test_the_privacy_page_says_where_it_is_told(client: Any) -> None:
    assert "tells it for that page" in (await client.get("/privacy")).text
    # Who allows storage has their pages written down, and the foot leads there.
    await choose(client, "accept")
    assert why((await client.get("/")).text) == "/privacy#why"
    assert "tells it for that page" not in (await client.get("/privacy")).text


@pytest.mark.usefixtures("opt_in")
async def test_bots_and_previews_carry_no_receipt(client: Any) -> None:
    page = await client.get("/", headers={"User-Agent": "Googlebot/2.1"})
    assert LINK.search(page.text) is None


async def test_a_token_that_was_changed_cut_or_made_elsewhere_is_told_kindly(
    client: Any, opt_in: Any
) -> None:
    token = token_of(why((await client.get("/")).text))
    payload, _, signature = token.rpartition(".")
    foreign = Signer("another secret").receipt(["1" * 27, 1, "home", 1, {}, []])
    other_kind = opt_in.signer.visitor("somebody")
    wrong_form = opt_in.signer.receipt({"page": "home"})
    for bad in (
        payload, token[:-1], token[1:], f"{payload}x.{signature}", foreign, other_kind, wrong_form,
        "x", "." * 50, "é", "x" * 20_000, "../../admin", "\x00",
    ):  # fmt: skip
        told = await client.get("/privacy/why", params={"page": bad})
        assert told.status_code == 404, bad
        assert "This link cannot be read" in told.text
    assert (await client.get(f"/v1/decisions/{foreign}")).status_code == 404
    bare = await client.get("/privacy/why")
    assert (bare.status_code, bare.headers["location"]) == (303, "/privacy#why")


async def test_a_token_explains_for_a_week(client: Any, opt_in: Any) -> None:
    link = why((await client.get("/")).text)
    now = opt_in.clock()
    opt_in.clock = lambda: now + DAYS * DAY + 60_000
    old = await client.get(link)
    assert old.status_code == 410
    assert "older than 7 days" in old.text
    error = await client.get(f"/v1/decisions/{token_of(link)}")
    assert (error.status_code, error.json()["code"]) == (404, "ReceiptExpired")


async def test_a_token_names_nobody_and_carries_no_kept_facts(services: Any) -> None:
    """Marketing alone allows no storage; a server may still decide with such facts."""
    await ask(services, mode=ConsentMode.OPT_IN)
    workspace = services.publication.plan.workspace
    hero = workspace.blocks["home-hero"]
    secret = Variant(
        name="secret",
        when='contains(tools, "Segment")',
        priority=99,
        content={"headline": "Secret"},
    )
    varied = msgspec.structs.replace(hero, variants=(secret, *hero.variants))
    await publish(
        services,
        msgspec.structs.replace(workspace, blocks={**workspace.blocks, hero.name: varied}),
    )
    plan = services.publication.plan
    granted = {Purpose.MARKETING: Grant(True, services.clock())}
    visitor = Visitor(
        anonymous_id="the-visitor-itself", trusted=True, answers=granted,
        declared={"tools": ["Segment"]}, declared_at=services.clock(),
    )  # fmt: skip
    decided = await decide_for(services, visitor, plan=plan, page=plan.pages["home"], context={})
    assert not decided.profile.storable
    shown = {each.block: each.variant for each in decided.decision.decisions}
    assert shown["home-hero"] == "secret"
    token = receipt_of(services, decided, plan.pages["home"])
    payload = str(services.signer.read_receipt(token))
    assert "the-visitor-itself" not in payload
    assert "Segment" not in payload
    receipt = await receipt_for(services, token, visitor.scope)
    assert receipt.blocks["home-hero"].rule == 'contains(tools, "Segment")'
    assert receipt.blocks["home-hero"].clauses == ()


async def test_what_decide_answers_can_be_looked_up_with_and_without_storage(
    client: Any, opt_in: Any
) -> None:
    """`receipt` works for everybody; the ids of blocks only where a line is kept."""
    asked = {"anonymousId": "v1", "page": "home"}
    nothing = (await client.post("/v1/decide", json=asked, headers=AS_PAGE)).json()
    id = nothing["decisions"]["home-hero"]["id"]
    missing = await client.get(f"/v1/decisions/{id}", headers=AS_SERVER)
    assert missing.status_code == 404
    assert "'receipt'" in missing.json()["message"]
    for receipt in (nothing["receipt"], f"{nothing['receipt']}.home-hero"):
        found = await client.get(f"/v1/decisions/{receipt}")
        assert found.json()["id"] == id.partition(".")[0]
    await ask(opt_in, mode=ConsentMode.OPT_OUT)
    kept = (await client.post("/v1/decide", json=asked, headers=AS_PAGE)).json()
    assert kept["decisions"]["home-hero"]["id"] == f"{kept['receipt']}.home-hero"
    assert (await client.get(f"/v1/decisions/{kept['receipt']}")).status_code == 404
    found = await client.get(f"/v1/decisions/{kept['receipt']}", headers=AS_SERVER)
    assert found.status_code == 200


async def test_a_token_is_short(client: Any, opt_in: Any) -> None:
    """What the pages of these visitors weigh more, at most."""
    for page in opt_in.publication.plan.workspace.pages.values():
        link = why((await client.get(page.path)).text)
        assert len(link) < 700, (page.path, len(link))
