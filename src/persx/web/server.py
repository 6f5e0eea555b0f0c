"""The server: all routes in one application, and one process that serves a home."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette

from persx.app.background import background
from persx.app.home import SERVER_FILE, ServerAddress
from persx.app.services import Services
from persx.web.admin.routes import routes as admin_routes
from persx.web.api import decide, exposures, operations
from persx.web.collect.routes import routes as collect_routes
from persx.web.site.errors import exception_handlers
from persx.web.site.routes import routes as site_routes


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

    app = Starlette(
        routes=[
            *decide.routes(),
            *exposures.routes(),
            *collect_routes(),
            *operations.routes(),
            *admin_routes(),
            *site_routes(),
        ],
        exception_handlers=exception_handlers(),
        lifespan=lifespan,
    )
    app.state.services = services
    app.state.command_token = command_token
    return app


class _Announcing(uvicorn.Server):
    """Tells when and where it listens."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[str], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            self._listening(f"http://{shown}:{port}")


async def serve(services: Services, home: Path, listening: Callable[[str], None]) -> None:
    """Serve until a signal says stop; `listening` is told the address once it is open."""
    token = secrets.token_urlsafe(24)
    address_file = home / SERVER_FILE

    def announce(url: str) -> None:
        fresh = address_file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(msgspec.json.encode(ServerAddress(url, token, os.getpid())))
        fresh.replace(address_file)
        listening(url)

    settings = services.settings
    config = uvicorn.Config(
        create_app(services, command_token=token),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=10,
        proxy_headers=True,
    )
    try:
        await _Announcing(config, announce).serve()
    finally:
        address_file.unlink(missing_ok=True)
