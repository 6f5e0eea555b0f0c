"""``/v1/recommendations.html``: what a block recommends to a user, as a piece of an e-mail."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from persx.app.mailing import MailRequest, recommendations_mail
from persx.model.errors import BadInput
from persx.model.key import KeyScope
from persx.web.api.answers import answers
from persx.web.collect.wire import MAX_ID
from persx.web.keys import allowed, key_of
from persx.web.visitors import services_of


@answers
async def mail(request: Request) -> Response:
    """Return what a block recommends to a user as HTML for an e-mail, with the server key."""
    services = services_of(request)
    allowed(request, services, key_of(request.headers)).need(KeyScope.PROFILE_READ)
    asked = request.query_params
    user_id = asked.get("userId", "")
    if not 1 <= len(user_id) <= MAX_ID:
        raise BadInput(f"A user id has 1 to {MAX_ID} characters.", value=user_id[:80])
    found = await recommendations_mail(
        services,
        MailRequest(
            user_id=user_id,
            block=asked.get("block", ""),
            base=services.settings.public_url or str(request.base_url),
            locale=asked.get("locale", ""),
        ),
    )
    return Response(
        found.html,
        media_type="text/html",
        headers={
            "Cache-Control": "no-store",
            # It is meant for an e-mail; whoever opens it here runs nothing.
            "Content-Security-Policy": "default-src 'none'; img-src *; style-src 'unsafe-inline'",
        },
    )


def routes() -> list[Route]:
    """Return the routes of this file."""
    return [Route("/v1/recommendations.html", mail, methods=["GET"])]
