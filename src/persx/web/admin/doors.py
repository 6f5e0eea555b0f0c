"""The studio's doors: each says what it takes to go through; here alone that is asked."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from persx.model.staff import NEEDS, Action, Role
from persx.web.admin.frame import site_name, studio_page
from persx.web.admin.session import is_ours, staff_of
from persx.web.admin.signing_in import sign_in_page

Handler = Callable[[Request], Awaitable[Response]]

MOST_FIELDS: Final = 200


class Door(NamedTuple):
    """A route of the studio.

    Attributes:
        action: What going through is; None where nobody has to be signed in. Such a door checks
            by itself where a form came from.
    """

    method: str
    path: str
    handler: Handler
    action: Action | None


class RefusedView(msgspec.Struct, frozen=True, kw_only=True):
    """Why somebody may not go on, and what would let them; `lines` are details."""

    name: str
    title: str
    problem: str
    hint: str = ""
    lines: tuple[str, ...] = ()


def routes(doors: Iterable[Door]) -> list[Route]:
    """Return the routes of some doors."""
    return [Route(door.path, guarded(door), methods=[door.method]) for door in doors]


def guarded(door: Door) -> Handler:
    """Return a handler that lets only those through who may do what it does."""
    action = door.action
    if action is None:
        return door.handler

    @functools.wraps(door.handler)
    async def handle(request: Request) -> Response:
        staff = staff_of(request)
        if staff is None:
            # A page asks to sign in and says so; what is no page is refused.
            shown = door.method == "GET" and "." not in door.path
            return sign_in_page(request, status=200 if shown else 403)
        if not staff.account.may(action):
            return _refused(request, action)
        if door.method != "GET":
            form = await request.form(max_files=0, max_fields=MOST_FIELDS)
            if not is_ours(request, form, staff):
                return _foreign(request)
        return await door.handler(request)

    return handle


def _refused(request: Request, action: Action) -> Response:
    need = NEEDS[action]
    greater = "" if need.role is Role.ADMIN else " or a greater one"
    hint = f"It takes the role {need.role.value}{greater}."
    if need.visitors:
        hint = "It takes the right to see visitors' data, or the role admin."
    view = RefusedView(
        name=site_name(request),
        title="This is not for your role",
        problem=f"Your account may not {action.value}.",
        hint=f"{hint} An administrator can give it to you.",
    )
    return studio_page(request, "admin/refused.html", view, 403)


def _foreign(request: Request) -> Response:
    view = RefusedView(
        name=site_name(request),
        title="This was not sent from the studio",
        problem="Nothing was changed: the form does not carry what the studio's own forms do.",
        hint="If you sent it yourself, open the page again and repeat it. Another site may have "
        "tried to act in your name.",
    )
    return studio_page(request, "admin/refused.html", view, 403)
