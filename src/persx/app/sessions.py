"""Sessions of the studio: kept here, under a hash of what the browser carries, and ended here."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

import msgspec

from persx.app.services import Services
from persx.model.clock import HOUR, MINUTE, Millis
from persx.model.staff import Account

IDLE: Final = 2 * HOUR
"""A session that nobody uses for so long has ended."""

LONGEST: Final = 12 * HOUR
"""No session lasts longer."""

MOST: Final = 20
"""Sessions of one account; a further one ends the oldest."""

_TOUCHED_EVERY: Final = MINUTE
_PREFIX: Final = "session/"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of the team, signed in on one device.

    Attributes:
        account: The account's name, with its `id` and `epoch` at that time.
        seen: The last request, to the minute.
        agent: Browser and system in short.
        network: Where it began, made coarse.
        pending: The sealed secret of a second factor that is being set up and not confirmed yet.
    """

    account: str
    id: str
    epoch: int
    at: Millis
    seen: Millis
    agent: str = ""
    network: str = ""
    pending: str = ""


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """Who a request of the studio comes from: the account as it is now, and the session."""

    account: Account
    session: Session
    key: str


def key_of(token: str) -> str:
    """Return the name under which a session is kept; the token cannot be had from it."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def csrf_token(services: Services, key: str) -> str:
    """Return what the forms of a session send back, which no other site can know."""
    return hmac.digest(services.keys.secret.encode(), f"csrf\0{key}".encode(), "sha256").hex()[:40]


async def start(services: Services, account: Account, *, agent: str, network: str) -> str:
    """Begin a session; return the token that its browser carries."""
    token = secrets.token_urlsafe(32)
    now = services.clock()
    session = Session(
        account=account.name,
        id=account.id,
        epoch=account.epoch,
        at=now,
        seen=now,
        agent=agent,
        network=network,
    )
    await sweep(services)
    own = await sessions_of(services, account)
    for key, _ in own[MOST - 1 :]:
        await end(services, key)
    await services.store.set_value(_PREFIX + key_of(token), msgspec.json.encode(session))
    return token


async def find(services: Services, key: str) -> SignedIn | None:
    """Return who a session belongs to; none where it has ended, for whatever reason."""
    kept = await services.store.value(_PREFIX + key)
    if kept is None:
        return None
    session = msgspec.json.decode(kept, type=Session)
    account = await account_of(services, session)
    now = services.clock()
    if account is None or not _is_alive(session, now):
        await services.store.swap_value(_PREFIX + key, kept, None)
        return None
    if now - session.seen >= _TOUCHED_EVERY:
        session = msgspec.structs.replace(session, seen=now)
        # Swapped, not set: a session that was ended meanwhile does not come back.
        await services.store.swap_value(_PREFIX + key, kept, msgspec.json.encode(session))
    return SignedIn(account=account, session=session, key=key)


async def account_of(services: Services, session: Session) -> Account | None:
    """Return the account of a session, as long as that may go on."""
    kept = await services.store.value(f"account/{session.account}")
    if kept is None:
        return None
    account = msgspec.json.decode(kept, type=Account)
    same = (account.id, account.epoch) == (session.id, session.epoch)
    return account if same and not account.disabled else None


def _is_alive(session: Session, now: Millis) -> bool:
    return now - session.at < LONGEST and now - session.seen < IDLE


async def set_pending(services: Services, staff: SignedIn, secret: str) -> None:
    """Keep, or forget, the secret of a second factor that is being set up in the session."""
    name = _PREFIX + staff.key
    kept = await services.store.value(name)
    if kept is not None:
        session = msgspec.json.decode(kept, type=Session)
        changed = msgspec.structs.replace(session, pending=secret)
        await services.store.swap_value(name, kept, msgspec.json.encode(changed))


async def end(services: Services, key: str) -> None:
    """End a session; the next request with it is a stranger's."""
    await services.store.set_value(_PREFIX + key, None)


async def sessions_of(services: Services, account: Account) -> Sequence[tuple[str, Session]]:
    """Return the sessions of an account that go on, the latest used first, each with its key."""
    now = services.clock()
    found = [
        (name.removeprefix(_PREFIX), session)
        for name, kept in (await services.store.values(_PREFIX)).items()
        if (session := msgspec.json.decode(kept, type=Session)).account == account.name
        and (session.id, session.epoch) == (account.id, account.epoch)
        and _is_alive(session, now)
    ]
    return sorted(found, key=lambda each: each[1].seen, reverse=True)


async def end_all(services: Services, account: Account, *, but: str = "") -> int:
    """End the sessions of an account, except one; return how many."""
    own = [key for key, _ in await sessions_of(services, account) if key != but]
    for key in own:
        await end(services, key)
    return len(own)


async def sweep(services: Services) -> None:
    """Clear away the sessions that have ended by themselves."""
    for name, kept in (await services.store.values(_PREFIX)).items():
        session = msgspec.json.decode(kept, type=Session)
        if not _is_alive(session, services.clock()) or await account_of(services, session) is None:
            await services.store.swap_value(name, kept, None)


async def forget_everybody(services: Services) -> None:
    """End all sessions of everybody."""
    for name in await services.store.values(_PREFIX):
        await services.store.set_value(name, None)
