"""Somebody of the team in tests: an account that is made and signed in, and its forms' token."""

from __future__ import annotations

import re
from typing import Any

from persx.app.access import ensure_password, make_link
from persx.app.accounts import add_account, find_account, new_account
from persx.app.passwords import PasswordDesk
from persx.app.services import Services
from persx.model.staff import Account, Role

PHRASE = "seven blue herons at dawn"
"""The password of every account that these tests make."""

_hashes: dict[str, str] = {}


async def make_account(
    services: Services, name: str, role: str = "viewer", **fields: Any
) -> Account:
    """Keep an account whose password is `PHRASE`; the hash is computed once."""
    await ensure_password(services)
    if PHRASE not in _hashes:
        _hashes[PHRASE] = await PasswordDesk().hash(PHRASE)
    account = new_account(
        name, role=Role(role), now=services.clock(), password=_hashes[PHRASE], **fields
    )
    await add_account(services, account)
    return account


async def account(services: Services, name: str) -> Account:
    """Return an account that is there."""
    found = await find_account(services, name)
    assert found is not None
    return found


def csrf_in(text: str) -> str:
    """Return the token in the first form of a page."""
    found = re.search(r'name="csrf" value="(\w+)"', text)
    assert found is not None, text[:2_000]
    return found[1]


async def csrf(client: Any) -> str:
    """Return the token of the studio's forms, for who is signed in."""
    return csrf_in((await client.get("/admin/account")).text)


async def sign_in(client: Any, name: str, password: str = PHRASE) -> Any:
    """Send the sign-in form as a browser does; return the answer."""
    client.cookies.delete("persx_admin") if "persx_admin" in client.cookies else None
    page = (await client.get("/admin")).text
    return await client.post(
        "/admin/login",
        data={"name": name, "password": password, "csrf": csrf_in(page)},
        headers={"Sec-Fetch-Site": "same-origin"},
    )


async def enter(client: Any, services: Services) -> str:
    """Sign in as the first administrator with a one-time link; return the forms' token."""
    assert (await client.get(await make_link(services))).status_code == 303
    return await csrf(client)


async def send(client: Any, path: str, **fields: str) -> Any:
    """Send a form of the studio with its token."""
    return await client.post(path, data={"csrf": await csrf(client), **fields})
