"""``DELETE /v1/visitors/{key}``: a site's own backend has a visitor erased."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from persx.app import audit
from persx.app.erasing import erase, noted
from persx.model.errors import Forbidden
from persx.model.event import IdentityKey
from persx.model.staff import Actor
from persx.web.api.answers import answers, json
from persx.web.keys import Access, access, key_of
from persx.web.visitors import network_of, services_of


@answers
async def erase_visitor(request: Request) -> Response:
    """Erase the visitor of an identity, ``a:ID`` or ``u:ID``; the server key only."""
    services = services_of(request)
    if access(key_of(request.headers), services.keys) is not Access.SERVER:
        raise Forbidden(
            "Erasing a visitor needs the server key.",
            hint="Send it as 'Authorization: Bearer KEY', from a server only.",
        )
    receipt = await erase(services, [IdentityKey(request.path_params["key"])])
    await audit.note(services, Actor("server key", network_of(request)), noted(receipt))
    return json(receipt)


def routes() -> list[Route]:
    """Return the routes of this file."""
    return [Route("/v1/visitors/{key:path}", erase_visitor, methods=["DELETE"])]
