"""A server with the demo: time to its first response, memory at rest, time of a page."""

from __future__ import annotations

import http.client
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.measurement import Measurement, percentile
from scripts.demo_server import DemoServer, demo_server

STARTS = 5
PAGES = ("/", "/contact", "/about", "/test-ideas", "/blog")
VIEWS = 300
REST = 3.0


def main() -> list[Measurement]:
    """Return start, memory and page time."""
    with tempfile.TemporaryDirectory(prefix="persx-bench-") as folder:
        home = Path(folder) / "home"
        first = _start(home)
        again = [_start(home) for _ in range(STARTS)]
        with demo_server(home=home) as server:
            _get(_connect(server), "/")
            time.sleep(REST)
            memory = _resident_megabytes(server.pid)
            views, size = _page_seconds(server)
            after = _resident_megabytes(server.pid)
    pages = len(PAGES)
    return [
        Measurement(
            "start to first response",
            statistics.median(again),
            "s",
            note=f"median of {STARTS} starts of a home that holds the demo",
        ),
        Measurement("first start of an empty home, demo loaded", first, "s"),
        Measurement(
            "memory at rest with the demo",
            memory,
            "MB",
            note=f"resident, {REST:.0f} s after the first page; {after:.0f} MB after "
            f"{len(views)} pages",
        ),
        Measurement(
            "server-rendered page p50",
            statistics.median(views) * 1e3,
            "ms",
            note=f"{len(views)} views of {pages} pages of {size / 1e3:.0f} kB by one visitor with "
            "an industry, over one connection",
        ),
        Measurement("server-rendered page p99", percentile(views, 0.99) * 1e3, "ms"),
    ]


def _start(home: Path) -> float:
    """Return the seconds from starting the process to the end of the first page's response."""
    begun = time.perf_counter()
    with demo_server(home=home) as server:
        _get(_connect(server), "/")
        return time.perf_counter() - begun


def _page_seconds(server: DemoServer) -> tuple[list[float], float]:
    """Return the seconds of each view after a warm-up, and the mean size of a page."""
    connection = _connect(server)
    connection.request(
        "PUT", "/v1/state", b'{"industry": "eCommerce"}', {"Content-Type": "application/json"}
    )
    answer = connection.getresponse()
    answer.read()
    cookies = "; ".join(
        cookie.partition(";")[0] for cookie in answer.headers.get_all("Set-Cookie", [])
    )
    if answer.status != 200 or not cookies:
        raise RuntimeError(f"PUT /v1/state answered {answer.status}")
    seconds, sizes = [], []
    for turn in range(-5 * len(PAGES), VIEWS):
        begun = time.perf_counter()
        size = len(_get(connection, PAGES[turn % len(PAGES)], cookies))
        if turn >= 0:
            seconds.append(time.perf_counter() - begun)
            sizes.append(size)
    return seconds, statistics.mean(sizes)


def _connect(server: DemoServer) -> http.client.HTTPConnection:
    where = urlsplit(server.url)
    return http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)


def _get(connection: http.client.HTTPConnection, path: str, cookies: str = "") -> bytes:
    connection.request("GET", path, headers={"Cookie": cookies} if cookies else {})
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise RuntimeError(f"{path} answered {response.status}")
    return body


def _resident_megabytes(pid: int) -> float:
    shown = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True
    )
    return int(shown.stdout) * 1024 / 1e6
