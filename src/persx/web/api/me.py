"""``/v1/me`` and ``/v1/decisions/{id}``: what is held on the bearer, and why they saw it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from persx.app import audit
from persx.app.deciding import current_plan
from persx.app.erasing import ErasureReceipt, erase, noted
from persx.app.knowledge import knowledge_of
from persx.app.looks import note_look
from persx.app.receipts import receipt_for
from persx.app.use_cases import Noted
from persx.app.visiting import Visitor
from persx.app.visitor_export import export_visitor
from persx.model.errors import BadInput, Forbidden, NotFound
from persx.model.key import KeyScope
from persx.model.staff import Actor
from persx.storage.scope import Staff, VisitorScope
from persx.web.api.answers import answers, json
from persx.web.collect.wire import MAX_ID
from persx.web.keys import allowed, key_of
from persx.web.visitors import (
    ASKED,
    LINK,
    STATE,
    VISITOR,
    context_of,
    network_of,
    services_of,
    visitor_of,
)

_PRIVATE = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}


def _staff(request: Request, scope: KeyScope, why: str) -> Staff | None:
    """Return who looks at others' data: whose key has this scope. Without such a key, and with
    one that everyone can read, it is the bearer of our cookie who asks for their own.

    Raises:
        Forbidden: It is a key for something else, or one that works no more.
    """
    key = allowed(request, services_of(request), key_of(request.headers))
    if key.is_public:
        return None
    key.need(scope)
    return Staff(key.who, why)


def bearer_of(request: Request) -> Visitor:
    """Return the visitor whose signed cookie the request carries; ids in it count for nothing.

    Raises:
        Forbidden: It carries none.
    """
    visitor = visitor_of(request, make=False)
    if not visitor.anonymous_id and not visitor.user_id:
        raise Forbidden(
            "No visitor's cookie came along.", hint=f"Send the cookie '{VISITOR.name}'."
        )
    return visitor


def _asked_for(request: Request) -> Visitor:
    """Return whose data is asked for by somebody whose key opens everybody's."""
    query = request.query_params
    anonymous_id, user_id = query.get("anonymousId", ""), query.get("userId", "")
    if not (anonymous_id or user_id) or max(len(anonymous_id), len(user_id)) > MAX_ID:
        raise BadInput("Neither 'anonymousId' nor 'userId' says whose data is meant.")
    return Visitor(anonymous_id=anonymous_id, user_id=user_id, trusted=True)


@answers
async def read_receipt(request: Request) -> Response:
    """Tell why a decision was made: to the visitor it was made for, or with the server key."""
    services = services_of(request)
    staff = _staff(request, KeyScope.PROFILE_READ, "reading a receipt")
    scope: VisitorScope = staff or visitor_of(request, make=False).scope
    found = await receipt_for(services, request.path_params["id"], scope)
    return json(found, headers=_PRIVATE)


@answers
async def read_me(request: Request) -> Response:
    """Return everything that is held on the bearer, or with the server key on anybody."""
    services = services_of(request)
    plan = current_plan(services)
    staff = _staff(request, KeyScope.EXPORT, "exporting a visitor")
    visitor = _asked_for(request) if staff else bearer_of(request)
    knowledge = await knowledge_of(services, plan, visitor, context_of(request, plan, "/v1/me"))
    if staff:
        if not knowledge.states:
            raise NotFound("Nothing is known of this visitor.")
        asked = visitor.user_id or visitor.anonymous_id
        await note_look(services, by=staff.who, asked=asked, identities=knowledge.identities)
        actor = Actor(staff.who, network_of(request))
        await audit.note(services, actor, Noted("visitor.look"))
    pieces = export_visitor(services, plan, knowledge)
    # What can go wrong goes wrong before the first piece: then the answer is an error.
    first = await anext(pieces)

    async def body() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return StreamingResponse(
        body(),
        media_type="application/json",
        headers={**_PRIVATE, "Content-Disposition": 'attachment; filename="my-data.json"'},
    )


class Erased(msgspec.Struct, frozen=True):
    """What ``DELETE /v1/me`` answers: everything is gone; `receipt` says what was where."""

    erased: bool
    receipt: ErasureReceipt


@answers
async def delete_me(request: Request) -> Response:
    """Erase everything that is held on the bearer, for good."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("Another site cannot erase a visitor.")
    services = services_of(request)
    visitor = bearer_of(request)
    mine = await services.store.seen_by(visitor.scope).visitor(visitor.identity)
    done = await erase(services, mine)
    await audit.note(services, Actor("visitor"), noted(done))
    response = json(Erased(True, done), headers=_PRIVATE)
    forget_cookies(response)
    return response


def forget_cookies(response: Response) -> None:
    """Take back the cookies that tell who a visitor is, and what they were asked."""
    for cookie in (VISITOR, STATE, LINK, ASKED):
        response.delete_cookie(cookie.name)


def routes() -> list[Route]:
    """Return the routes of this file."""
    return [
        Route("/v1/decisions/{id}", read_receipt, methods=["GET"]),
        Route("/v1/me", read_me, methods=["GET"]),
        Route("/v1/me", delete_me, methods=["DELETE"]),
    ]
