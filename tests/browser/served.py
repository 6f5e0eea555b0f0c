"""A site in this process, for what cannot be asked of a real server: a clock that is moved."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from persx.app.home import open_home
from persx.app.publishing import PublishRequest, PushRequest, publish, push
from persx.app.settings import ServerSettings
from persx.demo import demo_folder
from persx.model.clock import DAY, system_clock
from persx.web.server import create_app, open_sockets
from persx.workspace.documents import read_folder
from tests.conftest import PASSWORD, SERVER_KEY, WRITE_KEY


def copied_home(home: Path, to: Path) -> Path:
    """Copy a home's database, also while it is in use."""
    to.mkdir()
    with (
        closing(sqlite3.connect(home / "persx.db")) as source,
        closing(sqlite3.connect(to / "persx.db")) as target,
    ):
        source.backup(target)
    return to


@dataclass
class Site:
    """A served site, and the days by which its clock is ahead."""

    url: str
    ahead: float = 0

    def clock(self) -> int:
        return system_clock() + int(self.ahead * DAY)


@contextmanager
def served(
    change: Callable[[dict[str, str]], Mapping[str, str]] = dict, **settings: Any
) -> Iterator[Site]:
    """Serve the demo's pages, with the files of its workspace as `change` returns them."""
    site = Site("")
    (socket,) = open_sockets("127.0.0.1", 0)
    site.url = f"http://127.0.0.1:{socket.getsockname()[1]}"
    ready, stopping = threading.Event(), threading.Event()
    failures: list[BaseException] = []

    async def run() -> None:
        given = ServerSettings(
            write_key=WRITE_KEY,
            server_key=SERVER_KEY,
            admin_password=PASSWORD,
            store="memory",
            **settings,
        )
        async with open_home(None, given, clock=site.clock) as services:
            files = dict(change(read_folder(demo_folder("persx_ai"))))
            await push(services, PushRequest(files=files, base={}, author="tests"))
            await publish(services, PublishRequest(author="tests"))
            await services.publication.refresh(services.store)
            config = uvicorn.Config(
                create_app(services),
                log_level="warning",
                access_log=False,
                proxy_headers=True,
                forwarded_allow_ips=given.trusted_proxies,
            )
            server = uvicorn.Server(config)
            task = asyncio.create_task(server.serve([socket]))
            while not server.started and not task.done():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            ready.set()
            await asyncio.to_thread(stopping.wait)
            server.should_exit = True
            await task

    def work() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            failures.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ready.wait(30)
        assert not failures, failures
        yield site
    finally:
        stopping.set()
        thread.join(30)
        socket.close()
    assert not failures, failures
