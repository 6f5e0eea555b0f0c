"""Limits at the door: bytes and seconds that a request may take before it is turned away."""

from __future__ import annotations

import asyncio
import contextlib
import http
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES: Final = 64 << 10
"""Bytes of a request's line and headers together."""

HEAD_SECONDS: Final = 30.0
"""Time from a request's first byte to the end of its headers."""

BODY_SECONDS: Final = 60.0
"""Time for a request's whole body."""

FORM_BYTES: Final = 1 << 20
"""Bytes of a form; its parser alone would take a thousand fields of this size."""

API_BYTES: Final = 20 << 20
"""Bytes of what the API drains at most; its handlers take far less, and say so themselves."""

COMMANDS: Final = "/v1/commands/"
"""Only the home's own commands call this; a workspace's files may take some room."""


class BodyLimits:
    """Middleware: refuses bodies that are too large (413) or too slow (408).

    Args:
        seconds: Time for a whole body.
    """

    def __init__(self, app: ASGIApp, *, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, with `receive` watched where a body may come."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        # Whoever left while sending gets no answer, and is no error of ours.
        with contextlib.suppress(ClientDisconnect):
            await self._app(
                scope, _watched(receive, _most_bytes(scope["path"]), self._seconds), send
            )


def _most_bytes(path: str) -> float:
    if path.startswith(COMMANDS):
        return float("inf")
    return API_BYTES if path.startswith(("/v1/", "/beacon/")) else FORM_BYTES


def _watched(receive: Receive, limit: float, seconds: float) -> Receive:
    deadline = asyncio.get_running_loop().time() + seconds
    size = 0
    ended = False

    async def watched() -> Message:
        nonlocal size, ended
        # After the body, what is waited for is the client's leaving: that may take its time.
        if ended:
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise _refusal(408, f"The body did not arrive within {seconds:g} seconds.") from None
        ended = not message.get("more_body", False)
        size += len(message.get("body", b""))
        if size > limit:
            raise _refusal(413, f"The body is longer than {limit:.0f} bytes.")
        return message

    return watched


def _refusal(status: int, detail: str) -> HTTPException:
    return HTTPException(status, detail, headers={"Connection": "close"})


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which by itself keeps headers of any size and waits for them for ever."""

    head_seconds = HEAD_SECONDS

    _in_head = False
    _head_bytes = 0
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request's headers, but not for ever."""
        super().connection_made(transport)
        self._waiting = self.loop.call_later(self.head_seconds, self._refuse, 408)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Note that headers come."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that the headers are whole."""
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Read what arrived; refuse headers that have become too long."""
        was_in_head = self._in_head
        super().data_received(data)
        if not self._in_head:
            if self._waiting is not None:
                self._stop_waiting()
        elif not was_in_head:
            # What arrived may begin with the end of another request: counted from the next on.
            self._head_bytes = 0
            if self._waiting is None:
                self._waiting = self.loop.call_later(self.head_seconds, self._refuse, 408)
        else:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(431)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _refuse(self, status: int) -> None:
        self._stop_waiting()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            phrase = http.HTTPStatus(status).phrase
            head = f"HTTP/1.1 {status} {phrase}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            self.transport.write(head.encode())
        self.transport.close()
