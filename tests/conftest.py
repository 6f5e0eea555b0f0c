"""What tests share: a workspace at work in memory, a real server, and a real browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

# Failures of the contract suites are explained as those of tests are.
pytest.register_assert_rewrite("persx.testing")

WRITE_KEY = "write_for_tests"
SERVER_KEY = "server_for_tests"
PASSWORD = "a-password-for-tests"


@pytest.fixture
def data_folder() -> Path:
    """The folder with real data; tests that need it are skipped where it is not set."""
    folder = os.environ.get("PERSX_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("PERSX_DATA is not set to the folder with the data sets")
    return Path(folder)


@dataclass
class Server:
    """A real persx server in a process of its own."""

    home: Path
    port: int
    process: subprocess.Popen[str]
    output: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def admin_link(self) -> str:
        """The one-time link that the server printed."""
        found = re.search(r"/admin/enter/\S+", self.output.read_text(encoding="utf-8"))
        assert found is not None
        return self.url + found[0]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(home: Path, *arguments: str, port: int | None = None, **settings: str) -> Server:
    """Start `persx serve` on a home and wait until it answers."""
    port = port or free_port()
    output = home.parent / f"{home.name}.log"
    environment = {
        **os.environ,
        "PERSX_WRITE_KEY": WRITE_KEY,
        "PERSX_SERVER_KEY": SERVER_KEY,
        "PERSX_ADMIN_PASSWORD": PASSWORD,
        "PYTHONUNBUFFERED": "1",
        **{f"PERSX_{name.upper()}": value for name, value in settings.items()},
    }
    command = [sys.executable, "-m", "persx", "serve", "--home", str(home)]
    with output.open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port), *arguments],
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
    server = Server(home, port, process, output)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError("The server ended:\n" + output.read_text(encoding="utf-8"))
        try:
            with urlopen(f"{server.url}/healthz", timeout=5) as answer:
                if answer.status == 200:
                    return server
        except OSError:
            time.sleep(0.05)
    server.kill()
    raise AssertionError("The server does not answer:\n" + output.read_text(encoding="utf-8"))


@contextmanager
def running(home: Path, *arguments: str, **settings: str) -> Iterator[Server]:
    """A server for the length of a block."""
    server = start_server(home, *arguments, **settings)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="session")
def demo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The demo on a real server, shared by the tests of a run."""
    with running(tmp_path_factory.mktemp("demo") / "home", "--demo") as server:
        yield server


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start servers that are stopped after the test."""
    started: list[Server] = []

    def start(*arguments: str, home: Path | None = None, **settings: str) -> Server:
        server = start_server(home or tmp_path / "home", *arguments, **settings)
        started.append(server)
        return server

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture
async def services() -> AsyncIterator[Any]:
    """The demo workspace at work, all in memory."""
    from persx.app.home import open_home
    from persx.app.settings import ServerSettings
    from tests.demos import publish_demo

    settings = ServerSettings(
        write_key=WRITE_KEY, server_key=SERVER_KEY, admin_password=PASSWORD, store="memory"
    )
    async with open_home(None, settings) as opened:
        await publish_demo(opened)
        yield opened


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A real Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests run on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture
async def client(services: Any) -> AsyncIterator[Any]:
    """A browser without scripts that talks to the application in this process."""
    import httpx

    from persx.app.background import background
    from persx.web.server import create_app

    app = create_app(services, command_token="token-for-tests")
    async with background(services):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as made:
            yield made
