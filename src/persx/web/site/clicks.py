"""``/v1/r/{token}``: where links of recommended items lead, on their way to the item's page."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from persx.app.clicking import count_click, read_click, target_problem
from persx.web.site.errors import not_found, nothing_served
from persx.web.visitors import is_human, services_of, visitor_of

_UNKEPT: Final = {"Cache-Control": "no-store, private", "X-Robots-Tag": "noindex, nofollow"}


async def follow(request: Request) -> Response:
    """Lead to the page of a recommended item; a person who comes is counted.

    Who only fetches in advance is sent nowhere, so that the click itself comes here too.
    """
    services = services_of(request)
    served = services.publication.served
    if served is None:
        return nothing_served()
    found = read_click(services, request.path_params["token"])
    item = (await services.current_catalogue()).get(found[0].item) if found else None
    if found is None or item is None or target_problem(item.url):
        return await not_found(request, served)
    purpose = request.headers.get("sec-purpose", "") + request.headers.get("purpose", "")
    if "prefetch" in purpose or "prerender" in purpose:
        return Response(status_code=204, headers=_UNKEPT)
    if is_human(request) and request.headers.get("sec-fetch-mode", "navigate") == "navigate":
        click, made = found
        await count_click(services, click, made, visitor_of(request, make=False))
    return RedirectResponse(item.url, 303, headers=_UNKEPT)


def routes() -> list[Route]:
    """Return the routes of this file."""
    return [Route("/v1/r/{token}", follow, methods=["GET"])]
