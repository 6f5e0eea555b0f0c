"""``/v1/x/{token}``, ``/v1/beacon`` and ``/v1/client-error``: what delivered pages tell us."""

from __future__ import annotations

import base64
import re
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from persx.app.collecting import collect_from
from persx.app.exposing import confirm
from persx.app.visiting import granted_to
from persx.model.event import EventType
from persx.visitors.consent import storable
from persx.web.api.answers import answers, body
from persx.web.visitors import is_human, services_of, visitor_of

PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""A transparent GIF of one pixel."""

_UNCACHEABLE: Final = {"Cache-Control": "no-store, private", "Content-Type": "image/gif"}
_MAX_SECONDS: Final = 86_400.0
_KIND: Final = re.compile(r"[A-Za-z]{1,40}")
_SOURCE: Final = re.compile(r"/static/[\w./-]{1,80}")


class Beacon(msgspec.Struct):
    """What a page tells when it is left: how long it was looked at."""

    path: str
    seconds: float


class ClientError(msgspec.Struct):
    """What a page tells of an error of one of our scripts: where it was, nothing of the visitor.

    Attributes:
        kind: The kind of error, such as ``TypeError``.
        source: Path of the script.
    """

    kind: str = ""
    source: str = ""
    line: int = 0


def _same_origin(request: Request) -> bool:
    return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


@answers
async def expose(request: Request) -> Response:
    """Confirm that a page was delivered to a person: log its view and its exposures."""
    if is_human(request) and _same_origin(request):
        services = services_of(request)
        await confirm(services, services.signer, request.path_params["token"], {})
    return Response(PIXEL, headers=_UNCACHEABLE)


@answers
async def beacon(request: Request) -> Response:
    """Log how long a page was looked at."""
    said = await body(request, Beacon)
    visitor = visitor_of(request, make=False)
    services = services_of(request)
    plan = services.publication.plan
    wanted = visitor.anonymous_id and is_human(request) and 0 < said.seconds <= _MAX_SECONDS
    if wanted and plan and storable(await granted_to(services, plan, visitor)):
        properties = {"path": said.path[:500], "seconds": round(said.seconds, 1)}
        await collect_from(
            services, visitor, EventType.TRACK, name="Page Left", properties=properties
        )
    return Response(status_code=204)


@answers
async def client_error(request: Request) -> Response:
    """Count an error that happened in a visitor's browser; never more than pages were shown."""
    said = await body(request, ClientError)
    if is_human(request) and _same_origin(request):
        services = services_of(request)
        kind = said.kind if _KIND.fullmatch(said.kind) else "Error"
        source = said.source if _SOURCE.fullmatch(said.source) else "a script"
        if services.health.tally.browser_error(kind, f"{source}:{said.line}"):
            services.metrics.errors.labels("browser").inc()
    return Response(status_code=204)


def routes() -> list[Route]:
    """Return the routes of this file."""
    return [
        Route("/v1/x/{token}", expose, methods=["GET"]),
        Route("/v1/beacon", beacon, methods=["POST"]),
        Route("/v1/client-error", client_error, methods=["POST"]),
    ]
