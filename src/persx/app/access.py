"""Ways in that need no password: the first account, and links that work once."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final, Literal

import msgspec

from persx.app.accounts import (
    accounts,
    add_account,
    change_account,
    find_account,
    new_account,
)
from persx.app.services import Services
from persx.model.clock import DAY, HOUR, Millis
from persx.model.staff import Account, Role

FIRST: Final = "admin"
"""The first account's name."""

LINK_LIFETIME: Final = HOUR
INVITATION_LIFETIME: Final = 3 * DAY

_LINK: Final = "admin:link:"
_OLD_PASSWORD: Final = "admin:password"

LinkKind = Literal["enter", "join"]
"""``enter`` signs in; with ``join`` somebody sets their password."""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """What a one-time link is good for; that of an earlier epoch is good for nothing."""

    until: Millis
    kind: LinkKind = "enter"
    account: str = FIRST
    id: str = ""
    epoch: int = 0


async def ensure_password(services: Services) -> str:
    """Make sure that there is an account; return its password only if it was made now.

    A password in the settings replaces the kept one of the account ``admin``.
    """
    given = services.settings.admin_password
    desk = services.doorkeeper.desk
    first = await find_account(services, FIRST)
    if first is not None:
        if given and not await desk.verify(first.password, given):
            hashed = await desk.hash(given)
            await change_account(services, FIRST, lambda each: _with_password(each, hashed))
        return ""
    if await accounts(services):
        # Somebody took it away on purpose.
        return ""
    kept = await services.store.value(_OLD_PASSWORD)
    made = "" if given or kept is not None else secrets.token_urlsafe(12)
    hashed = await desk.hash(given or made) if given or kept is None else kept.decode()
    first = new_account(FIRST, role=Role.ADMIN, now=services.clock(), password=hashed)
    await add_account(services, first)
    await services.store.set_value(_OLD_PASSWORD, None)
    return made


def _with_password(account: Account, hashed: str) -> Account:
    return msgspec.structs.replace(account, password=hashed, epoch=account.epoch + 1)


async def make_link(services: Services) -> str:
    """Return the path of a link that signs an administrator in once, within an hour."""
    if await find_account(services, FIRST) is None:
        await ensure_password(services)
    admins = [
        each for each in await accounts(services) if each.role is Role.ADMIN and not each.disabled
    ]
    account = next((each for each in admins if each.name == FIRST), admins[0])
    return f"/admin/enter/{await _keep_link(services, account, 'enter', LINK_LIFETIME)}"


async def make_invitation(services: Services, account: Account) -> str:
    """Return the path of a link by which somebody sets their password once, within three days.

    Earlier ones of the same account are good for nothing from now on.
    """
    for name, kept in (await services.store.values(_LINK)).items():
        link = msgspec.json.decode(kept, type=Link)
        if (link.kind, link.account) == ("join", account.name):
            await services.store.swap_value(name, kept, None)
    return f"/admin/join/{await _keep_link(services, account, 'join', INVITATION_LIFETIME)}"


async def _keep_link(services: Services, account: Account, kind: LinkKind, lifetime: Millis) -> str:
    """Keep a new link; clear away those that are too old. Return what the link says."""
    for name, kept in (await services.store.values(_LINK)).items():
        if msgspec.json.decode(kept, type=Link).until <= services.clock():
            await services.store.swap_value(name, kept, None)
    token = secrets.token_urlsafe(24)
    link = Link(
        until=services.clock() + lifetime,
        kind=kind,
        account=account.name,
        id=account.id,
        epoch=account.epoch,
    )
    await services.store.set_value(_LINK + _digest(token), msgspec.json.encode(link))
    return token


async def look_at_link(services: Services, token: str, kind: LinkKind) -> Account | None:
    """Return whose link it is, if it is good; it stays so."""
    kept = await services.store.value(_LINK + _digest(token))
    return None if kept is None else await _owner(services, kept, kind)


async def use_link(services: Services, token: str, kind: LinkKind = "enter") -> Account | None:
    """Use up a one-time link; return whose it was, if it was good. Of two uses at once, one is."""
    name = _LINK + _digest(token)
    kept = await services.store.value(name)
    if kept is None:
        return None
    owner = await _owner(services, kept, kind)
    if msgspec.json.decode(kept, type=Link).kind != kind:
        return None
    return owner if await services.store.swap_value(name, kept, None) else None


async def _owner(services: Services, kept: bytes, kind: LinkKind) -> Account | None:
    link = msgspec.json.decode(kept, type=Link)
    account = await find_account(services, link.account)
    if account is None or account.disabled:
        return None
    good = (
        link.until > services.clock()
        and link.kind == kind
        and (link.id, link.epoch) == (account.id, account.epoch)
    )
    return account if good else None


async def forget_links(services: Services) -> None:
    """Make all links good for nothing."""
    for name in await services.store.values(_LINK):
        await services.store.set_value(name, None)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
