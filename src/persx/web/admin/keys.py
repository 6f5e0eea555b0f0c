"""API keys in the studio: who has one, what it may do, and the moment in which one is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from persx.app.api_keys import (
    CreateKey,
    ListKeys,
    MadeKey,
    RevokeKey,
    RotateKey,
    ShownKey,
    create,
    list_keys,
    revoke,
    rotate,
)
from persx.model.clock import DAY, HOUR, Millis
from persx.model.errors import PersxError
from persx.model.key import SCOPES, KeyScope
from persx.web.admin.session import is_admin, same_origin
from persx.web.admin.signing_in import sign_in_page
from persx.web.html import page
from persx.web.visitors import services_of

EXPIRIES: Final[Mapping[str, Millis | None]] = {
    "in 30 days": 30 * DAY,
    "in 90 days": 90 * DAY,
    "in a year": 365 * DAY,
    "never": None,
}
OVERLAPS: Final[Mapping[str, Millis]] = {"now": 0, "in an hour": HOUR, "in a day": DAY,
                                         "in a week": 7 * DAY}  # fmt: skip


class KeysView(msgspec.Struct, frozen=True, kw_only=True):
    """All keys, and the one that was made just now.

    Attributes:
        given: What stands in the form again after a problem.
    """

    name: str
    keys: tuple[ShownKey, ...]
    made: MadeKey | None = None
    problem: str = ""
    given: CreateKey = CreateKey(name="", scopes=[])
    scopes: Mapping[KeyScope, str] = msgspec.field(default_factory=lambda: SCOPES)
    expiries: tuple[str, ...] = tuple(EXPIRIES)
    overlaps: tuple[str, ...] = tuple(OVERLAPS)
    signed_in: bool = True


async def show_keys(request: Request) -> Response:
    """List all keys."""
    return await _page(request) if is_admin(request) else sign_in_page()


async def create_key(request: Request) -> Response:
    """Make a key; the answer is the only page that ever shows it."""
    if not is_admin(request):
        return sign_in_page(status=403)
    form = await request.form(max_files=0, max_fields=40)
    asked = CreateKey(
        name=_field(form, "name")[:500],
        scopes=[each for each in form.getlist("scope") if isinstance(each, str)],
        lasts=EXPIRIES.get(_field(form, "expires"), 90 * DAY),
    )
    if not same_origin(request):
        return await _page(request, problem="Another site cannot make a key.", status=403)
    try:
        return await _page(request, made=await create(services_of(request), asked))
    except PersxError as error:
        return await _page(request, problem=str(error), given=asked, status=422)


async def rotate_key(request: Request) -> Response:
    """Give a key a new secret; the answer is the only page that ever shows it."""
    if not is_admin(request):
        return sign_in_page(status=403)
    form = await request.form(max_files=0, max_fields=10)
    if not same_origin(request):
        return await _page(request, problem="Another site cannot rotate a key.", status=403)
    overlap = OVERLAPS.get(_field(form, "overlap"), DAY)
    asked = RotateKey(key=request.path_params["id"], overlap=overlap)
    try:
        return await _page(request, made=await rotate(services_of(request), asked))
    except PersxError as error:
        return await _page(request, problem=str(error), status=422)


async def revoke_key(request: Request) -> Response:
    """Take a key back."""
    if not is_admin(request):
        return sign_in_page(status=403)
    if not same_origin(request):
        return await _page(request, problem="Another site cannot revoke a key.", status=403)
    try:
        await revoke(services_of(request), RevokeKey(key=request.path_params["id"]))
    except PersxError as error:
        return await _page(request, problem=str(error), status=422)
    return RedirectResponse("/admin/keys", 303)


def _field(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


async def _page(
    request: Request,
    *,
    made: MadeKey | None = None,
    problem: str = "",
    given: CreateKey | None = None,
    status: int = 200,
) -> Response:
    services = services_of(request)
    plan = services.publication.plan
    view = KeysView(
        name=plan.workspace.settings.name if plan else "persx",
        keys=(await list_keys(services, ListKeys())).keys,
        made=made,
        problem=problem,
        given=given or CreateKey(name="", scopes=[]),
    )
    return page("admin/keys.html", view, status)


def routes() -> list[Route]:
    """Return the routes of this file."""
    return [
        Route("/admin/keys", show_keys, methods=["GET"]),
        Route("/admin/keys", create_key, methods=["POST"]),
        Route("/admin/keys/{id}/rotate", rotate_key, methods=["POST"]),
        Route("/admin/keys/{id}/revoke", revoke_key, methods=["POST"]),
    ]
