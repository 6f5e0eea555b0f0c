"""Limits at the door: bytes and seconds that a request may take before it is turned away."""

from __future__ import annotations

import asyncio
import http
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from persx.web.coalescing import CoalescingTransport

HEAD_BYTES: Final = 64 << 10
"""Bytes of a request's line and headers together."""

HEAD_SECONDS: Final = 30.0
"""Time for a request's line and headers."""

BODY_SECONDS: Final = 60.0
"""Time for a request's body."""

FORM_BYTES: Final = 1 << 20
"""Bytes of a form; its parser alone would take a thousand fields of this size."""

API_BYTES: Final = 20 << 20
"""Bytes of what the API drains at most; its handlers take far less, and say so themselves."""

LINGER_SECONDS: Final = 10.0
"""Time for which a sender who is turned away is listened to, so that they read the answer."""

COMMANDS: Final = "/v1/commands/"
"""Only the home's own commands call this; a workspace's files may take some room."""


def most_bytes(path: str) -> float:
    """Return how long a body may be, by where it goes."""
    if path.startswith(COMMANDS):
        return float("inf")
    return API_BYTES if path.startswith(("/v1/", "/beacon/")) else FORM_BYTES


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which by itself takes headers of any size, and waits for ever.

    A request that arrives in one piece costs two comparisons; only others are timed.
    """

    head_seconds = HEAD_SECONDS
    body_seconds = BODY_SECONDS

    _in_head = False
    _in_body = False
    _head_bytes = 0
    _body_bytes = 0
    _refused = False
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(CoalescingTransport(transport, self.loop))  # type: ignore[arg-type]
        self._wait(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Note that headers come."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that a body may come."""
        self._in_head, self._in_body = False, True
        self._body_bytes = 0
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body, unless it has become too long.

        What nobody waits for, because the answer was given before it came, is dropped unread: a
        connection that ended there would take the next request with it.
        """
        self._body_bytes += len(body)
        if self._body_bytes > FORM_BYTES:
            most = most_bytes(self.scope["path"])
            if self._body_bytes > (max(most, API_BYTES) if self.cycle.response_complete else most):
                self._refuse(413)
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        self._in_body = False
        self._stop_waiting()
        if not self._refused:
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Read what arrived; refuse headers that have become too long."""
        if self._refused:
            return
        was_in_head = self._in_head
        super().data_received(data)
        if not (self._in_head or self._in_body):
            if self._waiting is not None:
                self._stop_waiting()
        elif self._waiting is None:
            # What arrived may begin with the end of another request: counted from the next on.
            self._head_bytes = 0
            self._wait(self.head_seconds if self._in_head else self.body_seconds)
        elif was_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(431)

    def _wait(self, seconds: float) -> None:
        if not (self._refused or self.transport.is_closing()):
            self._waiting = self.loop.call_later(seconds, self._refuse, 408)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _refuse(self, status: int) -> None:
        """Answer if nothing else is being answered, and take nothing more."""
        self._stop_waiting()
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        cycle = self.cycle
        if self._in_body:
            # It is this request's own answer, unless others come first or it has begun.
            free = not (cycle.response_started or self.pipeline)
            cycle.disconnected = True
            cycle.message_event.set()
        else:
            free = cycle is None or cycle.response_complete
        if not free or not self.transport.can_write_eof():
            self.transport.close()
            return
        phrase = http.HTTPStatus(status).phrase
        self.transport.write(
            f"HTTP/1.1 {status} {phrase}\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(phrase)}\r\nConnection: close\r\n\r\n{phrase}".encode()
        )
        self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)
