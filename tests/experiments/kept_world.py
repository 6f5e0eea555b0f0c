"""A world for kept sums: services with a clock, on each backend, that count their readings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from persx.app import kept_sums
from persx.app.home import open_home
from persx.app.recent_reports import recent_report
from persx.app.reports import ReportRequest
from persx.app.services import Services
from persx.app.settings import ServerSettings
from persx.experiments.readout import Readout
from persx.model.clock import DAY, HOUR, MINUTE
from persx.model.event import EXPOSURE, Event, EventType
from persx.model.workspace import (
    Arm,
    Experiment,
    Goal,
    HoldoutSettings,
    Settings,
    Snapshot,
    Workspace,
)
from persx.visitors.fold import Fold

NOW = 1_700_000_000_000
STALE = HOUR + MINUTE
HOLDOUT = ReportRequest(name="holdout")

WORKSPACE = Workspace(
    settings=Settings(holdout=HoldoutSettings(share=0.5)),
    goals={
        "signup": Goal(name="signup", event="Form Submitted"),
        "purchase": Goal(name="purchase", event="Order Completed", value="revenue"),
    },
    experiments={
        "hero": Experiment(key="hero", arms=(Arm(name="short"), Arm(name="long"))),
    },
)


class Counting:
    """A warehouse that counts how often somebody reads an experiment out."""

    def __init__(self, world: World, warehouse: Any) -> None:
        self._world, self._warehouse = world, warehouse

    def __getattr__(self, name: str) -> Any:
        return getattr(self._warehouse, name)

    def seen_by(self, scope: Any) -> Any:
        reader, world = self._warehouse.seen_by(scope), self._world

        class Reader:
            async def query_together(self, *args: Any, **more: Any) -> Any:
                world.queries += 1
                return await reader.query_together(*args, **more)

            def __getattr__(self, name: str) -> Any:
                return getattr(reader, name)

        return Reader()


class World:
    """Some services, their clock, and how often the log was read."""

    def __init__(self, services: Services) -> None:
        self.services, self.now, self.numbers = services, NOW, count(1)
        services.clock = lambda: self.now
        self.queries = 0
        services.warehouse = Counting(self, services.warehouse)  # type: ignore[assignment]

    async def publish(self, workspace: Workspace = WORKSPACE) -> None:
        await self.services.store.publish(
            Snapshot(number=0, digest="", published=0, author="", message="", workspace=workspace)
        )

    async def append(self, **fields: Any) -> None:
        event = Event(message_id=str(next(self.numbers)), received=self.now, **fields)
        await self.services.stream.append([event])

    async def see(self, who: str, arm: str, *, experiment: str = "holdout", ago: int = DAY) -> None:
        await self.append(
            type=EventType.TRACK,
            name=EXPOSURE,
            anonymous_id=who,
            timestamp=self.now - ago,
            properties={"experiment_id": experiment, "variation_id": arm},
        )

    async def do(self, who: str, event: str = "Form Submitted", **properties: Any) -> None:
        await self.append(
            type=EventType.TRACK,
            name=event,
            anonymous_id=who,
            timestamp=self.now - MINUTE,
            properties=properties,
        )

    async def took(self, seconds: float, name: str = "holdout") -> None:
        """Pretend that a reading took so long."""
        store = self.services.store
        kept = await kept_sums.load(store, name)
        assert kept is not None
        await kept_sums.keep(store, name, msgspec.structs.replace(kept, seconds=seconds))

    async def recent(self, request: ReportRequest = HOLDOUT) -> Readout:
        found = await recent_report(self.services, request)
        assert found is not None
        return found


@asynccontextmanager
async def a_world(home: Path | None) -> AsyncIterator[World]:
    async with open_home(
        home, ServerSettings(store="memory" if home is None else "sqlite")
    ) as services:
        await services.stream.use_projector(Fold({}))
        world = World(services)
        await world.publish()
        yield world


Play = Callable[[Callable[[World], Awaitable[None]]], None]


@pytest.fixture(params=["memory", "sqlite"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    """Play a scene in a world, on each backend."""
    numbers = count(1)

    def run(scene: Callable[[World], Awaitable[None]]) -> None:
        async def play() -> None:
            home = tmp_path / f"home-{next(numbers)}" if request.param == "sqlite" else None
            async with a_world(home) as world:
                await scene(world)

        asyncio.run(play())

    return run
