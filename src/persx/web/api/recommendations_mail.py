"""``/v1/recommendations.html``: what is recommended to a user, as a piece of an e-mail."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from persx.app.mailing import MailRequest, recommendations_mail
from persx.app.plans import current_plan
from persx.app.recommending import RecommendRequest
from persx.app.services import Services
from persx.content.blocks.recommendations import MOST_ITEMS
from persx.model.errors import BadInput
from persx.model.key import KeyScope
from persx.web.api.answers import answers
from persx.web.api.recommendations import check_asked, context_asked, request_in
from persx.web.collect.wire import MAX_ID
from persx.web.keys import allowed, key_of
from persx.web.visitors import services_of

OF_PIPELINE: Final = (
    "pipeline", "item", "count", "exclude", "only", "generic", "category", "headline", "currency"
)  # fmt: skip
"""What a pipeline is asked; a block says it all itself."""

_LONGEST: Final = 300
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


@answers
async def mail(request: Request) -> Response:
    """Return what a block or a pipeline recommends to a user as HTML for an e-mail."""
    services = services_of(request)
    allowed(request, services, key_of(request.headers)).need(KeyScope.PROFILE_READ)
    asked = request.query_params
    user_id = asked.get("userId", "")
    if not 1 <= len(user_id) <= MAX_ID:
        raise BadInput(f"A user id has 1 to {MAX_ID} characters.", value=user_id[:80])
    headline, currency = asked.get("headline", ""), asked.get("currency", "EUR")
    if len(headline) > _LONGEST:
        raise BadInput(f"A headline has at most {_LONGEST} characters.")
    if not _CURRENCY.fullmatch(currency):
        raise BadInput(
            f"'{currency[:40]}' is no currency.", value=currency, hint="Send three letters: EUR."
        )
    found = await recommendations_mail(
        services,
        MailRequest(
            user_id=user_id,
            block=asked.get("block", ""),
            asked=_of_pipeline(request, services),
            headline=headline,
            currency=currency,
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


def _of_pipeline(request: Request, services: Services) -> RecommendRequest | None:
    """Return what the address asks of a pipeline; none where it names a block."""
    given = request.query_params
    if given.get("block"):
        if more := [name for name in OF_PIPELINE if name in given]:
            raise BadInput(
                f"'{more[0]}' belongs to a pipeline, and a block is named.",
                value=more[0],
                hint="Name a block, which says all of it itself, or a pipeline.",
            )
        return None
    if "pipeline" not in given:
        raise BadInput(
            "Neither a block nor a pipeline is named.", hint="Send block=NAME or pipeline=NAME."
        )
    asked = request_in(given, (*OF_PIPELINE, "userId", "locale", "block"))
    if asked.count > MOST_ITEMS:
        raise BadInput(
            f"A piece of an e-mail has 1 to {MOST_ITEMS} items, not {asked.count}.",
            value=asked.count,
        )
    check_asked(asked)
    return RecommendRequest(
        pipeline=asked.pipeline,
        count=asked.count,
        anchor=asked.item,
        exclude=tuple(asked.exclude),
        only=None if asked.only is None else tuple(asked.only),
        context=context_asked(current_plan(services), asked),
        generic=asked.generic,
    )


def routes() -> list[Route]:
    """Return the routes of this file."""
    return [Route("/v1/recommendations.html", mail, methods=["GET"])]
