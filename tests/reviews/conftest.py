"""A whole persx in memory with a clock that is set by hand, and visitors of the holdout."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from persx.app.services import Keys, Services
from persx.app.settings import ServerSettings
from persx.model.attribute import Attribute
from persx.model.clock import DAY, Millis, parse_wall_time
from persx.model.event import EXPOSURE, Event, EventType
from persx.model.workspace import (
    Arm,
    Block,
    Experiment,
    Goal,
    HoldoutSettings,
    Industry,
    Page,
    Settings,
    Snapshot,
    Variant,
    Workspace,
)
from persx.storage.backends import open_storage
from persx.visitors.fold import Fold
from persx.workspace.snapshot import digest

Run = Callable[[Any], Any]

MONDAY = parse_wall_time("2026-11-16 00:00", "Europe/Vienna")
"""The first moment of week 47."""

WORKSPACE = Workspace(
    settings=Settings(name="Shop", zone="Europe/Vienna", holdout=HoldoutSettings(share=0.5)),
    attributes={"industry": Attribute(name="industry")},
    industries={name: Industry(name=name) for name in ("SaaS", "Education")},
    goals={"contact": Goal(name="contact", event="Form Submitted", label="Contact")},
    blocks={
        "hero": Block(
            name="hero",
            type="cta",
            content={"headline": "All", "label": "Go", "href": "/start"},
            variants=(
                Variant(name="saas", when='industry == "SaaS"', content={"headline": "SaaS"}),
                Variant(name="school", when='industry == "Education"', content={"headline": "E"}),
            ),
        )
    },
    pages={"home": Page(name="home", path="/", title="Home", blocks=("hero",))},
    experiments={
        "words": Experiment(
            key="words",
            blocks=("hero",),
            arms=(Arm(name="now"), Arm(name="other", show={"hero": "school"})),
        )
    },
)


class World:
    """Services, and people who come at certain times."""

    def __init__(self, services: Services, run: Run) -> None:
        self.services, self.run, self.now = services, run, MONDAY + 7 * DAY + DAY // 2
        self._numbers = count(1)

    def publish(self, workspace: Workspace, at: Millis) -> None:
        raw = digest(b"")
        self.run(
            self.services.store.publish(
                Snapshot(
                    number=0, digest=raw, published=at, author="", message="", workspace=workspace
                )
            )
        )
        self.run(self.services.refresh())

    def come(
        self, arm: str, n: int, conversions: int, *, at: Millis, industry: str = "",
        experiment: str = "holdout",
    ) -> None:  # fmt: skip
        """Let visitors enter, some of whom convert an hour later."""
        events = []
        for place in range(n):
            number = next(self._numbers)
            who = {"anonymous_id": f"visitor-{number}", "received": at}
            properties: dict[str, Any] = {
                "experiment_id": experiment, "variation_id": arm, "snapshot": 1,
            }  # fmt: skip
            if industry:
                properties["segments"] = {"industry": industry}
            moment = at + place
            events.append(
                Event(
                    type=EventType.TRACK, name=EXPOSURE, message_id=f"{number}-seen",
                    timestamp=moment, properties=properties, **who,
                )
            )  # fmt: skip
            if place < conversions:
                events.append(
                    Event(
                        type=EventType.TRACK, name="Form Submitted", message_id=f"{number}-done",
                        timestamp=moment + 3_600_000, properties={}, **who,
                    )
                )  # fmt: skip
        self.run(self.services.stream.append(events))

    def week(
        self, begin: Millis, industry: str, generic: tuple[int, int], targeted: tuple[int, int]
    ) -> None:
        """Let people of one industry come on the week's days: (visitors, conversions) by arm."""
        for arm, (n, conversions) in (("generic", generic), ("targeted", targeted)):
            for day in range(7):
                self.come(
                    arm, n // 7, conversions // 7, at=begin + day * DAY + DAY // 2,
                    industry=industry,
                )  # fmt: skip


@pytest.fixture
def run() -> Iterator[Run]:
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture
def make(run: Run) -> Iterator[Callable[..., World]]:
    """Make a world with settings; nothing is published in it."""
    opened = []

    def made(**settings: Any) -> World:
        worlds: list[World] = []

        async def open_services() -> Services:
            storage = open_storage(None, store="memory", clock=lambda: worlds[0].now)
            opened.append(storage)
            await storage.stream.use_projector(Fold({}))
            return Services(
                store=storage.store,
                stream=storage.stream,
                warehouse=storage.warehouse,
                artifacts=storage.artifacts,
                items=storage.items,
                keys=Keys(write_key="w", server_key="s", secret="secret"),
                settings=ServerSettings(**settings),
                clock=lambda: worlds[0].now,
            )

        world = World.__new__(World)
        worlds.append(world)
        world.now = 0
        world.__init__(run(open_services()), run)  # type: ignore[misc]
        return world

    yield made
    for storage in opened:
        run(storage.close())


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    """A world with the workspace published since six weeks."""
    world = make()
    world.publish(WORKSPACE, MONDAY - 42 * DAY)
    return world
