"""What the tests of health share: the demo at work with a clock that is moved, on both backends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from persx.app.background import Filling
from persx.app.health_record import Health
from persx.app.home import open_home
from persx.app.services import Services
from persx.app.settings import ServerSettings
from persx.model.clock import MINUTE
from persx.model.decision import Decision, Reason
from persx.model.event import Event, EventType
from tests.demos import publish_demo
from tests.health.sinks import WebhookSink, webhook_sink

BEGIN = 1_795_000_000_000
"""2026-11-18 in the morning, UTC."""


class Place:
    """A home, or none, that is opened again and again, and its clock."""

    def __init__(self, home: Path | None, webhook: str) -> None:
        self.home, self.now = home, BEGIN
        self.settings = ServerSettings(
            store="sqlite" if home else "memory", alert_webhook=webhook, health_seconds=1
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Services]:
        """The demo's services; the first time it is loaded."""
        async with open_home(self.home, self.settings, clock=lambda: self.now) as services:
            await publish_demo(services)
            await services.refresh()
            filling = Filling(services)
            await filling.take_up()
            yield services
            await filling.stop()

    def later(self, length: int = MINUTE) -> None:
        """Move the clock."""
        self.now += length


@pytest.fixture
def hook() -> Iterator[WebhookSink]:
    with webhook_sink() as sink:
        yield sink


@pytest.fixture(params=["memory", "sqlite"])
def place(request: Any, tmp_path: Path, hook: WebhookSink) -> Place:
    """A place of either backend."""
    return Place(tmp_path / "home" if request.param == "sqlite" else None, hook.url)


@pytest.fixture
async def services(place: Place) -> AsyncIterator[Services]:
    async with place.opened() as opened:
        yield opened


def decided(
    services: Services, reason: Reason, n: int = 1, block: str = "home-hero", who: str = "SaaS"
) -> None:
    """Count decisions of a block as pages for people."""
    made = Decision(block=block, type="hero", variant="x", content={}, reason=reason, arms={})
    for _ in range(n):
        services.health.tally.decided([made], who, storable=True)


def restarted(services: Services) -> None:
    """Forget what is only in memory, as a new process does."""
    services.health = Health(lambda: services.clock())


async def declares(services: Services, visitor: str, industry: str) -> None:
    """A visitor says their industry."""
    now = services.clock()
    event = Event(
        type=EventType.IDENTIFY, message_id=f"{visitor}:{now}", anonymous_id=visitor,
        timestamp=now, received=now, traits={"industry": industry},
    )  # fmt: skip
    await services.stream.append([event])
