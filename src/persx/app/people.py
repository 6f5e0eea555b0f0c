"""Use cases of the team: who has an account, with which role, and what ends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec

from persx.app.access import make_invitation
from persx.app.accounts import (
    account_named,
    accounts,
    add_account,
    change_account,
    checked_display,
    checked_name,
    checked_role,
    keep_an_admin,
    new_account,
    remove_account,
)
from persx.app.passwords import check_password
from persx.app.services import Services
from persx.app.sessions import end_all, sessions_of
from persx.app.use_cases import AnyUseCase, Noted, UseCase
from persx.model.clock import Millis
from persx.model.staff import Account, Role

Asked = TypeVar("Asked")


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """An account without its secrets.

    Attributes:
        visitors: They may see visitors' data.
        invited: They have not set a password yet.
        second_factor: They sign in with a code too.
        recovery_codes: How many are left.
        signed_in: When they last did; 0 for never.
        sessions: How many go on now.
    """

    name: str
    display: str
    role: Role
    visitors: bool
    created: Millis
    signed_in: Millis
    disabled: bool
    invited: bool
    second_factor: bool
    recovery_codes: int
    sessions: int


class PeopleRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody."""


class People(msgspec.Struct, frozen=True, kw_only=True):
    """All accounts, by name."""

    people: tuple[Person, ...]


class AddPerson(msgspec.Struct, frozen=True, kw_only=True):
    """A new account; without a password there is a link by which they set one."""

    name: str
    display: str = ""
    role: str = Role.VIEWER.value
    visitors: bool = False
    password: str = ""


class NamedPerson(msgspec.Struct, frozen=True, kw_only=True):
    """One account."""

    name: str


class ChangeRole(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody may do from now on; `None` and an empty role leave a thing as it is."""

    name: str
    role: str = ""
    visitors: bool | None = None


class SetPassword(msgspec.Struct, frozen=True, kw_only=True):
    """A new password; without one, a link by which its owner sets it."""

    name: str
    password: str = ""


class PersonResult(msgspec.Struct, frozen=True, kw_only=True):
    """An account after a change.

    Attributes:
        before: What it was, as far as it is worth telling.
        link: The path of a link by which they set their password, once, within three days.
        ended: Sessions that ended.
    """

    person: Person
    before: str = ""
    link: str = ""
    ended: int = 0


class SessionLine(msgspec.Struct, frozen=True, kw_only=True):
    """A session of somebody that goes on."""

    at: Millis
    seen: Millis
    agent: str
    network: str


class PersonSessions(msgspec.Struct, frozen=True, kw_only=True):
    """The sessions of somebody, the latest used first."""

    name: str
    sessions: tuple[SessionLine, ...]


async def person_of(services: Services, account: Account) -> Person:
    """Return what others may know of an account."""
    return Person(
        name=account.name,
        display=account.display,
        role=account.role,
        visitors=account.visitors or account.role is Role.ADMIN,
        created=account.created,
        signed_in=account.signed_in,
        disabled=account.disabled,
        invited=not account.password,
        second_factor=bool(account.totp),
        recovery_codes=len(account.recovery),
        sessions=len(await sessions_of(services, account)),
    )


async def list_people(services: Services, _request: PeopleRequest) -> People:
    """Return all accounts."""
    found = [await person_of(services, each) for each in await accounts(services)]
    return People(people=tuple(found))


async def add_person(services: Services, request: AddPerson) -> PersonResult:
    """Make an account, and a link by which its owner sets a password.

    Raises:
        BadInput: The name, the role or the password is none.
        Conflict: There is an account of this name.
    """
    name, display = checked_name(request.name), checked_display(request.display)
    role = checked_role(request.role)
    now = services.clock()
    account = new_account(name, role=role, now=now, display=display, visitors=request.visitors)
    if request.password:
        kept = await hashed(services, account, request.password)
        account = msgspec.structs.replace(account, password=kept)
    await add_account(services, account)
    link = "" if account.password else await make_invitation(services, account)
    return PersonResult(person=await person_of(services, account), link=link)


async def change_role(services: Services, request: ChangeRole) -> PersonResult:
    """Give somebody another role, or the right to see visitors' data; it holds at once.

    Raises:
        NotFound: There is no such account.
        Conflict: They are the last administrator.
    """
    role = checked_role(request.role) if request.role else None
    async with services.doorkeeper.changing:
        if role is not None and role is not Role.ADMIN:
            await keep_an_admin(services, await account_named(services, request.name))

        def changed(account: Account) -> Account:
            return msgspec.structs.replace(
                account,
                role=role or account.role,
                visitors=account.visitors if request.visitors is None else request.visitors,
            )

        before, after = await change_account(services, request.name, changed)
    return PersonResult(person=await person_of(services, after), before=_rights(before))


def _rights(account: Account) -> str:
    return f"{account.role.value}{', sees visitors' if account.visitors else ''}"


async def set_password(services: Services, request: SetPassword) -> PersonResult:
    """Set somebody's password, or make a link by which they do; a new one ends their sessions.

    Raises:
        NotFound: There is no such account.
        BadInput: The password is easily guessed.
    """
    account = await account_named(services, request.name)
    if not request.password:
        link = await make_invitation(services, account)
        return PersonResult(person=await person_of(services, account), link=link)
    ended = len(await sessions_of(services, account))
    after = await new_password(services, account, request.password)
    return PersonResult(person=await person_of(services, after), ended=ended)


async def new_password(services: Services, account: Account, password: str) -> Account:
    """Give an account a password; all its sessions and links end by it.

    Raises:
        BadInput: It is easily guessed.
        Unavailable: Too many passwords are being hashed.
    """
    return await keep_password(services, account, await hashed(services, account, password))


async def hashed(services: Services, account: Account, password: str) -> str:
    """Return the hash of a password that is good enough for an account.

    Raises:
        BadInput: It is easily guessed.
        Unavailable: Too many passwords are being hashed.
    """
    check_password(password, (account.name, account.display))
    return await services.doorkeeper.desk.hash(password)


async def keep_password(services: Services, account: Account, hashed: str) -> Account:
    """Give an account the password of a hash; all its sessions and links end by it."""
    await end_all(services, account)
    _, after = await change_account(
        services,
        account.name,
        lambda each: msgspec.structs.replace(each, password=hashed, epoch=each.epoch + 1),
    )
    return after


async def disable(services: Services, request: NamedPerson) -> PersonResult:
    """Keep somebody out; their sessions end.

    Raises:
        NotFound: There is no such account.
        Conflict: They are the last administrator.
    """
    async with services.doorkeeper.changing:
        account = await account_named(services, request.name)
        await keep_an_admin(services, account)
        ended = await end_all(services, account)
        _, after = await change_account(
            services,
            account.name,
            lambda each: msgspec.structs.replace(each, disabled=True, epoch=each.epoch + 1),
        )
    return PersonResult(person=await person_of(services, after), ended=ended)


async def enable(services: Services, request: NamedPerson) -> PersonResult:
    """Let somebody in again, with the password they had.

    Raises:
        NotFound: There is no such account.
    """
    _, after = await change_account(
        services, request.name, lambda each: msgspec.structs.replace(each, disabled=False)
    )
    return PersonResult(person=await person_of(services, after))


async def remove(services: Services, request: NamedPerson) -> PersonResult:
    """Take an account away; what they did stays in the audit log under their name.

    Raises:
        NotFound: There is no such account.
        Conflict: They are the last administrator.
    """
    async with services.doorkeeper.changing:
        account = await account_named(services, request.name)
        await keep_an_admin(services, account)
        person = await person_of(services, account)
        ended = await end_all(services, account)
        await remove_account(services, account)
    return PersonResult(person=person, before=_rights(account), ended=ended)


async def reset_totp(services: Services, request: NamedPerson) -> PersonResult:
    """Take the second factor away from who has lost it; their sessions end.

    Raises:
        NotFound: There is no such account.
    """
    account = await account_named(services, request.name)
    ended = await end_all(services, account)
    before, after = await change_account(
        services,
        account.name,
        lambda each: msgspec.structs.replace(
            each, totp="", totp_step=0, recovery=(), epoch=each.epoch + 1
        ),
    )
    return PersonResult(
        person=await person_of(services, after), before="on" if before.totp else "off", ended=ended
    )


async def list_sessions(services: Services, request: NamedPerson) -> PersonSessions:
    """Return the sessions of somebody.

    Raises:
        NotFound: There is no such account.
    """
    account = await account_named(services, request.name)
    lines = [
        SessionLine(at=each.at, seen=each.seen, agent=each.agent, network=each.network)
        for _, each in await sessions_of(services, account)
    ]
    return PersonSessions(name=account.name, sessions=tuple(lines))


async def end_sessions(services: Services, request: NamedPerson) -> PersonResult:
    """Sign somebody out everywhere.

    Raises:
        NotFound: There is no such account.
    """
    account = await account_named(services, request.name)
    ended = await end_all(services, account)
    return PersonResult(person=await person_of(services, account), ended=ended)


def _after(result: PersonResult) -> str:
    person = result.person
    sees = person.visitors and person.role is not Role.ADMIN
    return f"{person.role.value}{', sees visitors' if sees else ''}"


def _change(
    name: str,
    run: Callable[[Services, Asked], Awaitable[PersonResult]],
    request: type[Asked],
    what: Callable[[Asked], str] | str,
    detail: Callable[[PersonResult], str] = lambda _: "",
) -> UseCase[Asked, PersonResult]:
    """Return the use case of a change to an account, and what the audit log tells of it."""

    def notes(asked: Asked, done: PersonResult) -> list[Noted]:
        ended = f"{done.ended} sessions ended" if done.ended else ""
        told = "; ".join(filter(None, (detail(done), ended)))
        return [Noted(what if isinstance(what, str) else what(asked), done.person.name, told)]

    return UseCase(f"user-{name}", request, PersonResult, run, notes=notes)


LIST: Final = UseCase("user-list", PeopleRequest, People, list_people, writes=False)
SESSIONS: Final = UseCase("user-sessions", NamedPerson, PersonSessions, list_sessions, writes=False)
ADD: Final = _change("add", add_person, AddPerson, "account.add", _after)
ROLE: Final = _change(
    "role", change_role, ChangeRole, "account.role", lambda done: f"{done.before} → {_after(done)}"
)
PASSWORD: Final = _change(
    "password",
    set_password,
    SetPassword,
    lambda asked: "account.password" if asked.password else "account.link",
)
DISABLE: Final = _change("disable", disable, NamedPerson, "account.disable")
ENABLE: Final = _change("enable", enable, NamedPerson, "account.enable")
REMOVE: Final = _change(
    "remove", remove, NamedPerson, "account.remove", lambda done: f"was {done.before}"
)
RESET_TOTP: Final = _change(
    "reset-totp", reset_totp, NamedPerson, "account.totp", lambda done: f"{done.before} → off"
)
END_SESSIONS: Final = _change("end-sessions", end_sessions, NamedPerson, "account.sessions")

USE_CASES: Final[tuple[AnyUseCase, ...]] = (
    LIST, ADD, ROLE, PASSWORD, DISABLE, ENABLE, REMOVE, RESET_TOTP, SESSIONS, END_SESSIONS,
)  # fmt: skip
"""What can be asked about the team."""
