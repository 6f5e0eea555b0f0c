"""API keys in the studio: who has one, what it may do, and the moment in which one is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app.api_keys import (
    CREATE,
    REVOKE,
    ROTATE,
    CreateKey,
    ListKeys,
    MadeKey,
    RevokeKey,
    RotateKey,
    ShownKey,
    list_keys,
)
from persx.app.audit import perform
from persx.app.use_cases import UseCase
from persx.model.clock import DAY, HOUR, Millis
from persx.model.errors import PersxError
from persx.model.key import SCOPES, KeyScope
from persx.web.admin.frame import site_name, studio_page
from persx.web.admin.session import actor_of, field, staff_of
from persx.web.visitors import services_of

Asked = TypeVar("Asked")
Done = TypeVar("Done")

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


async def show_keys(request: Request) -> Response:
    """List all keys."""
    return await _page(request)


async def create_key(request: Request) -> Response:
    """Make a key; the answer is the only page that ever shows it."""
    form = await request.form()
    asked = CreateKey(
        name=field(form, "name")[:500],
        scopes=[each for each in form.getlist("scope") if isinstance(each, str)],
        lasts=EXPIRIES.get(field(form, "expires"), 90 * DAY),
    )
    try:
        made = await _perform(request, CREATE, asked)
    except PersxError as error:
        return await _page(request, problem=str(error), given=asked, status=422)
    return await _page(request, made=made)


async def rotate_key(request: Request) -> Response:
    """Give a key a new secret; the answer is the only page that ever shows it."""
    form = await request.form()
    overlap = OVERLAPS.get(field(form, "overlap"), DAY)
    asked = RotateKey(key=request.path_params["id"], overlap=overlap)
    try:
        made = await _perform(request, ROTATE, asked)
    except PersxError as error:
        return await _page(request, problem=str(error), status=422)
    return await _page(request, made=made)


async def revoke_key(request: Request) -> Response:
    """Take a key back."""
    try:
        await _perform(request, REVOKE, RevokeKey(key=request.path_params["id"]))
    except PersxError as error:
        return await _page(request, problem=str(error), status=422)
    return RedirectResponse("/admin/keys", 303)


async def _perform(request: Request, use_case: UseCase[Asked, Done], asked: Asked) -> Done:
    staff = staff_of(request)
    assert staff is not None
    return await perform(services_of(request), use_case, asked, actor_of(request, staff))


async def _page(
    request: Request,
    *,
    made: MadeKey | None = None,
    problem: str = "",
    given: CreateKey | None = None,
    status: int = 200,
) -> Response:
    view = KeysView(
        name=site_name(request),
        keys=(await list_keys(services_of(request), ListKeys())).keys,
        made=made,
        problem=problem,
        given=given or CreateKey(name="", scopes=[]),
    )
    return studio_page(request, "admin/keys.html", view, status)
