"""API keys over HTTP: each opens what its scopes say, and nothing once it is taken back."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from persx.app import audit
from persx.app.api_keys import (
    CreateKey,
    ListKeys,
    RevokeKey,
    RotateKey,
    create,
    list_keys,
    revoke,
    rotate,
)
from persx.app.audit import AuditRequest
from persx.app.catalogue import USE_CASES
from persx.app.home import open_home
from persx.app.keyring import WRONG_KEYS
from persx.app.looks import looks
from persx.app.settings import ServerSettings
from persx.app.visiting import new_id
from persx.model.clock import DAY, HOUR, MINUTE
from persx.model.errors import BadInput, NotFound
from persx.model.event import user_key
from persx.model.key import SCOPES, KeyScope
from persx.testing import see
from persx.web.keys import COMMAND_SCOPES, ROUTE_SCOPES
from persx.web.server import create_app
from tests.conftest import SERVER_KEY, WRITE_KEY
from tests.staff import enter, make_account, sign_in

pytestmark = pytest.mark.anyio

PREFLIGHT = {"HEAD", "OPTIONS"}
BODIES: dict[str, Any] = {
    "/v1/recommendations": {"anonymousId": "v1", "pipeline": "none"},
    "/v1/decide": {"anonymousId": "v1", "page": "home"},
    "/v1/preferences/link": {"userId": "u1"},
    "/v1/items": {"items": [{"id": "0" * 27, "title": "A thing"}]},
    "/v1/consent": {"purposes": {"analytics": True}, "anonymousId": "v1"},
    "batch": {"batch": [{"type": "track", "event": "Seen", "anonymousId": "v1"}]},
    "event": {"type": "track", "event": "Seen", "anonymousId": "v1", "userId": "u1",
              "groupId": "g", "previousId": "v1", "name": "x"},
}  # fmt: skip


async def made(services: Any, *scopes: str, name: str = "a test", **more: Any) -> str:
    return (await create(services, CreateKey(name=name, scopes=list(scopes), **more))).key


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def app_routes(services: Any) -> set[tuple[str, str]]:
    return {
        (method, route.path)
        for route in create_app(services).routes
        for method in route.methods or ()
        if method not in PREFLIGHT
    }


async def test_every_route_and_command_says_which_scope_it_needs(services: Any) -> None:
    api = {
        (method, path)
        for method, path in app_routes(services)
        if path.startswith(("/v1/", "/beacon/", "/sourceConfig")) and "rest:path" not in path
    }
    assert api - {("POST", "/v1/commands/{name}")} == set(ROUTE_SCOPES)
    assert set(COMMAND_SCOPES) <= set(USE_CASES.names)
    files = {"begin-import", "continue-import", "import_experiment"}
    team = {name for name in USE_CASES.names if name.startswith(("user-", "key-"))}
    # What a trainer of the home says; it names files of the machine.
    trainer = {"recommend-begin", "recommend-hold", "recommend-give-up", "recommend-finish"}
    others = trainer | {"retain", "identity-unmerge", "identity-link", "audit", "verify-audit"}
    others |= {"export-visitor", "hand-out", "health", "probe-mark", "probe-walk", "simulate"}
    others |= {f"recommend-{each}" for each in ("begin", "hold", "finish", "give-up")}
    assert len(team) > 4
    assert set(USE_CASES.names) - set(COMMAND_SCOPES) == files | team | others, (
        "COMMAND_SCOPES says which scope a command needs, or this test that none does"
    )
    assert set(SCOPES) == set(KeyScope)
    used = {*ROUTE_SCOPES.values(), *COMMAND_SCOPES.values(), KeyScope.IDENTIFY} - {None}
    assert used == set(KeyScope), "each scope opens something"


def call_for(method: str, path: str, key: str) -> tuple[str, dict[str, Any]]:
    """Return where a request of a route goes, and with what."""
    content: dict[str, Any] = {}
    if method == "POST":
        kind = "batch" if path.endswith(("batch", "/b", "/import")) else "event"
        content["json"] = BODIES.get(path, BODIES[kind])
    if path in ("/v1/consent", "/v1/me") and method == "GET":
        content["params"] = {"anonymousId": "v1"}
    if path == "/v1/recommendations" and method == "GET":
        content["params"] = {"anonymousId": "v1", "pipeline": "none"}
    if path == "/v1/recommendations.html":
        content["params"] = {"userId": "v1", "block": "none"}
    filled = (
        path.replace("{id}", "0" * 27)
        .replace("{id:path}", "0" * 27)
        .replace("{key:path}", "a:nobody")
    )
    return filled.replace("{key}", key), content


async def test_each_route_opens_with_its_scope_and_with_no_other(
    client: Any, services: Any
) -> None:
    checked = 0
    for (method, path), scope in ROUTE_SCOPES.items():
        if scope is None:
            continue
        others = [each.value for each in KeyScope if each is not scope]
        right = await made(services, scope.value, name=f"right {method} {path}")
        wrong = await made(services, *others, name=f"wrong {method} {path}")
        where, content = call_for(method, path, right)
        answer = await client.request(method, where, headers=bearer(right), **content)
        assert answer.status_code in (200, 404), (method, path, answer.text)
        assert "scope" not in answer.text
        where, content = call_for(method, path, wrong)
        answer = await client.request(method, where, headers=bearer(wrong), **content)
        if path in ("/v1/projects/{key}/settings", "/sourceConfig", "/sourceConfig/"):
            assert answer.status_code in (401, 404), "a secret key boots no browser"
            continue
        assert answer.status_code == 403, (method, path, answer.text)
        assert f"'{scope}'" in answer.json()["message"], "it says which scope is needed"
        checked += 1
    assert checked >= 17


async def test_commands_over_http_need_their_scope(client: Any, services: Any) -> None:
    bodies = {"explain": {"rule": "true"}, "rollback": {"number": 1}, "report": {"name": "holdout"}}
    for name, scope in COMMAND_SCOPES.items():
        assert scope is not None
        others = [each.value for each in KeyScope if each is not scope]
        wrong = await made(services, *others, name=f"wrong {name}")
        answer = await client.post(f"/v1/commands/{name}", headers=bearer(wrong), json={})
        assert answer.status_code == 403, name
        assert f"'{scope}'" in answer.json()["message"]
        right = await made(services, scope.value, name=f"right {name}")
        answer = await client.post(
            f"/v1/commands/{name}", headers=bearer(right), json=bodies.get(name, {})
        )
        assert answer.status_code != 403, (name, answer.text)
    everything = await made(services, *KeyScope, name="everything")
    for name in set(USE_CASES.names) - set(COMMAND_SCOPES):
        for key in (everything, SERVER_KEY):
            answer = await client.post(f"/v1/commands/{name}", headers=bearer(key), json={})
            assert answer.status_code == 403, "keys and files of the machine are the home's own"
    assert (await client.post("/v1/commands/publish", headers=bearer("x"), json={})).is_error


async def test_wrong_expired_revoked_and_rotated_keys(client: Any, services: Any) -> None:
    now = [services.clock()]
    services.clock = lambda: now[0]
    asked = BODIES["/v1/decide"]

    async def status(key: str) -> tuple[int, str]:
        answer = await client.post("/v1/decide", json=asked, headers=bearer(key))
        return answer.status_code, answer.text

    key = await made(services, "decide", lasts=DAY)
    assert (await status(key))[0] == 200
    id, secret = key.removeprefix("pxk_").split("_", 1)
    for wrong in (
        key[:-1], key + "x", key[:-1] + ("A" if key[-1] != "A" else "B"), f"pxk_{id}_",
        f"pxk_{id}", "pxk_", "pxk__", f"pxk_{'0' * 12}_{secret}", secret, key.upper(),
        f"pxk_%_{secret}",
        services.keys.server_digest, services.keyring.digest(secret), key.replace("pxk_", "pxk-"),
        "pxk_\u00e9_x",
    ):  # fmt: skip
        said = await client.post("/v1/decide", json={**asked, "writeKey": wrong})
        assert said.status_code == 403, wrong
        assert "unknown" in said.text
        assert "revoked" not in said.text
    now[0] += 2 * MINUTE
    again = await rotate(services, RotateKey(key=id, overlap=HOUR))
    assert (await status(key))[0] == (await status(again.key))[0] == 200
    assert again.shown.state == "rotating"
    now[0] += HOUR
    assert (await status(again.key))[0] == 200
    code, text = await status(key)
    assert (code, "rotated" in text) == (403, True)
    third = await rotate(services, RotateKey(key=again.key, overlap=0))
    assert (await status(again.key))[0] == 403
    assert (await status(third.key))[0] == 200
    now[0] += DAY
    code, text = await status(third.key)
    assert (code, "expired" in text) == (403, True)
    with pytest.raises(BadInput):
        await rotate(services, RotateKey(key=id))
    other = await made(services, "decide", name="another")
    assert (await status(other))[0] == 200
    await revoke(services, RevokeKey(key="another"))
    code, text = await status(other)
    assert (code, "revoked" in text) == (403, True)
    forged = other.rsplit("_", 1)[0] + "_" + "x" * 43
    assert "revoked" not in (await status(forged))[1], "who has not the secret learns nothing"
    states = {each.name: each.state for each in (await list_keys(services, ListKeys())).keys}
    assert states == {"a test": "expired", "another": "revoked"}


async def test_a_key_of_another_home_opens_nothing(client: Any, services: Any) -> None:
    async with open_home(None, ServerSettings(store="memory")) as other:
        key = await made(other, *KeyScope)
        kept = await other.store.values("apikey/")
    assert key.rsplit("_", 1)[1].encode() not in b"".join(kept.values()), "only a hash is kept"
    asked = BODIES["/v1/decide"]
    assert (await client.post("/v1/decide", json=asked, headers=bearer(key))).status_code == 403
    # Not even with its row copied over: hashes are keyed with the home's secret.
    for name, value in kept.items():
        await services.store.set_value(name, value)
    await services.keyring.refresh(services.store)
    assert (await client.post("/v1/decide", json=asked, headers=bearer(key))).status_code == 403


async def test_wrong_keys_in_great_number_are_told_to_wait(client: Any, services: Any) -> None:
    now = [services.clock()]
    services.clock = lambda: now[0]
    key = await made(services, "decide", "erase")
    codes = []
    for number in range(WRONG_KEYS + 2):
        answer = await client.delete(
            "/v1/visitors/a:nobody", headers=bearer(f"pxk_{number:012x}_guess")
        )
        codes.append(answer.status_code)
    assert codes == [403] * WRONG_KEYS + [429, 429]
    assert 1 <= int(answer.headers["retry-after"]) <= 61
    right = await client.post("/v1/decide", json=BODIES["/v1/decide"], headers=bearer(key))
    assert right.status_code == 200, "who has a key is not kept waiting by who has none"
    now[0] += MINUTE
    answer = await client.delete("/v1/visitors/a:nobody", headers=bearer("pxk_x_guess"))
    assert answer.status_code == 403


async def test_segments_clients_send_keys_in_all_their_ways(client: Any, services: Any) -> None:
    key = await made(services, "collect")
    event = {"event": "Seen", "anonymousId": "v1"}
    basic = base64.b64encode(f"{key}:".encode()).decode()
    ways: tuple[dict[str, Any], ...] = (
        {"headers": {"Authorization": f"Basic {basic}"}, "json": event},
        {"headers": bearer(key), "json": event},
        {"headers": {"X-API-Key": key}, "json": event},
        {"json": {**event, "writeKey": key}},
        {"json": event, "params": {"writeKey": key}},
    )
    for way in ways:
        assert (await client.post("/v1/track", **way)).status_code == 200
    secret = await made(services, "collect", "identify", name="a server")
    in_address = await client.post("/v1/track", json=event, params={"writeKey": secret})
    assert in_address.status_code == 401, "addresses are logged"
    settings = await client.get(f"/v1/projects/{key}/settings")
    assert settings.json()["integrations"]["Segment.io"]["apiKey"] == key


async def test_only_the_scope_identify_makes_what_is_said_verified(
    client: Any, services: Any
) -> None:
    claims = await made(services, "collect", "decide", name="claims")
    vouches = await made(services, "collect", "identify", name="vouches")
    for key, user in ((claims, "ann"), (vouches, "bob")):
        said = {"anonymousId": f"device of {user}", "userId": user, "traits": {"industry": "SaaS"}}
        assert (await client.post("/v1/identify", json=said, headers=bearer(key))).is_success
    reader = see(services.store)
    assert await reader.states(user_key("ann")) == []
    assert len(await reader.linked(user_key("bob"))) == 2
    assert len(await reader.linked(user_key("ann"))) == 1


async def test_a_key_reads_others_as_far_as_its_scopes_say(client: Any, services: Any) -> None:
    visitor = new_id()
    client.cookies.set("persx_visitor", services.signer.visitor(visitor), "site.test")
    assert (await client.put("/v1/state", json={"industry": "SaaS"})).is_success
    client.cookies.clear()
    export = await made(services, "export", name="support")
    read = await client.get(f"/v1/me?anonymousId={visitor}", headers=bearer(export))
    assert read.status_code == 200
    assert (await looks(services))[0].by == "key 'support'", "who looked is noted by name"
    decide = await made(services, "decide", name="page")
    by_user = {"userId": "ann", "page": "home"}
    refused = await client.post("/v1/decide", json=by_user, headers=bearer(decide))
    assert refused.status_code == 403
    assert "profile:read" in refused.text
    anyone = await made(services, "decide", "profile:read", name="app")
    assert (await client.post("/v1/decide", json=by_user, headers=bearer(anyone))).is_success


async def test_who_may_answer_for_others_may_not_erase_them_by_that(
    client: Any, services: Any
) -> None:
    key = await made(services, "consent:write")
    said = {"purposes": {"personalization": False}, "anonymousId": "v1"}
    assert (await client.post("/v1/consent", json=said, headers=bearer(key))).is_success
    refused = await client.post("/v1/consent", json={**said, "erase": True}, headers=bearer(key))
    assert refused.status_code == 403
    assert "'erase'" in refused.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "", "scopes": ["decide"]},
        {"name": " ", "scopes": ["decide"]},
        {"name": "x" * 81, "scopes": ["decide"]},
        {"name": "a\nb", "scopes": ["decide"]},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["decid"]},
        {"name": "x", "scopes": ["decide", "*"]},
        {"name": "x", "scopes": ["decide"], "lasts": 0},
        {"name": "x", "scopes": ["decide"], "lasts": -1},
        {"name": "x", "scopes": ["decide"], "lasts": 20_000 * DAY},
    ],
)
async def test_no_key_is_made_that_nobody_meant(services: Any, wrong: Any) -> None:
    with pytest.raises(BadInput):
        await create(services, CreateKey(**wrong))
    with pytest.raises(NotFound):
        await revoke(services, RevokeKey(key="pxk_nothing_secret"))
    assert (await list_keys(services, ListKeys())).keys == ()


async def test_when_a_key_was_last_used_is_written_behind(client: Any, services: Any) -> None:
    key = await made(services, "decide")
    await client.post("/v1/decide", json=BODIES["/v1/decide"], headers=bearer(key))
    assert await services.store.values("apikey-used/") == {}, "not with the request"
    await services.keyring.write_uses(services.store)
    (shown,) = (await list_keys(services, ListKeys())).keys
    assert shown.used is not None
    (kept,) = (await services.store.values("apikey-used/")).values()
    assert int(kept) == shown.used


async def test_keys_are_made_rotated_and_revoked_in_the_studio(client: Any, services: Any) -> None:
    form: dict[str, Any] = {"name": "Shop <server>", "scope": ["collect", "identify"]}
    await make_account(services, "pia", "publisher", visitors=True)
    await sign_in(client, "pia")
    assert "Make a key" not in (await client.get("/admin/keys")).text, "it is for administrators"
    client.cookies.clear()
    form["csrf"] = await enter(client, services)
    other_site = {"Sec-Fetch-Site": "cross-site"}
    assert (await client.post("/admin/keys", data=form, headers=other_site)).status_code == 403
    assert (await list_keys(services, ListKeys())).keys == ()
    shown = await client.post("/admin/keys", data=form)
    assert shown.status_code == 200, shown.text
    assert "no-store" in shown.headers["cache-control"]
    (key,) = re.findall(r"pxk_[0-9a-f]{12}_[\w-]{43}", shown.text)
    assert "Shop &lt;server&gt;" in shown.text
    listed = (await client.get("/admin/keys")).text
    assert key not in listed, "it is shown once"
    id, token = key.split("_")[1], {"csrf": form["csrf"]}
    turned = await client.post(f"/admin/keys/{id}/rotate", data={**token, "overlap": "now"})
    (new,) = re.findall(r"pxk_[0-9a-f]{12}_[\w-]{43}", turned.text)
    assert new != key
    event = {"event": "Seen", "anonymousId": "v1"}
    assert (await client.post("/v1/track", json=event, headers=bearer(new))).is_success
    assert (await client.post("/v1/track", json=event, headers=bearer(key))).status_code == 403
    gone = await client.post(f"/admin/keys/{id}/revoke", data=token)
    assert gone.headers["location"] == "/admin/keys"
    assert (await client.post(f"/admin/keys/{id}/revoke", data=token)).status_code == 303
    assert (await client.post("/v1/track", json=event, headers=bearer(new))).status_code == 403
    assert (await client.post("/admin/keys/nothing/revoke", data=token)).status_code == 422
    bad = await client.post("/admin/keys", data={**token, "name": "x", "scope": ["all"]})
    assert (bad.status_code, "Unknown scope" in bad.text) == (422, True)
    noted = (await audit.entries(services, AuditRequest(what="key"))).entries
    assert [each.what for each in noted] == ["key.revoke", "key.rotate", "key.create"]
    assert {each.on for each in noted} == {"Shop <server>"}
    assert key.split("_", 2)[2] not in repr(noted)


async def test_what_a_key_does_is_noted_under_its_name(client: Any, services: Any) -> None:
    key = await made(services, "erase", name="CI")
    erased = await client.delete("/v1/visitors/a:nobody", headers=bearer(key))
    assert erased.status_code == 200
    by_command = await client.post(
        "/v1/commands/erase", json={"anonymous": "nobody"}, headers=bearer(key)
    )
    assert by_command.status_code == 200
    noted = (await audit.entries(services, AuditRequest(what="visitor"))).entries
    assert [each.who for each in noted] == ["key 'CI'"] * 2


async def test_the_bootstrap_keys_still_open_what_they_opened(client: Any) -> None:
    for key, user, code in (
        (WRITE_KEY, {}, 200),
        (WRITE_KEY, {"userId": "ann"}, 403),
        (SERVER_KEY, {"userId": "ann"}, 200),
        ("nothing", {}, 403),
    ):
        asked = {"page": "home", **(user or {"anonymousId": "v1"})}
        answer = await client.post("/v1/decide", json=asked, headers=bearer(key))
        assert answer.status_code == code
