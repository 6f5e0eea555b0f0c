"""The server: all routes in one application, and one process that serves a home."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Final

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from persx.app.background import background
from persx.app.home import SERVER_FILE, ServerAddress
from persx.app.services import Services
from persx.app.tracing import TracedWarehouse, open_tracing
from persx.model.errors import BadInput
from persx.web.admin.routes import routes as admin_routes
from persx.web.admin.session import Recognition
from persx.web.api import (
    consent,
    decide,
    erasure,
    exposures,
    items,
    me,
    openapi,
    operations,
    preference_links,
    probe,
    recommendations,
    recommendations_mail,
)
from persx.web.api.probe import Probing, mark_in
from persx.web.collect.routes import routes as collect_routes
from persx.web.limits import COMMANDS, BoundedProtocol
from persx.web.site import clicks
from persx.web.site.errors import exception_handlers, failed
from persx.web.site.routes import routes as site_routes
from persx.web.tracing import Traced

_BACKLOG: Final = 2_048
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Application(Starlette):
    """All routes; what is asked thousands of times a second is answered before they are searched.

    The layers between (two for errors, the router, one for the route) take as long as deciding.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            if scope["scheme"] == "https":
                send = _securing(send)
            path: str = scope["path"]
            if (mark := mark_in(scope)) is not None:
                if (refusal := self.state.probing.refuses(scope, mark)) is not None:
                    await refusal(scope, receive, send)
                    return
            elif not path.startswith(COMMANDS):
                services = self.state.services
                services.metrics.asked += 1
                route, began = route_of(path), perf_counter()
                try:
                    await self._answer(scope, receive, send)
                finally:
                    took = perf_counter() - began
                    services.metrics.latencies.add(route, took)
                    if route in _VISITORS:
                        services.health.tally.answered(took)
                return
        await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        direct = None
        if scope["type"] == "http":
            direct = _DIRECT.get((scope["method"], scope["path"]))
        if direct is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        request = Request(scope, receive)
        try:
            response = await direct(request)
        except ClientDisconnect as error:
            response = await _gone(request, error)
        except Exception as error:
            response = await failed(request, error)
        await response(scope, receive, send)


_DIRECT: Final = {
    ("POST", "/v1/decide"): decide.decide_blocks,
    ("GET", "/v1/recommendations"): recommendations.read_recommendations,
    ("POST", "/v1/recommendations"): recommendations.ask_recommendations,
}
"""What is answered without a look at the other routes, because it is asked most."""
_VISITORS: Final = frozenset({"site", "decide", "recommend", "exposure", "state"})
"""What visitors wait for."""

_PARTS: Final = (
    ("/v1/decide", "decide"),
    ("/v1/recommendations", "recommend"),
    ("/v1/x/", "exposure"),
    ("/v1/r/", "exposure"),
    ("/v1/state", "state"),
    ("/v1/", "collect"),
    ("/ofrep/", "decide"),
    ("/static/", "static"),
    ("/admin", "studio"),
    ("/metrics", "operations"),
    ("/healthz", "operations"),
    ("/readyz", "operations"),
    ("/openapi", "operations"),
)
"""What paths begin with; a page of the site begins with none of it."""

_PREFIXES: Final = tuple(prefix for prefix, _ in _PARTS)


def route_of(path: str) -> str:
    """Return what a path asks for, as latencies are told.

    >>> [route_of(path) for path in ("/", "/pricing", "/v1/decide", "/v1/track", "/admin/health")]
    ['site', 'site', 'decide', 'collect', 'studio']
    """
    if path.startswith(_PREFIXES):
        for prefix, route in _PARTS:
            if path.startswith(prefix):
                return route
    return "site"


def _securing(send: Send) -> Send:
    """Make cookies ``Secure`` that came through TLS, though no `public_url` says that they do."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                (name, value if b"; Secure" in value else value + b"; Secure")
                if name == b"set-cookie"
                else (name, value)
                for name, value in message["headers"]
            ]
        await send(message)

    return sending


def create_app(services: Services, *, command_token: str = "") -> Starlette:
    """Return the ASGI application for a workspace.

    Args:
        services: What it works with; whoever opened it closes it.
        command_token: What commands beside the server must show; empty refuses them.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with background(services):
            yield

    app = Application(
        routes=[
            *decide.routes(),
            *recommendations.routes(),
            *consent.routes(),
            *preference_links.routes(),
            *exposures.routes(),
            *clicks.routes(),
            *erasure.routes(),
            *items.routes(),
            *collect_routes(),
            *operations.routes(),
            *me.routes(),
            *probe.routes(),
            *recommendations_mail.routes(),
            *openapi.routes(),
            *admin_routes(),
            *site_routes(),
        ],
        middleware=[Middleware(Recognition, services=services)],
        exception_handlers={**exception_handlers(), ClientDisconnect: _gone},
        lifespan=lifespan,
    )
    app.state.services = services
    app.state.probing = Probing(services)
    app.state.command_token = command_token
    return app


async def _gone(request: Request, error: Exception) -> Response:
    """Whoever left while sending reads no answer, and is no error of ours."""
    return Response(status_code=400)


def open_sockets(host: str, port: int) -> list[socket.socket]:
    """Take the port on every address of the host; 0 takes a free one.

    Raises:
        BadInput: The host is not this machine's, or the port is taken or not allowed.
    """
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            taken = socket.socket(family, kind, protocol)
            sockets.append(taken)
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            taken.bind((address[0], port or sockets[0].getsockname()[1], *address[2:]))
            # Listening now, not later: two processes may bind one port, only one may listen.
            taken.listen(_BACKLOG)
    except (OSError, OverflowError, UnicodeError) as error:
        for taken in sockets:
            taken.close()
        reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
        raise BadInput(
            f"Cannot listen on {host}, port {port}: {reason}.",
            value=port,
            hint="Choose another with --port; 0 takes a free one.",
        ) from error
    return sockets


class _Announcing(uvicorn.Server):
    """Tells when and where it listens, and leaves a signal at stopping gracefully."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[str], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            self._listening(f"http://{shown}:{port}")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises the signal again once it has stopped, which ends the process on the
        # spot: with the database open, its address still announced, and not with exit code 0.
        before = {each: signal.signal(each, self.handle_exit) for each in _SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


async def serve(
    services: Services,
    home: Path,
    sockets: Sequence[socket.socket],
    listening: Callable[[str], None],
) -> None:
    """Serve until a signal says stop.

    Args:
        services: What the application works with; whoever opened it closes it.
        home: Where commands find the server's address.
        sockets: What `open_sockets` took.
        listening: Told the address once requests are answered.
    """
    token = secrets.token_urlsafe(24)
    address_file = home / SERVER_FILE

    def announce(url: str) -> None:
        fresh = address_file.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600)
        address = ServerAddress(url, token, os.getpid(), services.settings.store)
        fresh.write_bytes(msgspec.json.encode(address))
        fresh.replace(address_file)
        services.url = url
        listening(url)

    tracing = open_tracing(services.settings)
    app: ASGIApp = create_app(services, command_token=token)
    if tracing is not None:
        services.warehouse = TracedWarehouse(services.warehouse, tracing)
        app = Traced(app, tracing)
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        backlog=_BACKLOG,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=10,
        proxy_headers=True,
        forwarded_allow_ips=services.settings.trusted_proxies,
    )
    try:
        await _Announcing(config, announce).serve(list(sockets))
    finally:
        address_file.unlink(missing_ok=True)
        if tracing is not None:
            await asyncio.to_thread(tracing.close)
