"""Load on an HTTP server: as much as it bears (wrk, or our own client), or at a steady rate."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

import msgspec

CONNECTIONS: Final = 16

_WRK_SCRIPT: Final = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = %(authorization)s
local bodies = {}
for line in io.lines(%(bodies)s) do bodies[#bodies + 1] = line end
local n = 0
request = function()
  n = n %% #bodies + 1
  return wrk.format(nil, nil, nil, bodies[n])
end
"""


class Load(msgspec.Struct, frozen=True):
    """What is asked, over and over: JSON bodies posted in turns.

    Attributes:
        url: Address of the endpoint.
        bodies: JSON texts of one line each.
        key: Sent as a bearer token.
    """

    url: str
    bodies: tuple[bytes, ...]
    key: str = ""


def saturate(load: Load, seconds: float) -> float:
    """Return the requests/s that a server answers with 200 when `CONNECTIONS` ask without rest."""
    return _wrk(load, seconds) if shutil.which("wrk") else _client(load, seconds, None)[0]


def client_name() -> str:
    """Return what asks in `saturate`."""
    return "wrk" if shutil.which("wrk") else "own client in a second process"


def at_rate(load: Load, rate: float, seconds: float) -> list[float]:
    """Return the seconds that each answer took, counted from when its turn to be asked came."""
    return _client(load, seconds, rate)[1]


def _wrk(load: Load, seconds: float) -> float:
    with tempfile.TemporaryDirectory() as folder:
        bodies, script = Path(folder) / "bodies", Path(folder) / "post.lua"
        bodies.write_bytes(b"\n".join(load.bodies) + b"\n")
        script.write_text(
            _WRK_SCRIPT
            % {
                "authorization": json.dumps(f"Bearer {load.key}"),
                "bodies": json.dumps(str(bodies)),
            }
        )
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s"]
        done = subprocess.run(
            [*command, "-s", str(script), load.url], capture_output=True, text=True, check=True
        )
    if wrong := re.search(r"(Non-2xx.*|Socket errors.*)", done.stdout):
        raise RuntimeError(f"{load.url}: {wrong[1]}")
    return float(re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)[1])  # type: ignore[index]


def _client(load: Load, seconds: float, rate: float | None) -> tuple[float, list[float]]:
    """Run this file as a process, so that the client's work is not in the server's way."""
    order = msgspec.json.encode((load, seconds, rate))
    command = [sys.executable, "-m", "benchmarks.load"]
    done = subprocess.run(command, input=order, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    return msgspec.json.decode(done.stdout, type=tuple[float, list[float]])


class _Connection(asyncio.Protocol):
    """One kept connection; asks one thing at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.received = bytearray()
        self.waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's.
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator or self.waiter is None or self.waiter.done():
            return
        length = re.search(rb"\ncontent-length: *(\d+)", head, re.IGNORECASE)
        if not head.startswith(b"HTTP/1.1 200") or length is None:
            self.waiter.set_exception(RuntimeError(head.decode(errors="replace")))
        elif len(body) >= int(length[1]):
            self.received.clear()
            self.waiter.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_exception(RuntimeError("the server closed the connection"))

    async def ask(self, request: bytes) -> None:
        self.waiter = asyncio.get_running_loop().create_future()
        assert self.transport is not None
        self.transport.write(request)
        await self.waiter


async def _run(load: Load, seconds: float, rate: float | None) -> tuple[float, list[float]]:
    where = urlsplit(load.url)
    host, port = where.hostname or "", where.port or 80
    requests = [_request(where.netloc, where.path, load.key, body) for body in load.bodies]
    loop = asyncio.get_running_loop()
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS if rate is None else 4 * CONNECTIONS):
        _, connection = await loop.create_connection(_Connection, host, port)
        free.put_nowait(connection)
    taken: list[float] = []
    begun = time.perf_counter()

    async def ask(turn: int, due: float) -> None:
        connection = await free.get()
        await connection.ask(requests[turn % len(requests)])
        taken.append(time.perf_counter() - due)
        free.put_nowait(connection)

    if rate is None:

        async def keep_asking(start: int) -> None:
            turn = start
            while time.perf_counter() - begun < seconds:
                await ask(turn, time.perf_counter())
                turn += CONNECTIONS

        await asyncio.gather(*(keep_asking(n) for n in range(CONNECTIONS)))
    else:
        asked = []
        for turn in range(int(rate * seconds)):
            due = begun + turn / rate
            if (left := due - time.perf_counter()) > 0:
                await asyncio.sleep(left)
            # A timer may ring a little early; then asking begins now.
            start = min(due, time.perf_counter())
            asked.append(asyncio.create_task(ask(turn, start)))
        await asyncio.gather(*asked)
    return len(taken) / (time.perf_counter() - begun), taken


def _request(host: str, path: str, key: str, body: bytes) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


if __name__ == "__main__":
    import uvloop

    order = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[Load, float, float | None])
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(_run(*order))))
