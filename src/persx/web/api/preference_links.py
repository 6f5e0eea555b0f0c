"""``/v1/preferences/link``: a signed address under which somebody finds their preferences."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from persx.app.deciding import current_plan
from persx.app.signing import LINK_DAYS
from persx.model.clock import DAY, iso
from persx.model.errors import BadInput
from persx.model.key import KeyScope
from persx.web.api.answers import answers, body, json
from persx.web.collect.wire import MAX_ID
from persx.web.keys import allowed, key_of
from persx.web.visitors import services_of


class LinkRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What ``POST /v1/preferences/link`` takes: whose preferences the link shall lead to."""

    user_id: str


class PreferenceLink(msgspec.Struct, frozen=True):
    """The link, for an e-mail to that user alone, and when it stops working."""

    url: str
    expires: str


@answers
async def make_link(request: Request) -> Response:
    """Return a link to a user's preferences: with a key for that, for an e-mail to them."""
    services = services_of(request)
    allowed(request, services, key_of(request.headers)).need(KeyScope.CONSENT_WRITE)
    current_plan(services)
    asked = await body(request, LinkRequest)
    if not 1 <= len(asked.user_id) <= MAX_ID:
        raise BadInput(f"A user id has 1 to {MAX_ID} characters.", value=asked.user_id[:80])
    base = (services.settings.public_url or str(request.base_url)).rstrip("/")
    token = services.signer.preferences(asked.user_id)
    expires = iso(services.clock() + LINK_DAYS * DAY)
    link = PreferenceLink(f"{base}/preferences?for={token}", expires)
    return json(link, headers={"Cache-Control": "no-store"})


def routes() -> list[Route]:
    """Return the routes of this file."""
    return [Route("/v1/preferences/link", make_link, methods=["POST"])]
