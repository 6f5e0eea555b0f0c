"""The studio's doors: every route as everybody, and the attacks on signing in and on sessions."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from starlette.routing import Route

from persx.app import audit
from persx.app.access import make_invitation, make_link
from persx.app.accounts import accounts, change_account
from persx.app.audit import AuditRequest
from persx.app.looks import looks
from persx.app.publishing import PushRequest, push
from persx.app.sessions import IDLE, LONGEST, key_of
from persx.app.throttle import ACCOUNT, PAIR
from persx.app.totp import STEP, code, new_secret, recovery_hash
from persx.model.clock import HOUR, MINUTE
from persx.model.staff import NEEDS, Action, Role
from persx.web.admin.routes import DOORS
from persx.web.server import create_app
from tests.staff import PHRASE, account, csrf, csrf_in, enter, make_account, send, sign_in

pytestmark = pytest.mark.anyio

COOKIE = "persx_admin"


def another(services: Any, address: str = "127.0.0.1") -> httpx.AsyncClient:
    """Another browser, from some address."""
    transport = httpx.ASGITransport(
        create_app(services), client=(address, 1), raise_app_exceptions=False
    )
    return httpx.AsyncClient(transport=transport, base_url="http://site.test")


def path_of(path: str) -> str:
    return re.sub(r"{\w+}", "holdout", path)


async def deeds(services: Any, what: str = "") -> list[tuple[str, str, str]]:
    found = (await audit.entries(services, AuditRequest(what=what))).entries
    return [(each.who, each.what, each.on) for each in reversed(found)]


async def test_every_route_of_the_studio_has_a_door(services: Any) -> None:
    routes = {
        (method, route.path)
        for route in create_app(services).routes
        if isinstance(route, Route) and route.path.startswith("/admin")
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert routes == {(door.method, door.path) for door in DOORS}
    assert set(NEEDS) == set(Action)
    open_to_all = {door.path for door in DOORS if door.action is None}
    assert open_to_all == {
        "/admin/login", "/admin/code", "/admin/enter/{token}", "/admin/join/{token}",
    }  # fmt: skip


@pytest.mark.usefixtures("quick_passwords")
@pytest.mark.parametrize("sees", [False, True], ids=["", "sees-visitors"])
@pytest.mark.parametrize("role", ["nobody", *Role])
async def test_every_door_as_everybody(client: Any, services: Any, role: str, sees: bool) -> None:
    token = ""
    if role != "nobody":
        await make_account(services, "somebody", role, visitors=sees)
        assert (await sign_in(client, "somebody")).status_code == 303
        token = await csrf(client)
    for door in DOORS:
        if door.action is None or door.path in ("/admin/logout", "/admin/bar"):
            continue
        path = path_of(door.path)
        fields = {"csrf": token, "name": "nobody-there", "id": "nobody", "do": "nothing"}
        data = fields if door.method == "POST" else None
        answer = await client.request(door.method, path, data=data)
        if role == "nobody":
            shown = door.method == "GET" and "." not in path
            assert answer.status_code == (200 if shown else 403), path
            assert "<h1>Sign in</h1>" in answer.text, path
            continue
        need = NEEDS[door.action]
        may = Role(role).includes(need.role) and (not need.visitors or sees or role == "admin")
        refused = "This is not for your role" in answer.text
        assert refused is not may, (path, answer.status_code)
        assert (answer.status_code == 403) is refused or "current password" in answer.text, path
        if refused:
            wanted = "visitors&#39; data" if need.visitors else f"the role {need.role.value}"
            assert wanted in answer.text, path
    shown = (await client.get("/admin")).text
    assert ('href="/admin/people"' in shown) is (role == "admin")


async def test_forms_without_their_token_do_nothing(client: Any, services: Any) -> None:
    token = await enter(client, services)
    for door in DOORS:
        if door.method != "POST" or door.action is None:
            continue
        for fields, headers in (
            ({}, {}),
            ({"csrf": "0" * 40}, {}),
            ({"csrf": token}, {"Sec-Fetch-Site": "cross-site"}),
            ({"csrf": token}, {"Sec-Fetch-Site": "same-site"}),
            ({"csrf": token}, {"Origin": "https://evil.example"}),
            ({"csrf": token}, {"Origin": "null"}),
        ):
            sent = {"name": "eve", "role": "admin", "do": "publish", **fields}
            answer = await client.post(door.path, data=sent, headers=headers)
            assert answer.status_code == 403, (door.path, fields, headers)
            assert "was not sent from the studio" in answer.text
    assert [each.name for each in await accounts(services)] == ["admin"]
    assert (await client.get("/admin/account")).text.count("Sign out") >= 1


async def test_a_token_is_of_its_session_alone(client: Any, services: Any) -> None:
    await make_account(services, "eve", "admin")
    token = await enter(client, services)
    async with another(services) as eve:
        await sign_in(eve, "eve")
        answer = await eve.post("/admin/people", data={"name": "x", "csrf": token})
        assert answer.status_code == 403


async def test_signing_in_gives_an_id_that_nobody_knew(client: Any, services: Any) -> None:
    await make_account(services, "ada")
    client.cookies.set(COOKIE, "chosen-by-an-attacker", domain="site.test", path="/admin")
    page = (await client.get("/admin")).text
    assert "<h1>Sign in</h1>" in page
    sent = {"name": "ada", "password": PHRASE, "csrf": csrf_in(page)}
    answer = await client.post("/admin/login", data=sent, headers={"Origin": "http://site.test"})
    cookie = next(each for each in answer.headers.get_list("set-cookie") if each.startswith(COOKIE))
    assert "chosen-by-an-attacker" not in cookie
    assert {"HttpOnly", "Path=/admin", "SameSite=lax"} <= set(cookie.split("; "))
    token = cookie.partition("=")[2].partition(";")[0]
    assert len(token) > 40
    kept = await services.store.values("session/")
    assert list(kept) == [f"session/{key_of(token)}"]
    assert token.encode() not in b"".join(kept.values()), "what is kept opens nothing"
    first = token
    await sign_in(client, "ada")
    async with another(services) as thief:
        thief.cookies.set(COOKIE, first)
        assert "Where you are signed in" in (await thief.get("/admin/account")).text


async def test_the_sign_in_form_is_not_sent_by_another_site(client: Any, services: Any) -> None:
    await make_account(services, "eve")
    page = (await client.get("/admin")).text
    right = {"name": "eve", "password": PHRASE}
    for fields, headers in (
        (right, {"Sec-Fetch-Site": "cross-site"}),
        (right, {"Sec-Fetch-Site": "same-origin"}),
        ({**right, "csrf": csrf_in(page)}, {"Origin": "https://evil.example"}),
        ({**right, "csrf": "x"}, {"Origin": "http://site.test"}),
    ):
        answer = await client.post("/admin/login", data=fields, headers=headers)
        assert answer.status_code == 403
        assert COOKIE not in str(answer.headers.get_list("set-cookie"))
    assert (await sign_in(client, "eve")).status_code == 303


async def test_a_copy_of_the_cookie_is_worth_nothing_after_signing_out(
    client: Any, services: Any
) -> None:
    await make_account(services, "ada", visitors=True)
    await sign_in(client, "ada")
    stolen = client.cookies.get(COOKIE, path="/admin")
    preview = client.cookies["persx_preview"]
    async with another(services) as thief:
        thief.cookies.set(COOKIE, stolen)
        thief.cookies.set("persx_preview", preview)
        assert "Visitors" in (await thief.get("/admin/visitors")).text
        assert 'data-testid="admin-bar"' in (await thief.get("/")).text
        await send(client, "/admin/logout")
        assert COOKIE not in client.cookies
        assert "<h1>Sign in</h1>" in (await thief.get("/admin/visitors")).text
        assert 'data-testid="admin-bar"' not in (await thief.get("/")).text
    assert ("ada", "sign-out", "ada") in await deeds(services)


async def test_the_bars_cookie_opens_no_door(client: Any, services: Any) -> None:
    await enter(client, services)
    preview = client.cookies["persx_preview"]
    async with another(services) as thief:
        thief.cookies.set("persx_preview", preview)
        page = (await thief.get("/")).text
        assert 'data-testid="admin-bar"' in page
        assert "<h1>Sign in</h1>" in (await thief.get("/admin/people")).text
        token = re.search(r'name="csrf" value="(\w+)"', page)[1]
        answer = await thief.post("/admin/people", data={"name": "eve", "csrf": token})
        assert answer.status_code == 403
    assert [each.name for each in await accounts(services)] == ["admin"]


async def test_sessions_end_by_themselves_and_outlive_a_restart(client: Any, services: Any) -> None:
    await make_account(services, "ada")
    now = services.clock()
    await sign_in(client, "ada")

    async def is_in(moment: int) -> bool:
        services.clock = lambda: moment
        return "Where you are signed in" in (await client.get("/admin/account")).text

    async with another(services) as restarted:
        restarted.cookies.set(COOKIE, client.cookies.get(COOKIE, path="/admin"))
        assert "Where you are signed in" in (await restarted.get("/admin/account")).text
    for hours in range(1, LONGEST // HOUR):
        assert await is_in(now + hours * HOUR), hours
    assert not await is_in(now + LONGEST + MINUTE)
    services.clock = lambda: now + LONGEST + HOUR
    await sign_in(client, "ada")
    assert not await is_in(now + LONGEST + HOUR + IDLE)
    assert await services.store.values("session/") == {}


async def test_what_ends_sessions_ends_them_with_the_next_request(
    client: Any, services: Any
) -> None:
    async def is_in(browser: Any) -> bool:
        return "Where you are signed in" in (await browser.get("/admin/account")).text

    await enter(client, services)
    for deed in ("disable", "sessions", "reset-totp", "remove"):
        await make_account(services, f"ada-{deed}", "admin")
        async with another(services) as ada:
            await sign_in(ada, f"ada-{deed}")
            assert await is_in(ada)
            answer = await send(client, "/admin/people/change", name=f"ada-{deed}", do=deed)
            assert answer.status_code == 200, answer.text
            assert not await is_in(ada), deed
    await send(client, "/admin/people/change", name="ada-disable", do="enable")
    async with another(services) as ada:
        assert (await sign_in(ada, "ada-disable")).status_code == 303


async def test_a_new_password_ends_all_other_sessions(client: Any, services: Any) -> None:
    await make_account(services, "ada")
    async with another(services) as elsewhere:
        await sign_in(elsewhere, "ada")
        await sign_in(client, "ada")
        old = client.cookies.get(COOKIE, path="/admin")
        new = "nine grey geese at dusk"
        fields = {"current": "wrong", "password": new, "again": new}
        refused = await send(client, "/admin/account/password", **fields)
        assert (refused.status_code, "not your current" in refused.text) == (403, True)
        fields["current"] = PHRASE
        weak = await send(
            client, "/admin/account/password", current=PHRASE, password="short", again="short"
        )
        assert (weak.status_code, "at least 12" in weak.text) == (422, True)
        assert (await send(client, "/admin/account/password", **fields)).status_code == 303
        assert (
            "Your password is changed"
            in (await client.get("/admin/account", params={"done": "password"})).text
        )
        assert client.cookies.get(COOKIE, path="/admin") != old
        for browser in (elsewhere,):
            assert "<h1>Sign in</h1>" in (await browser.get("/admin/account")).text
    async with another(services) as thief:
        thief.cookies.set(COOKIE, old)
        assert "<h1>Sign in</h1>" in (await thief.get("/admin/account")).text
        assert (await sign_in(thief, "ada")).status_code == 403
        assert (await sign_in(thief, "ada", new)).status_code == 303


async def test_a_role_is_what_it_is_now(client: Any, services: Any) -> None:
    await make_account(services, "ada", "admin")
    await enter(client, services)
    async with another(services) as ada:
        await sign_in(ada, "ada")
        assert (await ada.get("/admin/people")).status_code == 200
        changed = await send(client, "/admin/people/change", name="ada", do="role", role="viewer")
        assert changed.status_code == 200
        assert (await ada.get("/admin/people")).status_code == 403
        for path, fields in (
            ("/admin/people/change", {"name": "ada", "do": "role", "role": "admin"}),
            ("/admin/people", {"name": "eve", "role": "admin"}),
            ("/admin/publications", {"do": "activate", "number": "1"}),
            ("/admin/account/password", {"role": "admin", "name": "admin"}),
        ):
            await send(ada, path, **fields)
        assert (await account(services, "ada")).role is Role.VIEWER
        assert {each.name for each in await accounts(services)} == {"admin", "ada"}
    what = [each for each in await deeds(services) if each[1] == "account.role"]
    assert what == [("admin", "account.role", "ada")]


async def test_nobody_takes_the_last_administrator_not_even_two_at_once(
    client: Any, services: Any
) -> None:
    token = await enter(client, services)
    for fields in ({"do": "role", "role": "viewer"}, {"do": "disable"}, {"do": "remove"}):
        answer = await send(client, "/admin/people/change", name="admin", **fields)
        assert answer.status_code == 409
        assert "last administrator" in answer.text
    await make_account(services, "ada", "admin")

    async def demote(name: str) -> int:
        fields = {"name": name, "do": "role", "role": "viewer", "csrf": token}
        return int((await client.post("/admin/people/change", data=fields)).status_code)

    done = await asyncio.gather(demote("ada"), demote("admin"))
    assert sorted(done) in ([200, 403], [200, 409])
    assert len([each for each in await accounts(services) if each.role is Role.ADMIN]) == 1


@pytest.mark.usefixtures("quick_passwords")
async def test_guessing_is_slowed_down_and_the_owner_gets_in(client: Any, services: Any) -> None:
    await make_account(services, "ada")
    now = services.clock()
    services.clock = lambda: now
    await sign_in(client, "ada")
    await send(client, "/admin/logout")
    async with another(services, "198.51.100.7") as thief:
        seen = [
            (await sign_in(thief, "ada", f"a guess number {each}")) for each in range(PAIR.free + 2)
        ]
        assert [each.status_code for each in seen] == [403] * PAIR.free + [429, 429]
        assert seen[-1].headers["retry-after"] == "1"
        right = await sign_in(thief, "ada")
        assert right.status_code == 429, "a right password comes too early too"
        assert COOKIE not in thief.cookies
    for number in range(ACCOUNT.free):
        async with another(services, f"192.0.2.{number}") as one_of_many:
            last = await sign_in(one_of_many, "ada", "a guess from everywhere")
    assert last.status_code == 429, "many addresses are no way around it"
    assert (await sign_in(client, "ada")).status_code == 303, "the owner's device is"
    await send(client, "/admin/logout")
    link = await make_link(services)
    async with another(services, "198.51.100.7") as console:
        assert (await console.get(link)).status_code == 303, "and so is a link"
    services.clock = lambda: now + 2 * HOUR
    async with another(services, "198.51.100.7") as later:
        assert (await sign_in(later, "ada")).status_code == 303, "and time"


async def test_tries_at_once_are_no_way_around_it(services: Any) -> None:
    await make_account(services, "ada")
    now = services.clock()
    services.clock = lambda: now
    async with another(services) as thief:
        page = csrf_in((await thief.get("/admin")).text)
        answers = await asyncio.gather(
            *(
                thief.post(
                    "/admin/login", data={"name": "ada", "password": f"guess {n}", "csrf": page}
                )
                for n in range(40)
            )
        )
    assert sum(each.status_code == 403 for each in answers) <= PAIR.free
    assert {each.status_code for each in answers} <= {403, 429}


async def test_nobody_learns_who_has_an_account(services: Any) -> None:
    await make_account(services, "ada")
    await make_account(services, "gone")
    await change_account(
        services,
        "gone",
        lambda each: type(each)(
            **{**{f: getattr(each, f) for f in each.__struct_fields__}, "disabled": True}
        ),
    )
    now = services.clock()
    services.clock = lambda: now
    answers = {}
    compared = []
    verify = services.doorkeeper.desk.verify

    async def counted(kept: str, password: str) -> bool:
        compared.append(password)
        return bool(await verify(kept, password))

    services.doorkeeper.desk.verify = counted
    for name in ("ada", "gone", "nobody@example.com"):
        async with another(services) as browser:
            seen = []
            for _ in range(PAIR.free + 1):
                answer = await sign_in(browser, name, "not the password")
                text = re.sub(r'(name="csrf" value=")\w+', r"\1", answer.text).replace(name, "X")
                seen.append((answer.status_code, answer.headers.get("retry-after"), text))
            answers[name] = seen
        services.doorkeeper.throttle = type(services.doorkeeper.throttle)()
    assert answers["ada"] == answers["gone"] == answers["nobody@example.com"]
    assert len(compared) == 3 * PAIR.free, "each time a hash is computed"
    kept = str(await deeds(services)) + str((await audit.entries(services, AuditRequest())).entries)
    assert "nobody@example.com" not in kept, "what was typed may have been a password"
    assert "not the password" not in kept


@pytest.mark.usefixtures("quick_passwords")
async def test_a_flood_of_sign_ins_is_turned_away(services: Any) -> None:
    await make_account(services, "ada")
    browsers = [another(services, f"192.0.2.{n}") for n in range(40)]
    answers = await asyncio.gather(
        *(
            each.post("/admin/login", data={"name": f"nobody-{n}", "password": "x"})
            for n, each in enumerate(browsers)
        )
    )
    codes = {each.status_code for each in answers}
    assert codes == {403, 503}
    assert {each.headers["retry-after"] for each in answers if each.status_code == 503} == {"2"}
    assert (await browsers[0].get("/healthz")).status_code == 200
    for each in browsers:
        await each.aclose()


async def with_totp(services: Any, name: str, codes: tuple[str, ...] = ()) -> str:
    secret = new_secret()
    hashed = tuple(recovery_hash(each, services.keys.secret) for each in codes)
    await change_account(services, name, lambda each: replace(each, totp=secret, recovery=hashed))
    return secret


async def send_code(client: Any, text: str) -> Any:
    page = (await client.get("/admin/code")).text
    return await client.post(
        "/admin/code",
        data={"code": text, "csrf": csrf_in(page)},
        headers={"Sec-Fetch-Site": "same-origin"},
    )


async def test_a_code_is_asked_for_and_counts_once(client: Any, services: Any) -> None:
    await make_account(services, "ada")
    secret = await with_totp(services, "ada", ("k3m9p-x2vqa",))
    now = services.clock()
    services.clock = lambda: now
    right = code(secret, now // STEP)
    assert (await client.get("/admin/code")).headers["location"] == "/admin"
    answer = await sign_in(client, "ada")
    assert answer.headers["location"] == "/admin/code"
    assert "<h1>Sign in</h1>" in (await client.get("/admin/account")).text, "half is not in"
    assert (await send_code(client, "000000")).status_code == 403
    assert (await send_code(client, right[:3] + " " + right[3:])).status_code == 303
    assert "Where you are signed in" in (await client.get("/admin/account")).text
    async with another(services) as thief:
        await sign_in(thief, "ada")
        assert (await send_code(thief, right)).status_code == 403, "replayed"
        assert (await send_code(thief, code(secret, now // STEP - 1))).status_code == 403, "older"
        assert (await send_code(thief, "K3M9P X2VQA")).status_code == 303, "a recovery code"
        await send(thief, "/admin/logout")
        await sign_in(thief, "ada")
        assert (await send_code(thief, "k3m9p-x2vqa")).status_code == 403, "which works once"
    how = [
        each.detail
        for each in (await audit.entries(services, AuditRequest(what="sign-in"))).entries
    ]
    assert "password and recovery code" in how
    assert "password and code" in how


@pytest.mark.usefixtures("quick_passwords")
async def test_one_code_signs_in_one_of_two_at_once(services: Any) -> None:
    await make_account(services, "ada")
    secret = await with_totp(services, "ada")
    right = code(secret, services.clock() // STEP)
    browsers = [another(services) for _ in range(6)]
    for each in browsers:
        await sign_in(each, "ada")
    answers = await asyncio.gather(*(send_code(each, right) for each in browsers))
    assert sum(each.status_code == 303 for each in answers) == 1
    for each in browsers:
        await each.aclose()


async def test_codes_cannot_be_guessed_nor_the_password_be_old(client: Any, services: Any) -> None:
    await make_account(services, "ada")
    secret = await with_totp(services, "ada")
    now = services.clock()
    services.clock = lambda: now
    await sign_in(client, "ada")
    codes = [(await send_code(client, f"{number:06}")).status_code for number in range(8)]
    assert codes[-1] == 429
    services.clock = lambda: now + 6 * MINUTE
    late = await client.post("/admin/code", data={"code": code(secret, (now + 6 * MINUTE) // STEP)})
    assert late.status_code == 403
    assert "took too long" in late.text


async def test_setting_up_the_second_factor(client: Any, services: Any) -> None:
    await make_account(services, "ada")
    await sign_in(client, "ada")
    assert (await send(client, "/admin/account/totp")).status_code == 303
    page = (await client.get("/admin/account")).text
    secret = re.search(r'data-testid="secret">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    assert "otpauth://totp/" in page
    assert '<svg class="qr"' in page
    assert (await account(services, "ada")).totp == "", "not before it is confirmed"
    assert secret.encode() not in b"".join((await services.store.values("session/")).values())
    assert (await send(client, "/admin/account/totp/confirm", code="123")).status_code == 422
    done = await send(
        client, "/admin/account/totp/confirm", code=code(secret, services.clock() // STEP)
    )
    codes = re.findall(r"<li><code>([\w-]+)</code>", done.text)
    assert len(codes) == 10
    kept = b"".join((await services.store.values("account/")).values())
    assert not any(each.encode() in kept for each in [*codes, secret])
    assert secret not in (await client.get("/admin/account")).text, "never shown again"
    again = await send(client, "/admin/account/totp")
    assert again.status_code == 409
    off = await send(client, "/admin/account/totp/off", current="wrong")
    assert off.status_code == 403
    renewed = await send(client, "/admin/account/recovery", current=PHRASE)
    assert not set(codes) & set(re.findall(r"<li><code>([\w-]+)</code>", renewed.text))
    assert (await send(client, "/admin/account/totp/off", current=PHRASE)).status_code == 303
    assert (await account(services, "ada")).totp == ""
    assert [what for _, what, _ in await deeds(services, "account")] == [
        "account.totp", "account.recovery", "account.totp",
    ]  # fmt: skip


async def test_an_invitation_is_taken_once_by_one(client: Any, services: Any) -> None:
    await enter(client, services)
    made = await send(client, "/admin/people", name=" Ada@Example.com ", role="editor")
    link = re.search(r"http://site\.test(/admin/join/[\w-]+)", made.text)[1]
    assert "ada@example.com" in made.text
    assert link not in (await client.get("/admin/people")).text, "shown only now"
    browsers = [another(services) for _ in range(6)]
    for each in browsers:
        assert "ada@example.com" in (await each.get(link)).text, "looking does not use it up"
    weak = await browsers[0].post(link, data={"password": "short", "again": "short"})
    assert weak.status_code == 422
    unlike = await browsers[0].post(link, data={"password": PHRASE, "again": PHRASE + "!"})
    assert "not the same" in unlike.text
    foreign = {"Sec-Fetch-Site": "cross-site"}
    both = {"password": PHRASE, "again": PHRASE}
    assert (await browsers[0].post(link, data=both, headers=foreign)).status_code == 403
    answers = await asyncio.gather(
        *(
            each.post(link, data={"password": f"{PHRASE} {n}", "again": f"{PHRASE} {n}"})
            for n, each in enumerate(browsers)
        )
    )
    assert sorted(each.status_code for each in answers) == [303] + [403] * 5
    winner = next(n for n, each in enumerate(answers) if each.status_code == 303)
    assert "Where you are signed in" in (await browsers[winner].get("/admin/account")).text
    assert (await browsers[winner].get("/admin/people")).status_code == 403
    for each in browsers:
        await each.aclose()


async def test_a_one_time_link_signs_in_one_of_two_at_once(services: Any) -> None:
    link = await make_link(services)
    browsers = [another(services) for _ in range(8)]
    answers = await asyncio.gather(*(each.get(link) for each in browsers))
    assert sorted(each.status_code for each in answers) == [303] + [403] * 7
    for each in browsers:
        await each.aclose()


async def test_a_newer_link_or_password_ends_an_older_link(services: Any) -> None:
    ada = await make_account(services, "ada")
    old, new = await make_invitation(services, ada), await make_invitation(services, ada)
    async with another(services) as browser:
        assert (await browser.get(old)).status_code == 403
        assert (await browser.get(new)).status_code == 200
        await sign_in(browser, "ada")
        fresh = "nine grey geese at dusk"
        await send(browser, "/admin/account/password", current=PHRASE, password=fresh, again=fresh)
        assert (await browser.get(new)).status_code == 403
        assert (await browser.get("/admin/join/%00<script>")).status_code == 403


async def test_where_one_wanted_to_go_is_ours(client: Any, services: Any) -> None:
    await make_account(services, "ada")
    asked = (await client.get("/admin/attributes?x=1")).text
    assert 'name="next" value="/admin/attributes?x=1"' in asked
    for target, leads in (
        ("/admin/attributes?x=1", "/admin/attributes?x=1"),
        ("https://evil.example/", "/admin"),
        ("//evil.example", "/admin"),
        ("/admin/../..//evil.example\\", "/admin"),
        ("/start", "/admin"),
    ):
        sent = {"name": "ada", "password": PHRASE, "next": target}
        answer = await client.post("/admin/login", data=sent)
        assert answer.headers["location"] == leads


async def test_publications_and_looks_carry_who_did_it(client: Any, services: Any) -> None:
    await make_account(services, "grace", "publisher", visitors=True)
    await sign_in(client, "grace")
    drafts = await services.store.drafts()
    path = "settings.yaml"
    text = drafts[path].text.replace("PersX.ai", "PersX", 1)
    files = {each.path: each.text for each in drafts.values()} | {path: text}
    base = {each.path: each.digest for each in drafts.values()}
    await push(services, PushRequest(files=files, base=base))
    done = await send(client, "/admin/publications", do="publish", message="shorter")
    assert done.status_code == 303, done.text
    head = (await services.store.snapshots())[0]
    assert (head.number, head.author, head.message) == (2, "grace", "shorter")
    assert (await send(client, "/admin/publications", do="activate", number="1")).status_code == 303
    assert await services.store.active_number() == 1
    assert (await send(client, "/admin/publications", do="activate", number="9")).status_code == 422
    await send(client, "/admin/visitors", id="nobody-at-all")
    told = await deeds(services)
    assert ("grace", "snapshot.publish", "2") in told
    assert ("grace", "snapshot.activate", "1") in told
    assert ("grace", "visitor.look", "") in told
    kept = str((await audit.entries(services, AuditRequest())).entries)
    assert "nobody-at-all" not in kept
    assert [look.by for look in await looks(services)] == ["grace"]


async def test_the_audit_page_filters_exports_and_checks(client: Any, services: Any) -> None:
    await enter(client, services)
    await send(client, "/admin/people", name="=1+1@example", role="viewer")
    await send(
        client, "/admin/people", name="bob", role="viewer", display="<script>alert(1)</script>"
    )
    page = (await client.get("/admin/audit", params={"what": "account", "who": "admin"})).text
    assert "added an account <b>bob</b>" in page
    assert "<script>alert" not in page + (await client.get("/admin/people")).text
    assert "Nothing fits" in (await client.get("/admin/audit?who=nobody-here")).text
    assert (await client.get("/admin/audit?since=yesterday")).status_code == 422
    assert "rest on each other" in (await client.get("/admin/audit?check=1")).text
    lines = (await client.get("/admin/audit.jsonl")).text.splitlines()
    table = (await client.get("/admin/audit.csv")).text.splitlines()
    assert len(table) == len(lines) + 1
    assert table[0].startswith("number,time,who")
    for number in range(120):
        await audit.note(services, audit.Actor("ada"), audit.Noted("sign-in", str(number)))
    first = (await client.get("/admin/audit?who=ada")).text
    older = re.search(r'href="\?([^"]+)">Older', first)[1].replace("&amp;", "&")
    assert "who=ada" in older
    assert "Newest" in (await client.get(f"/admin/audit?{older}")).text


async def test_hostile_texts_harm_no_page(client: Any, services: Any) -> None:
    await enter(client, services)
    for text in (
        "<script>alert(1)</script>",
        "a" * 5_000,
        "\x00",
        "\ud800".encode("utf-8", "replace").decode(),
        "u:ada",
        "a b",
    ):
        answer = await send(client, "/admin/people", name=text)
        assert answer.status_code == 422, text[:20]
        assert "<script>alert" not in answer.text
        for path in ("/admin/people/change",):
            answer = await send(client, path, name=text, do="disable")
            assert answer.status_code == 404
        async with another(services) as stranger:
            answer = await stranger.post("/admin/login", data={"name": text, "password": text})
            assert answer.status_code == 403
            assert "<script>alert" not in answer.text
    assert [each.name for each in await accounts(services)] == ["admin"]
