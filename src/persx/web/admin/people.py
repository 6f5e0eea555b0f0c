"""The team in the studio: who has an account, and what they may do."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from persx.app import people
from persx.app.audit import perform
from persx.app.people import AddPerson, ChangeRole, NamedPerson, PeopleRequest, Person, SetPassword
from persx.app.use_cases import UseCase
from persx.model.errors import NotFound, PersxError
from persx.model.staff import Role
from persx.web.admin.frame import site_name, studio_page
from persx.web.admin.session import actor_of, field, staff_of
from persx.web.visitors import services_of

ROLES: Final = {
    Role.VIEWER: "reads figures and settings",
    Role.EDITOR: "changes drafts too",
    Role.PUBLISHER: "publishes and rolls back too",
    Role.ADMIN: "looks after people and the audit log too, and sees visitors' data",
}
"""What a role means, beside its name."""


class PeopleView(msgspec.Struct, frozen=True, kw_only=True):
    """The team, and what came of the last change.

    Attributes:
        link: An address by which somebody sets their password, shown only now, and whose it is.
        add: What was typed into the form for a new account, where it is shown again.
    """

    name: str
    people: tuple[Person, ...]
    roles: dict[Role, str]
    problem: str = ""
    done: str = ""
    link: str = ""
    link_of: str = ""
    add: AddPerson = AddPerson(name="")


DEEDS: Final[dict[str, tuple[UseCase[NamedPerson, people.PersonResult], str]]] = {
    "disable": (people.DISABLE, "{} is kept out now; their sessions have ended."),
    "enable": (people.ENABLE, "{} may sign in again."),
    "remove": (people.REMOVE, "The account {} is gone."),
    "reset-totp": (people.RESET_TOTP, "{} signs in without a code until they set one up again."),
    "sessions": (people.END_SESSIONS, "{} is signed out everywhere."),
}
"""What can be done to somebody with a button: the use case, and what is said of it."""


async def show_people(request: Request) -> Response:
    """List the team."""
    return await _page(request)


async def _page(
    request: Request,
    status: int = 200,
    *,
    problem: str = "",
    done: str = "",
    link: str = "",
    link_of: str = "",
    add: AddPerson | None = None,
) -> Response:
    services = services_of(request)
    found = await people.list_people(services, PeopleRequest())
    base = services.settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")
    view = PeopleView(
        name=site_name(request),
        people=found.people,
        roles=ROLES,
        problem=problem,
        done=done,
        link=f"{base}{link}" if link else "",
        link_of=link_of,
        add=add or AddPerson(name=""),
    )
    return studio_page(request, "admin/people.html", view, status)


async def add_person(request: Request) -> Response:
    """Make an account, and show the link by which its owner sets a password."""
    form = await request.form()
    asked = AddPerson(
        name=field(form, "name"),
        display=field(form, "display"),
        role=field(form, "role"),
        visitors=field(form, "visitors") == "yes",
    )
    staff = staff_of(request)
    assert staff is not None
    actor = actor_of(request, staff)
    try:
        result = await perform(services_of(request), people.ADD, asked, actor)
    except PersxError as error:
        return await _page(request, 422, problem=str(error), add=asked)
    return await _page(request, link=result.link, link_of=result.person.name)


async def change_person(request: Request) -> Response:
    """Change what somebody may do, or end it."""
    form = await request.form()
    staff = staff_of(request)
    assert staff is not None
    actor, services = actor_of(request, staff), services_of(request)
    name, do = field(form, "name"), field(form, "do")
    try:
        if do == "role":
            sees = field(form, "visitors") == "yes"
            asked = ChangeRole(name=name, role=field(form, "role"), visitors=sees)
            await perform(services, people.ROLE, asked, actor)
            return await _page(request, done=f"What {name} may do is changed; it holds at once.")
        if do == "link":
            made = await perform(services, people.PASSWORD, SetPassword(name=name), actor)
            return await _page(request, link=made.link, link_of=made.person.name)
        if do not in DEEDS:
            raise NotFound(f"There is nothing called '{do[:50]}' to do.", value=do)
        use_case, told = DEEDS[do]
        result = await perform(services, use_case, NamedPerson(name=name), actor)
    except PersxError as error:
        status = 404 if isinstance(error, NotFound) else 409
        return await _page(request, status, problem=str(error))
    return await _page(request, done=told.format(result.person.name))
