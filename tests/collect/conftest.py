"""A real server of the collecting routes, on the loopback, for each test that wants one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from persx.app.services import Keys, Services
from persx.model.attribute import Attribute, Computation, Source, ValueType
from persx.model.event import Event, IdentityKey
from persx.model.visitor import IdentityState
from persx.storage.backends import open_storage
from persx.testing import see
from persx.visitors.fold import Fold
from persx.web.collect import routes

T = TypeVar("T")

ATTRIBUTES = {
    "industry": Attribute(name="industry"),
    "plan": Attribute(name="plan"),
    "orders": Attribute(
        name="orders",
        type=ValueType.NUMBER,
        source=Source.COMPUTED,
        compute=Computation(kind="count", event="Order Completed"),
    ),
}


@dataclass
class Collector:
    """A server that collects, and a way to look at what it kept."""

    url: str
    services: Services
    loop: asyncio.AbstractEventLoop
    write_key: str = "public-key"
    server_key: str = "secret-key"
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine where the server runs."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def post(self, path: str, body: object = None, **more: Any) -> httpx.Response:
        """Post JSON, or bytes as they are, with the public key unless `auth` says otherwise."""
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return self.client.post(
            self.url + path, **{"auth": (self.write_key, ""), **content, **more}
        )

    def events(self) -> list[Event]:
        """Everything in the log, in order."""
        return list(self.call(see(self.services.stream).read(limit=1_000_000)))

    def rejected(self) -> list[str]:
        """The reasons of what was kept aside, newest first."""
        return [one.reason for one in self.call(see(self.services.stream).rejected())]

    def states(self, key: str) -> list[IdentityState]:
        """The states of an identity and of those joined to it."""
        return list(self.call(see(self.services.store).states(IdentityKey(key))))

    def counted(self, result: str) -> float:
        """The metric of events with this result."""
        metric = self.services.metrics.registry
        return metric.get_sample_value("persx_events_total", {"result": result}) or 0.0


async def _serve(
    home: Path, ready: Callable[[Collector], None], stopped: asyncio.Event, prepare: Any
) -> None:
    storage = open_storage(home)
    try:
        keys = Keys(write_key="public-key", server_key="secret-key", secret="signing")
        services = Services(
            store=storage.store,
            stream=storage.stream,
            warehouse=storage.warehouse,
            artifacts=storage.artifacts,
            items=storage.items,
            keys=keys,
            home=home,
        )
        await services.stream.use_projector(Fold(ATTRIBUTES))
        if prepare is not None:
            await prepare(services)
        app = Starlette(routes=routes())
        app.state.services = services
        config = uvicorn.Config(app, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        listening = socket.create_server(("127.0.0.1", 0))
        with contextlib.closing(listening):
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            while not server.started:  # noqa: ASYNC110 - uvicorn tells it no other way
                await asyncio.sleep(0.005)
            port = listening.getsockname()[1]
            ready(Collector(f"http://127.0.0.1:{port}", services, asyncio.get_running_loop()))
            await stopped.wait()
            server.should_exit = True
            await serving
    finally:
        await storage.close()


@contextlib.contextmanager
def running(
    home: Path, prepare: Callable[[Services], Awaitable[None]] | None = None
) -> Iterator[Collector]:
    """Serve a home in a thread for as long as the context is open."""
    found: list[Collector] = []
    failures: list[BaseException] = []
    known = threading.Event()
    stopping: list[Callable[[], None]] = []

    async def serve() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        stopping.append(lambda: loop.call_soon_threadsafe(stopped.set))

        def ready(collector: Collector) -> None:
            found.append(collector)
            known.set()

        await _serve(home, ready, stopped, prepare)

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            failures.append(error)
        finally:
            known.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    known.wait(60)
    if failures:
        raise failures[0]
    try:
        yield found[0]
    finally:
        found[0].client.close()
        stopping[0]()
        thread.join(60)
        if failures:
            raise failures[0]


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A server with an empty home."""
    with running(tmp_path) as found:
        yield found
