"""Requests as spans: decide, collect and page, around the whole application."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from persx.app.tracing import Tracing
from persx.model.key import KeyScope
from persx.web.keys import ROUTE_SCOPES

_COLLECT: Final = frozenset(
    path for (_, path), scope in ROUTE_SCOPES.items() if scope is KeyScope.COLLECT
)
_NO_PAGES: Final = (
    "/v1/", "/beacon/", "/sourceConfig", "/admin", "/static/", "/metrics", "/healthz", "/readyz",
    "/openapi", "/ofrep/", "/favicon",
)  # fmt: skip


def span_name(path: str) -> str:
    """Return what a request is called in a trace; empty where it is not traced.

    >>> [span_name(path) for path in ("/v1/decide", "/v1/batch", "/contact", "/metrics")]
    ['decide', 'collect', 'page', '']
    """
    if path == "/v1/decide":
        return "decide"
    if path in _COLLECT:
        return "collect"
    return "" if path.startswith(_NO_PAGES) else "page"


class Traced:
    """An application whose requests are spans.

    Spans hold no address, id or query: those would tell who was here.
    """

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app, self._tracing = app, tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        name = span_name(scope["path"]) if scope["type"] == "http" else ""
        if not name:
            await self._app(scope, receive, send)
            return
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        with self._tracing.request(name, headers, scope["method"]) as span:

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._tracing.answered(span, message["status"])
                await send(message)

            await self._app(scope, receive, sending)
