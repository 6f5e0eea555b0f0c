"""``/healthz``, ``/readyz``, ``/metrics`` and ``/v1/commands``: what operators ask."""

from __future__ import annotations

import hmac
from urllib.parse import unquote

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from persx.app.audit import perform
from persx.app.catalogue import USE_CASES
from persx.app.commands import USER_HEADER, CommandError, error_status
from persx.model.errors import BadInput, Forbidden, InvalidWorkspace, PersxError
from persx.model.staff import Actor
from persx.web.api.answers import json
from persx.web.keys import COMMAND_SCOPES, allowed, key_of
from persx.web.visitors import network_of, services_of


async def healthz(request: Request) -> Response:
    """Tell that the process answers."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """Tell whether a snapshot is served; 503 until then."""
    number = services_of(request).publication.number
    return json({"ready": number > 0, "snapshot": number}, 200 if number else 503)


async def metrics(request: Request) -> Response:
    """Return the process's metrics in Prometheus' text format."""
    return Response(
        generate_latest(services_of(request).metrics.registry), media_type=CONTENT_TYPE_LATEST
    )


async def command(request: Request) -> Response:
    """Run a use case: for a command of the same home, or whoever has a key with its scope."""
    name = request.path_params["name"]
    try:
        actor = _actor(request, name)
        use_case = USE_CASES[name]
        try:
            asked = msgspec.json.decode(await request.body(), type=use_case.request)
        except msgspec.DecodeError as error:
            raise BadInput(f"The request cannot be read: {error}.") from error
        services = services_of(request)
        result = await perform(services, use_case, asked, actor)
        await services.publication.refresh(services.store)
    except PersxError as error:
        faults = error.faults if isinstance(error, InvalidWorkspace) else ()
        return json(CommandError(error.message, error.hint, faults), error_status(error))
    return json(result)


def _actor(request: Request, name: str) -> Actor:
    """Return who runs a command, if they may."""
    token: str = request.app.state.command_token
    given = key_of(request.headers)
    if token and hmac.compare_digest(given.encode(), token.encode()):
        return Actor(f"cli:{unquote(request.headers.get(USER_HEADER, ''))}")
    scope = COMMAND_SCOPES.get(name)
    if scope is None:
        raise Forbidden("The command's token is missing or wrong.")
    key = allowed(request, services_of(request), given)
    key.need(scope)
    return Actor(key.who, network_of(request))


def routes() -> list[Route]:
    """Return the routes of this file."""
    return [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
        Route("/v1/commands/{name}", command, methods=["POST"]),
    ]
