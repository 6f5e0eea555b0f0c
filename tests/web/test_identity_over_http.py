"""Who somebody is, over HTTP: attackers get nothing, and signing in changes nobody's arm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from persx.app.declaring import declare
from persx.app.identities import IdentityRequest, link, show, unmerge
from persx.app.reports import REPORT, ReportRequest
from persx.app.visiting import Visitor
from persx.model.event import anonymous_key, user_key
from persx.testing import see
from tests.conftest import SERVER_KEY, WRITE_KEY

pytestmark = pytest.mark.anyio

SERVER: Final = {"Authorization": f"Bearer {SERVER_KEY}"}
PUBLIC: Final = {"Authorization": f"Bearer {WRITE_KEY}"}
IMAGE: Final = re.compile(r'src="(/v1/x/[^"]+)"')
ANN: Final = "ann@clinic.example"
DEVICE: Final = "6f1d0c1e-1111-4222-8333-444455556666"


class Browser:
    """A visitor's browser with its signed cookie."""

    def __init__(self, app: Any, services: Any) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://site.test")
        self._services = services

    async def opens(self, path: str = "/", *, confirm: bool = True) -> str:
        page = await self.http.get(path)
        assert page.status_code == 200
        image = IMAGE.search(page.text)
        if confirm and image is not None:
            assert (await self.http.get(image[1])).status_code == 200
        return page.text

    @property
    def anonymous_id(self) -> str:
        """The id that the site gave it."""
        found: str = self._services.signer.read_visitor(self.http.cookies["persx_visitor"])
        return found

    async def arms(self) -> dict[str, str]:
        """Which arms the site decides for it, by its cookie alone."""
        answer = await self.http.post("/v1/decide", json={"page": "home"}, headers=PUBLIC)
        decisions = answer.json()["decisions"].values()
        return {key: arm for each in decisions for key, arm in each["arms"].items()}

    async def unit(self) -> str:
        """What experiments hash."""
        answer = await self.http.post("/v1/decide", json={"page": "home"}, headers=PUBLIC)
        unit: str = answer.json()["visitor"]["id"]
        return unit

    async def signs_in(self, user: str, **fields: Any) -> None:
        """What the site's server says when its visitor signs in."""
        await send(
            self.http, "identify", SERVER, anonymousId=self.anonymous_id, userId=user, **fields
        )


async def send(http: Any, call: str, key: dict[str, str], **fields: Any) -> None:
    answer = await http.post(f"/v1/{call}", json=fields, headers=key)
    assert answer.status_code == 200, answer.text


@pytest.fixture
def browser_of(client: Any, services: Any) -> Any:
    """Make browsers of other people."""
    return lambda: Browser(client._transport.app, services)


def attacks(own: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every call by which somebody could say to be Ann with the public key."""
    me = {"anonymousId": own}
    email = {"traits": {"email": ANN}}
    yield "identify", {**me, "userId": "ann"}
    yield "identify", {"userId": "ann", "traits": {"industry": "Education"}}
    yield "identify", {**me, **email}
    yield "identify", {**me, "userId": "ann", **email}
    yield "identify", {**me, "userId": "mallory", "traits": {"email": f"  {ANN.upper()} "}}
    yield "identify", {**me, "context": {"traits": {"email": ANN, "email_verified": True}}}
    yield "alias", {**me, "userId": "ann", "previousId": own}
    yield "alias", {**me, "userId": "mallory", "previousId": "ann"}
    yield "alias", {**me, "userId": "mallory", "previousId": DEVICE}
    yield "alias", {"userId": own, "previousId": "ann"}
    yield "group", {**me, "groupId": "clinic", "traits": {"plan": "gold"}}
    yield "group", {**me, "userId": "ann", "groupId": "clinic"}
    yield "track", {**me, "userId": "ann", "event": "Order Completed", "verified": True}
    yield "page", {**me, "userId": "ann", "name": "Home", "context": {"verified": True}}
    for forged in ("u:ann", "ann", "e:ann", "g:clinic"):
        yield "identify", {"anonymousId": forged, "userId": "ann", **email}


async def test_who_claims_to_be_somebody_else_gets_nothing(
    client: Any, services: Any, browser_of: Any
) -> None:
    ann: dict[str, Any] = {"industry": "Healthcare", "email": ANN, "company": "Clinic of Ann"}
    await send(client, "identify", SERVER, userId="ann", anonymousId=DEVICE, traits=ann)
    await send(client, "group", SERVER, userId="ann", groupId="clinic", traits={"plan": "basic"})
    before = await see(services.store).states(user_key("ann"))
    mallory: Browser = browser_of()
    page = await mallory.opens("/contact")
    own = mallory.anonymous_id
    for call, fields in attacks(own):
        await send(mallory.http, call, PUBLIC, **fields)
        await send(mallory.http, "batch", PUBLIC, batch=[{"type": call, **fields}])
        # A browser without the key in a header sends it in the body.
        await send(mallory.http, call[0], {}, writeKey=WRITE_KEY, **fields)

    for asked in ({"anonymousId": own}, {"anonymousId": "u:ann"}, {"anonymousId": "ann"}, {}):
        answer = await mallory.http.post(
            "/v1/decide", json={**asked, "page": "contact"}, headers=PUBLIC
        )
        assert answer.json()["visitor"].get("industry") is None
        assert "ealthcare" not in answer.text
    state = (await mallory.http.get("/v1/state")).json()
    assert state.get("industry") is None
    assert state.get("identified", False) is False
    assert state["id"] == anonymous_key(own)
    visible = re.compile(r"data-variant=\"(\w+)\"")
    assert visible.findall(await mallory.opens("/contact")) == visible.findall(page)
    for path in ("/privacy", "/", "/start"):
        assert "Clinic of Ann" not in await mallory.opens(path)

    # Nor has anything of Ann's changed.
    assert await see(services.store).states(user_key("ann")) == before
    assert [state.identity for state in before] == [anonymous_key(DEVICE), "u:ann"]
    account = await see(services.store).account(user_key("ann"))
    assert account.identity == "g:clinic"
    assert account.events == 1
    assert await see(services.store).account(anonymous_key(own)) is None
    assert (await show(services, IdentityRequest(id="u:ann"))).shared is False


async def test_an_address_that_a_visitor_types_joins_nobody(
    services: Any, client: Any, browser_of: Any
) -> None:
    await send(client, "identify", SERVER, userId="ann", traits={"email": ANN, "company": "C"})
    mallory: Browser = browser_of()
    await mallory.opens()
    plan = services.publication.plan
    visitor = Visitor(anonymous_id=mallory.anonymous_id, trusted=True)
    await declare(services, plan, visitor, {"email": ANN})
    states = await see(services.store).states(anonymous_key(mallory.anonymous_id))
    assert [state.identity for state in states] == [anonymous_key(mallory.anonymous_id)]
    assert states[0].facts["email"].value == ANN
    # The site's own server may say so, and then it counts.
    await send(
        client, "identify", SERVER, anonymousId=mallory.anonymous_id, traits={"email": ANN.upper()}
    )
    states = await see(services.store).states(user_key("ann"))
    assert {state.identity for state in states} == {
        anonymous_key(mallory.anonymous_id),
        "u:ann",
    }


async def test_signing_in_changes_no_arm_on_a_device(client: Any, browser_of: Any) -> None:
    seen = set()
    for number in range(200):
        visitor: Browser = browser_of()
        await visitor.opens()
        before, unit = await visitor.arms(), await visitor.unit()
        assert before, "every visitor is in the holdout's experiment"
        await visitor.signs_in(f"user-{number}", traits={"industry": "SaaS"})
        assert (await visitor.http.get("/v1/state")).json()["identified"] is True
        assert await visitor.arms() == before
        assert await visitor.unit() == unit
        # The user is in that arm everywhere.
        elsewhere = await client.post(
            "/v1/decide", json={"userId": f"user-{number}", "page": "home"}, headers=SERVER
        )
        assert elsewhere.json()["visitor"]["id"] == unit
        seen |= set(before.values())
        if len(seen) > 1:
            return
    raise AssertionError("two hundred visitors, and all of them in one arm")


async def test_the_next_user_of_a_device_sees_neither_the_first_ones_facts_nor_another_arm(
    services: Any, browser_of: Any
) -> None:
    kiosk: Browser = browser_of()
    await kiosk.opens()
    before, unit = await kiosk.arms(), await kiosk.unit()
    await kiosk.signs_in("ann", traits={"industry": "Healthcare"})
    assert (await kiosk.http.get("/v1/state")).json()["industry"] == "Healthcare"
    await kiosk.signs_in("bob", traits={"goals": ["Reduce churn"]})
    state = (await kiosk.http.get("/v1/state")).json()
    assert state.get("industry") is None
    assert state["goals"] == ["Reduce churn"]
    assert (await kiosk.arms(), await kiosk.unit()) == (before, unit)
    shown = await show(services, IdentityRequest(id=kiosk.anonymous_id))
    assert shown.shared is True
    assert [each.identity for each in shown.identities] == [unit, "u:bob"]
    await kiosk.signs_in("ann")
    assert (await kiosk.http.get("/v1/state")).json()["industry"] == "Healthcare"
    assert (await kiosk.arms(), await kiosk.unit()) == (before, unit)


async def test_two_devices_in_two_arms_are_contamination_and_count_in_the_first(
    services: Any, browser_of: Any
) -> None:
    wanted: dict[str, Browser] = {}
    for _ in range(400):
        visitor: Browser = browser_of()
        await visitor.http.post("/start", data={"industry": "SaaS", "complete": "1"})
        text = await visitor.opens(confirm=False)
        arm = "generic" if 'data-reason="holdout"' in text else "targeted"
        wanted.setdefault(arm, visitor)
        if len(wanted) == 2:
            break
    # The phone is exposed first, and the laptop is the older identity.
    phone, laptop = wanted["targeted"], wanted["generic"]
    await phone.opens()
    await laptop.opens()
    await phone.signs_in("ann")
    report = ReportRequest(name="holdout")
    apart = await REPORT.run(services, report)
    assert (apart.visitors, apart.contaminated) == (2, 0)
    await laptop.signs_in("ann")
    assert await phone.unit() == await laptop.unit()
    assert await phone.arms() == await laptop.arms()
    readout = await REPORT.run(services, report)
    assert readout.contaminated == 1
    assert {name: arm.n for name, arm in readout.arms.items()} == {"generic": 0, "targeted": 1}
    assert any("the arm of its first exposure" in note for note in readout.notes)
    # Taken back, they are two visitors again.
    request = IdentityRequest(id=laptop.anonymous_id, other="ann")
    assert [each.cut for each in (await unmerge(services, request)).edges] == [True]
    assert await laptop.unit() == anonymous_key(laptop.anonymous_id)
    again = await REPORT.run(services, report)
    assert (again.visitors, again.contaminated) == (2, 0)
    await laptop.signs_in("ann")
    assert (await REPORT.run(services, report)).contaminated == 0
    await link(services, request)
    assert (await REPORT.run(services, report)).contaminated == 1
