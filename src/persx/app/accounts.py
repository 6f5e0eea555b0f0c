"""Accounts of the team as they are kept: found by name, changed by one at a time."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from persx.app.services import Services
from persx.model.errors import BadInput, Conflict, NotFound, did_you_mean
from persx.model.staff import Account, Role

PREFIX: Final = "account/"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._+@-]{0,99}")
_LONGEST_DISPLAY: Final = 80
_ATTEMPTS: Final = 20


def normal_name(text: str) -> str:
    """Return a name as accounts have it, however it was typed.

    >>> normal_name("  Ada@Example.COM ")
    'ada@example.com'
    """
    return unicodedata.normalize("NFKC", text).strip().casefold()[:200]


def checked_name(text: str) -> str:
    """Return the name of a new account.

    Raises:
        BadInput: It has letters that could be taken for others, or none.
    """
    name = normal_name(text)
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"'{name[:100]}' is no name of an account.",
            value=name,
            hint="Take an e-mail address or a short name: letters a to z, digits, . _ + @ -",
        )
    return name


def checked_display(text: str) -> str:
    """Return what others read of somebody, on one line.

    Raises:
        BadInput: It is too long.
    """
    display = " ".join("".join(each for each in text if each.isprintable()).split())
    if len(display) > _LONGEST_DISPLAY:
        raise BadInput(f"A name to read has at most {_LONGEST_DISPLAY} characters.", value=display)
    return display


def checked_role(text: str) -> Role:
    """Return a role by its name.

    Raises:
        BadInput: There is no such role.
    """
    try:
        return Role(text)
    except ValueError:
        raise BadInput(
            f"There is no role '{text[:50]}'.",
            value=text,
            hint=did_you_mean(text[:50], [role.value for role in Role]),
        ) from None


async def accounts(services: Services) -> Sequence[Account]:
    """Return all accounts, by name."""
    found = (await services.store.values(PREFIX)).values()
    return [msgspec.json.decode(kept, type=Account) for kept in found]


async def find_account(services: Services, name: str) -> Account | None:
    """Return the account of a name, however it was typed; none where there is none."""
    name = normal_name(name)
    kept = await services.store.value(PREFIX + name) if _NAME.fullmatch(name) else None
    return None if kept is None else msgspec.json.decode(kept, type=Account)


async def account_named(services: Services, name: str) -> Account:
    """Return the account of a name.

    Raises:
        NotFound: There is none.
    """
    found = await find_account(services, name)
    if found is None:
        known = [each.name for each in await accounts(services)]
        raise NotFound(
            f"There is no account '{normal_name(name)[:100]}'.",
            value=name,
            hint=did_you_mean(normal_name(name), known),
        )
    return found


async def add_account(services: Services, account: Account) -> None:
    """Keep a new account.

    Raises:
        Conflict: There is one of this name.
    """
    if not await services.store.swap_value(
        PREFIX + account.name, None, msgspec.json.encode(account)
    ):
        raise Conflict(f"There is an account '{account.name}' already.", value=account.name)


async def change_account(
    services: Services, name: str, change: Callable[[Account], Account]
) -> tuple[Account, Account]:
    """Change an account; return what it was and what it is.

    Args:
        change: Given the account as it is now, it returns the new one, or raises. It is asked
            again where somebody else was quicker, so that nobody's change is lost.

    Raises:
        NotFound: There is no such account.
        Conflict: It keeps changing.
    """
    for _ in range(_ATTEMPTS):
        found = await account_named(services, name)
        kept = await services.store.value(PREFIX + found.name)
        if kept is None:
            continue
        before = msgspec.json.decode(kept, type=Account)
        after = change(before)
        if after == before or await services.store.swap_value(
            PREFIX + before.name, kept, msgspec.json.encode(after)
        ):
            return before, after
    raise Conflict(f"The account '{name}' is being changed by others.", hint="Try again.")


async def remove_account(services: Services, account: Account) -> None:
    """Take an account away."""
    await services.store.set_value(PREFIX + account.name, None)


def new_account(
    name: str,
    *,
    role: Role,
    now: int,
    display: str = "",
    visitors: bool = False,
    password: str = "",
) -> Account:
    """Return a new account with an id of its own.

    Args:
        password: Its hash.
    """
    return Account(
        id=secrets.token_hex(8),
        name=name,
        display=display,
        role=role,
        visitors=visitors,
        created=now,
        password=password,
    )


async def keep_an_admin(services: Services, losing: Account) -> None:
    """Refuse to take the last administrator who can sign in.

    Raises:
        Conflict: `losing` is that one.
    """
    if not (losing.role is Role.ADMIN and not losing.disabled):
        return
    for each in await accounts(services):
        other = each.name != losing.name
        if other and each.role is Role.ADMIN and not each.disabled and each.password:
            return
    raise Conflict(
        f"'{losing.name}' is the last administrator who can sign in.",
        value=losing.name,
        hint="Make another one first: persx user role NAME admin",
    )
