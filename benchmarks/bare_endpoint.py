"""The peer of `decide_http`: a bare Starlette and msgspec endpoint that answers the same bytes."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class Asked(msgspec.Struct, rename="camel"):
    """The request, typed as a server would type it."""

    anonymous_id: str = ""
    user_id: str = ""
    page: str = ""
    blocks: list[str] = []
    context: dict[str, Any] = {}


def application(answer: Any) -> Starlette:
    """Return an application that decodes each request and encodes `answer` anew."""

    async def decide(request: Request) -> Response:
        msgspec.json.decode(await request.body(), type=Asked)
        return Response(msgspec.json.encode(answer), media_type="application/json")

    return Starlette(routes=[Route("/v1/decide", decide, methods=["POST"])])


@contextmanager
def bare_endpoint(answer: bytes) -> Iterator[str]:
    """Serve the JSON `answer` in a process of its own; yields the endpoint's address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.bare_endpoint", str(listening.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[listening.fileno()],
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(answer)
        process.stdin.close()
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("the bare endpoint did not start")
        yield f"http://127.0.0.1:{port}/v1/decide"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


async def _serve(descriptor: int) -> None:
    answer = msgspec.json.decode(sys.stdin.buffer.read())
    config = uvicorn.Config(
        application(answer), log_level="warning", access_log=False, server_header=False
    )
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await uvicorn.Server(config).serve([socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve(int(sys.argv[1])))
