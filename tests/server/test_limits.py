"""Limits at the door: what is too large or too slow is told so and let go of."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from persx.web.limits import BoundedProtocol

pytestmark = pytest.mark.anyio


class Impatient(BoundedProtocol):
    """Waits for a moment only."""

    head_seconds = 0.3
    body_seconds = 0.3


async def size(request: Request) -> Response:
    """Answer how long the body was."""
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of a small application that is served with short limits."""
    app = Starlette(
        routes=[Route("/{path:path}", size, methods=["GET", "POST"])],
        exception_handlers={ClientDisconnect: lambda _request, _error: Response()},
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, http=Impatient, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        # Only the main thread of a process may have signals: the tests keep theirs.
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
        running = asyncio.create_task(server.serve([listening]))
        yield int(listening.getsockname()[1])
        server.should_exit = True
        await running


async def talk(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send bytes as they are; return all that comes back until nothing does for a while."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""

    async def send() -> None:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)

    sending = asyncio.create_task(send())
    with contextlib.suppress(TimeoutError, ConnectionError):
        while piece := await asyncio.wait_for(reader.read(65_536), 0.6):
            received += piece
    sending.cancel()
    writer.close()
    with contextlib.suppress(ConnectionError, asyncio.CancelledError):
        await sending
        await writer.wait_closed()
    return received


def post(length: int, path: str = "/") -> bytes:
    """The head of a request."""
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()


async def test_usual_requests_pass(port: int) -> None:
    get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    assert (await talk(port, get)).endswith(b"\r\n\r\n0")
    assert (await talk(port, get[:10], get[10:], pause=0.05)).endswith(b"\r\n\r\n0")
    assert (await talk(port, post(6), b"abc", b"def", pause=0.05)).endswith(b"\r\n\r\n6")
    large = post(900_000) + b"a" * 900_000
    kept = await talk(port, large, get, large, get, pause=0.05)
    assert kept.count(b"HTTP/1.1 200") == 4
    # Several requests at once, of which one is large, are no long header.
    assert (await talk(port, (large + get) * 2)).count(b"HTTP/1.1 200") == 4


async def test_a_long_head_is_refused(port: int) -> None:
    header = b"X-A: " + b"a" * 30_000 + b"\r\n"
    for endless in ([header] * 30, [b"X-A: "] + [b"a" * 30_000] * 30):
        answer = await talk(port, b"GET / HTTP/1.1\r\nHost: x\r\n", *endless, pause=0.002)
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("begin", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_a_slow_head_is_refused(port: int, begin: bytes) -> None:
    answer = await talk(port, begin)
    assert answer.startswith(b"HTTP/1.1 408 ")
    # Drop by drop makes no difference.
    drops = [b"X: y\r\n"] * 8 if begin.endswith(b"\n") else []
    if drops:
        assert (await talk(port, begin, *drops, pause=0.1)).startswith(b"HTTP/1.1 408 ")
    # A later request of a connection has its own time.
    get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    if begin:
        answers = await talk(port, get, begin, pause=0.1)
        assert [each[:4] for each in answers.split(b"HTTP/1.1 ")[1:]] == [b"200 ", b"408 "]


async def test_a_slow_body_is_refused(port: int) -> None:
    answer = await talk(port, post(100), *[b"a"] * 8, pause=0.1)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert answer.count(b"HTTP/1.1") == 1
    # A later request of a connection has its own time, and so has the body of one.
    get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    answers = await talk(port, get, post(100), b"a", pause=0.15)
    assert [each[:4] for each in answers.split(b"HTTP/1.1 ")[1:]] == [b"200 ", b"408 "]
    head = post(6)
    assert b"HTTP/1.1 200" in await talk(port, head[:9], head[9:], b"abc", b"def", pause=0.12)


async def test_a_large_body_is_refused_by_where_it_goes(port: int) -> None:
    parts = [b"a" * 60_000] * 20
    for path, status in (("/start", b"413"), ("/v1/batch", b"200"), ("/v1/commands/x", b"200")):
        answer = await talk(port, post(1_200_000, path), *parts)
        assert answer.startswith(b"HTTP/1.1 " + status), path
    chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = [b"ea60\r\n" + part + b"\r\n" for part in parts]
    assert (await talk(port, chunked, *chunks)).startswith(b"HTTP/1.1 413")
