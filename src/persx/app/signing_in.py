"""Signing in: a password, then a code where there is a second factor; tries are slowed down."""

from __future__ import annotations

import secrets
from typing import Final

import msgspec

from persx.app import audit, sessions
from persx.app.accounts import change_account, find_account, normal_name
from persx.app.passwords import is_old
from persx.app.services import Services
from persx.app.throttle import ACCOUNT, ADDRESS, CODE, DEVICE, PAIR, Limit
from persx.app.totp import matching_step, opened, recovery_hash
from persx.app.use_cases import Noted
from persx.model.clock import HOUR, Millis
from persx.model.errors import PersxError
from persx.model.staff import Account, Actor

LISTED_AN_HOUR: Final = 50
"""Failures under names that nobody has, that the audit log tells one by one."""


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """Where somebody signs in.

    Attributes:
        address: Of the network; counted under a keyed hash in memory, and not kept.
        network: What of it is kept.
        agent: Browser and system in short.
        device: What the device carries from an earlier time, ``ACCOUNT ID:RANDOM``; signed.
    """

    address: str = ""
    network: str = ""
    agent: str = ""
    device: str = ""


class TooSoon(PersxError):
    """Too many tries failed; the next may come in `seconds` (HTTP 429)."""

    def __init__(self, wait: Millis) -> None:
        self.seconds = max(1, -(-wait // 1_000))
        told = "a second" if self.seconds == 1 else f"{self.seconds} seconds"
        super().__init__(
            f"Too many tries failed. Try again in {told}.",
            hint="Was it not you? A one-time link signs in at once.",
        )


async def with_password(
    services: Services, name: str, password: str, client: Client
) -> Account | None:
    """Return whose password it is; none where name and password do not fit.

    It takes as long, and says the same, whether there is such an account or not.

    Raises:
        TooSoon: Too many tries failed; nothing was looked at.
        Unavailable: Too many sign in at this moment.
    """
    account = await find_account(services, name)
    tries = _tries(normal_name(name), account, client)
    throttle = services.doorkeeper.throttle
    if wait := throttle.admit(tries, services.clock()):
        raise TooSoon(wait)
    usable = account is not None and not account.disabled
    kept = account.password if account is not None and usable else ""
    try:
        right = await services.doorkeeper.desk.verify(kept, password)
    except PersxError:
        throttle.forgive(tries, all=False)
        raise
    if not right or account is None:
        await _note_failure(services, account, client)
        return None
    # What others tried from elsewhere stays counted: they shall not gain by the owner's luck.
    throttle.forgive([each for each in tries if each[0] in (PAIR, DEVICE)])
    throttle.forgive([each for each in tries if each[0] in (ADDRESS, ACCOUNT)], all=False)
    if is_old(account.password):
        fresh = await services.doorkeeper.desk.hash(password)
        old = account.password
        _, account = await change_account(
            services,
            account.name,
            lambda each: (
                msgspec.structs.replace(each, password=fresh) if each.password == old else each
            ),
        )
    return account


def _tries(name: str, account: Account | None, client: Client) -> list[tuple[Limit, str]]:
    owner, _, device = client.device.partition(":")
    if account is not None and device and owner == account.id:
        return [(DEVICE, f"device {account.id} {device}")]
    return [
        (PAIR, f"pair {name}\0{client.address}"),
        (ADDRESS, f"address {client.address}"),
        (ACCOUNT, f"account {name}"),
    ]


async def _note_failure(services: Services, account: Account | None, client: Client) -> None:
    """Tell the audit log; what was typed is not kept, it may have been a password."""
    actor = Actor("nobody", client.network)
    if account is not None:
        await audit.note(services, actor, Noted("sign-in.failed", account.name, "password"))
        return
    keeper, now = services.doorkeeper, services.clock()
    if now - keeper.since > HOUR:
        keeper.since, keeper.listed = now, 0
    if keeper.listed >= LISTED_AN_HOUR:
        keeper.unlisted += 1
        return
    keeper.listed += 1
    more = f", and {keeper.unlisted} more before" if keeper.unlisted else ""
    keeper.unlisted = 0
    await audit.note(services, actor, Noted("sign-in.failed", "", f"no such account{more}"))


async def with_code(services: Services, account: Account, given: str, client: Client) -> str:
    """Check a code of the second factor, or a recovery code, and use it up.

    Returns:
        ``code`` or ``recovery code``; empty where it is wrong or was used.

    Raises:
        TooSoon: Too many tries failed.
    """
    tries = [(CODE, f"code {account.id}")]
    if wait := services.doorkeeper.throttle.admit(tries, services.clock()):
        raise TooSoon(wait)
    found = await _use_code(services, account, given)
    if found:
        services.doorkeeper.throttle.forgive(tries)
    else:
        actor = Actor("nobody", client.network)
        await audit.note(services, actor, Noted("sign-in.failed", account.name, "code"))
    return found


async def _use_code(services: Services, account: Account, given: str) -> str:
    bare = "".join(given.split())
    found = ""

    def used(each: Account) -> Account:
        nonlocal found
        found = ""
        if not each.totp or each.epoch != account.epoch:
            return each
        secret = opened(each.totp, services.keys.secret)
        step = matching_step(secret, bare, services.clock(), after=each.totp_step)
        if step is not None:
            found = "code"
            return msgspec.structs.replace(each, totp_step=step)
        hashed = recovery_hash(given, services.keys.secret)
        if hashed in each.recovery:
            found = "recovery code"
            left = tuple(one for one in each.recovery if one != hashed)
            return msgspec.structs.replace(each, recovery=left)
        return each

    await change_account(services, account.name, used)
    return found


async def begin(services: Services, account: Account, client: Client, how: str) -> str:
    """Begin a session of somebody who proved who they are; return its token.

    Args:
        how: By what, for the audit log.
    """
    now = services.clock()
    _, account = await change_account(
        services, account.name, lambda each: msgspec.structs.replace(each, signed_in=now)
    )
    await audit.note(
        services, Actor(account.name, client.network), Noted("sign-in", account.name, how)
    )
    return await sessions.start(services, account, agent=client.agent, network=client.network)


def new_device(account: Account) -> str:
    """Return what a device carries from now on, so that strangers cannot slow its owner down."""
    return f"{account.id}:{secrets.token_hex(8)}"
