"""What visitors see when something is missing or went wrong: a page of the same site."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from persx.app.publication import Served
from persx.model.visitor import Profile
from persx.web.admin.session import BarChoice
from persx.web.api.answers import ErrorBody, json
from persx.web.html import answer
from persx.web.site.frame import frame
from persx.web.site.views import ErrorView, SiteContext, render
from persx.web.visitors import locale_of, services_of

_NOBODY: Final = Profile(storable=False)

_log = logging.getLogger("persx")


def nothing_served() -> Response:
    """Tell that nothing is published yet."""
    view = ErrorView(
        status=503,
        message="Nothing is published here yet. Run 'persx push DIR' and 'persx publish'.",
    )
    return answer(render(SiteContext(brand="persx", beacons=False), view), 503)


async def not_found(request: Request, served: Served) -> Response:
    """Tell that there is no such page, and lead to those that exist."""
    return answer(render(_frame(request, served), ErrorView(status=404)), 404)


def _frame(request: Request, served: Served) -> SiteContext:
    locale = locale_of(request, served.plan)
    return frame(request, served.plan, _NOBODY, locale, admin=False, choice=BarChoice())


async def failed(request: Request, error: Exception) -> Response:
    """Log and count what nobody foresaw, and tell the visitor or the client that it happened."""
    reference = secrets.token_hex(4)
    _log.exception("%s %s failed (reference %s)", request.method, request.url.path, reference)
    services = services_of(request)
    services.metrics.errors.labels("server").inc()
    if request.url.path.startswith("/v1/"):
        return json(ErrorBody("Error", f"Something went wrong; reference {reference}."), 500)
    served = services.publication.served
    site = _frame(request, served) if served else SiteContext(brand="persx", beacons=False)
    return answer(render(site, ErrorView(status=500, reference=reference)), 500)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.url.path.startswith("/v1/"):
        return json(ErrorBody("Error", error.detail), error.status_code, dict(error.headers or {}))
    return PlainTextResponse(error.detail + "\n", error.status_code, headers=error.headers)


def exception_handlers() -> dict[Any, Callable[[Request, Exception], Awaitable[Response]]]:
    """Return what answers when a handler raises."""
    return {Exception: failed, HTTPException: _refused}
