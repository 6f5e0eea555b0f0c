"""One's own account: another password, the second factor, recovery codes, other sessions."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from persx.app import audit
from persx.app.access import FIRST
from persx.app.accounts import change_account
from persx.app.people import new_password
from persx.app.services import Services
from persx.app.sessions import SignedIn, end_all, set_pending
from persx.app.signing_in import TooSoon
from persx.app.throttle import CODE
from persx.app.totp import (
    matching_step,
    new_recovery_codes,
    new_secret,
    opened,
    recovery_hash,
    sealed,
)
from persx.app.use_cases import Noted
from persx.model.errors import BadInput, Conflict, Forbidden
from persx.model.staff import Account, Actor


def password_is_set_elsewhere(services: Services, account: Account) -> bool:
    """Tell whether the settings say this account's password: each start would set it again."""
    return account.name == FIRST and bool(services.settings.admin_password)


async def change_password(
    services: Services, staff: SignedIn, current: str, new: str, actor: Actor
) -> Account:
    """Change one's own password; all sessions end, this one too: a new one has to begin.

    Raises:
        Forbidden: The current one is wrong.
        BadInput: The new one is easily guessed.
        Conflict: The settings say it.
        TooSoon: The current one was wrong too often.
    """
    if password_is_set_elsewhere(services, staff.account):
        raise Conflict(
            "This password is the one of PERSX_ADMIN_PASSWORD.",
            hint="Change it there, and start the server again.",
        )
    await _confirm(services, staff, current)
    after = await new_password(services, staff.account, new)
    await audit.note(services, actor, Noted("account.password", staff.account.name))
    return after


async def _confirm(services: Services, staff: SignedIn, password: str) -> None:
    tries = [(CODE, f"own {staff.account.id}")]
    throttle = services.doorkeeper.throttle
    if wait := throttle.admit(tries, services.clock()):
        raise TooSoon(wait)
    if not await services.doorkeeper.desk.verify(staff.account.password, password):
        raise Forbidden("This is not your current password.")
    throttle.forgive(tries)


async def begin_totp(services: Services, staff: SignedIn) -> str:
    """Return the secret of a second factor that is to be confirmed, the same until it is.

    Raises:
        Conflict: There is one already.
    """
    if staff.account.totp:
        raise Conflict("The second factor is on already.", hint="Switch it off first.")
    if not staff.session.pending:
        secret = new_secret()
        await set_pending(services, staff, sealed(secret, services.keys.secret))
        return secret
    return pending_totp(services, staff)


def pending_totp(services: Services, staff: SignedIn) -> str:
    """Return the secret that is being set up in a session; empty where none is."""
    return opened(staff.session.pending, services.keys.secret)


async def confirm_totp(
    services: Services, staff: SignedIn, code: str, actor: Actor
) -> Sequence[str]:
    """Switch the second factor on with a code of it; return recovery codes, shown only now.

    Raises:
        BadInput: The code is wrong.
        Conflict: Setting it up was not begun in the session, or it is on already.
        TooSoon: Too many codes were wrong.
    """
    secret = pending_totp(services, staff)
    if not secret:
        raise Conflict("Setting up the second factor was not begun here.", hint="Begin again.")
    tries = [(CODE, f"own code {staff.account.id}")]
    if wait := services.doorkeeper.throttle.admit(tries, services.clock()):
        raise TooSoon(wait)
    step = matching_step(secret, "".join(code.split()), services.clock())
    if step is None:
        raise BadInput(
            "This is not the code of this moment.",
            hint="Is the clock of your phone right? Wait for the next code and try again.",
        )
    services.doorkeeper.throttle.forgive(tries)
    codes = new_recovery_codes()

    def switched(account: Account) -> Account:
        if account.totp:
            raise Conflict("The second factor is on already.")
        return msgspec.structs.replace(
            account,
            totp=sealed(secret, services.keys.secret),
            totp_step=step,
            recovery=_hashed(services, codes),
        )

    await change_account(services, staff.account.name, switched)
    await set_pending(services, staff, "")
    # Sessions that began without it are of a time when a password was enough.
    await end_all(services, staff.account, but=staff.key)
    await audit.note(services, actor, Noted("account.totp", staff.account.name, "off → on"))
    return codes


def _hashed(services: Services, codes: Sequence[str]) -> tuple[str, ...]:
    return tuple(recovery_hash(each, services.keys.secret) for each in codes)


async def switch_totp_off(services: Services, staff: SignedIn, password: str, actor: Actor) -> None:
    """Switch one's second factor off, which takes the password.

    Raises:
        Forbidden: It is wrong.
        TooSoon: It was wrong too often.
    """
    await _confirm(services, staff, password)
    before, _ = await change_account(
        services,
        staff.account.name,
        lambda each: msgspec.structs.replace(each, totp="", totp_step=0, recovery=()),
    )
    if before.totp:
        await audit.note(services, actor, Noted("account.totp", staff.account.name, "on → off"))


async def renew_recovery_codes(
    services: Services, staff: SignedIn, password: str, actor: Actor
) -> Sequence[str]:
    """Return new recovery codes, shown only now; the old ones are good for nothing.

    Raises:
        Forbidden: The password is wrong.
        Conflict: There is no second factor.
        TooSoon: The password was wrong too often.
    """
    await _confirm(services, staff, password)
    codes = new_recovery_codes()

    def renewed(account: Account) -> Account:
        if not account.totp:
            raise Conflict("There is no second factor.")
        return msgspec.structs.replace(account, recovery=_hashed(services, codes))

    await change_account(services, staff.account.name, renewed)
    await audit.note(services, actor, Noted("account.recovery", staff.account.name))
    return codes


async def sign_out_elsewhere(services: Services, staff: SignedIn, actor: Actor) -> int:
    """End all own sessions but this one; return how many."""
    ended = await end_all(services, staff.account, but=staff.key)
    if ended:
        noted = Noted("account.sessions", staff.account.name, f"{ended} sessions ended")
        await audit.note(services, actor, noted)
    return ended
