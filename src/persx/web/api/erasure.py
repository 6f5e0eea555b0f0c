"""``DELETE /v1/visitors/{key}``: a site's own backend has a visitor erased."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from persx.app import audit
from persx.app.erasing import erase, noted
from persx.model.event import IdentityKey
from persx.model.key import KeyScope
from persx.model.staff import Actor
from persx.web.api.answers import answers, json
from persx.web.keys import allowed, key_of
from persx.web.visitors import network_of, services_of


@answers
async def erase_visitor(request: Request) -> Response:
    """Erase the visitor of an identity, ``a:ID`` or ``u:ID``."""
    services = services_of(request)
    key = allowed(request, services, key_of(request.headers))
    key.need(KeyScope.ERASE)
    receipt = await erase(services, [IdentityKey(request.path_params["key"])])
    await audit.note(services, Actor(key.who, network_of(request)), noted(receipt))
    return json(receipt)


def routes() -> list[Route]:
    """Return the routes of this file."""
    return [Route("/v1/visitors/{key:path}", erase_visitor, methods=["DELETE"])]
