"""Answers of the JSON API: msgspec bodies in and out, errors as ``{code, message}``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from persx.app.commands import error_status
from persx.model.errors import BadInput, PersxError, TooMany, Unavailable

MAX_BODY = 128 << 10

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]


class ErrorBody(msgspec.Struct, frozen=True):
    """What an error looks like to an API client."""

    code: str
    message: str


def json(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON response."""
    return Response(
        msgspec.json.encode(content), status, headers=headers, media_type="application/json"
    )


def error_answer(error: PersxError) -> Response:
    """Return the response that tells an API client of an error."""
    status = error_status(error)
    headers = {"Retry-After": "1"} if isinstance(error, Unavailable) else None
    if isinstance(error, TooMany):
        headers = {"Retry-After": str(error.value)}
    return json(ErrorBody(type(error).__name__, str(error)), status, headers)


async def body(request: Request, type: type[T], *, most: int = MAX_BODY) -> T:
    """Read a request's JSON body, up to so many bytes.

    Raises:
        BadInput: It is too long, no JSON, or of another form; the message names the place.
    """
    raw = await raw_body(request, most)
    try:
        return msgspec.json.decode(raw or b"{}", type=type)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"The body cannot be read: {error}.") from error


async def raw_body(request: Request, most: int = MAX_BODY) -> bytes:
    """Read a request's body, up to so many bytes.

    Raises:
        BadInput: It is longer.
    """
    first = await request.receive()
    if first["type"] == "http.request" and not first.get("more_body", False):
        raw: bytes = first.get("body", b"")
        if len(raw) > most:
            raise _too_long(most)
        return raw
    chunks, size, message = [], 0, first
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > most:
            raise _too_long(most)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await request.receive()


def _too_long(most: int) -> BadInput:
    return BadInput(f"The body is longer than {most} bytes.")


def answers(handler: Handler) -> Handler:
    """Make a handler of the JSON API answer errors of persx as JSON."""

    async def answering(request: Request) -> Response:
        try:
            return await handler(request)
        except PersxError as error:
            return error_answer(error)

    answering.__doc__ = handler.__doc__
    answering.__name__ = getattr(handler, "__name__", "handler")
    return answering


Anything = dict[str, Any]
