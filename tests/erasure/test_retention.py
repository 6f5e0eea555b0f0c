"""Retention: what is older than the workspace says goes by itself, once a day, and is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persx.app.background import background
from persx.app.home import open_home
from persx.app.retention import RetentionRequest, cutoff, report, retain
from persx.app.services import Services
from persx.app.settings import ServerSettings
from persx.app.visiting import Visitor, known_of
from persx.model.attribute import Attribute, ValueType
from persx.model.clock import DAY, HOUR, parse_duration
from persx.model.event import EventType, RejectedEvent, anonymous_key
from persx.model.workspace import RetentionSettings, Settings, Snapshot, Workspace
from persx.testing import make_event, see
from persx.visitors.fold import Fold
from persx.workspace.snapshot import canonical, digest
from persx.workspace.validation import validate

NOW = 20_000 * DAY + 7 * HOUR
RETENTION = RetentionSettings(
    events={"page": "30d", "Order Completed": "400d", "default": "90d"},
    decisions="60d",
    rejected="7d",
)
CITY = Attribute(name="city", type=ValueType.STRING, expires="90d")


class Time:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@asynccontextmanager
async def opened(
    home: Path | None, time: Time, retention: RetentionSettings
) -> AsyncIterator[Services]:
    settings = ServerSettings(
        store="sqlite" if home else "memory", retention_seconds=0.05, seal_rows=1_000_000
    )
    workspace = Workspace(settings=Settings(retention=retention), attributes={"city": CITY})
    async with open_home(home, settings, clock=time) as services:
        await services.store.publish(
            Snapshot(
                number=0,
                digest=digest(canonical(workspace)),
                published=NOW,
                author="",
                message="",
                workspace=workspace,
            )
        )
        await services.publication.refresh(services.store)
        assert services.publication.plan
        await services.stream.use_projector(Fold(services.publication.plan.attributes))
        yield services


async def fill(services: Services) -> None:
    """One page, one order and one other event for each tenth day of the last 500."""
    for days in range(0, 500, 10):
        at = NOW - days * DAY
        await services.stream.append(
            [
                make_event(days * 3 + place, timestamp=at, received=at, type=kind, name=name)
                for place, (kind, name) in enumerate(
                    [
                        (EventType.PAGE, "Home"),
                        (EventType.TRACK, "Order Completed"),
                        (EventType.TRACK, "Product Viewed"),
                    ]
                )
            ],
            [RejectedEvent(received=at, reason="no", body="{}")],
        )
        if days == 200:
            await services.warehouse.seal()


async def ages(services: Services) -> dict[str, int]:
    """Return the age in days of the oldest event of each name."""
    rows = await see(services.warehouse).query(
        "SELECT name, ($now - min(received)) // 86400000 FROM events GROUP BY name",
        {"now": NOW},
    )
    return dict(rows.rows)


@pytest.mark.parametrize("kept", [True, False], ids=["sqlite", "memory"])
def test_each_kind_is_kept_as_long_as_the_workspace_says(tmp_path: Path, kept: bool) -> None:
    time = Time()

    async def scenario() -> None:
        async with opened(tmp_path if kept else None, time, RETENTION) as services:
            await fill(services)
            before = await report(services, RetentionRequest())
            assert (before.looked, before.runs) == (0, ())
            run = await retain(services)
            assert run is not None
            assert await ages(services) == {
                "Home": 30,
                "Order Completed": 400,
                "Product Viewed": 90,
            }
            assert len(await see(services.stream).rejected()) == 1
            assert await retain(services) is None, "there is nothing new to do on the same day"
            told = await report(services, RetentionRequest())
            assert told.runs == (run,)
            assert told.looked == NOW
            assert told.next == 20_001 * DAY
            assert told.due["events"] == 3, "a page, an order and another are a day older then"
            assert {(rule.place, rule.kind) for rule in told.rules} == {
                ("events", "page"),
                ("events", "Order Completed"),
                ("events", "default"),
                ("decisions", ""),
                ("rejected", ""),
                ("facts", "city"),
            }
            time.now = told.next
            again = await retain(services)
            assert again is not None
            assert sum(n for place, n in again.removed.items() if place.startswith("events")) == 3
            assert (await report(services, RetentionRequest())).runs == (again, run)

    asyncio.run(scenario())


def test_facts_that_expire_leave_the_state_and_not_only_the_profile(tmp_path: Path) -> None:
    time = Time()

    async def scenario() -> None:
        async with opened(tmp_path, time, RetentionSettings()) as services:
            said = {"type": EventType.IDENTIFY, "name": None, "traits": {"city": "Klagenfurt"}}
            await services.stream.append([make_event(1, timestamp=NOW, received=NOW, **said)])
            key = anonymous_key("visitor-1")
            visitor = Visitor(anonymous_id="visitor-1", trusted=True)
            plan = services.publication.plan
            assert plan
            await retain(services)
            assert (await known_of(services, plan, visitor)).attributes["city"] == "Klagenfurt"
            time.now = NOW + 91 * DAY
            assert "city" not in (await known_of(services, plan, visitor)).attributes
            assert "city" in (await see(services.store).states(key))[0].facts, "only hidden so far"
            run = await retain(services)
            assert run is not None
            assert run.removed == {"facts": 1}
            assert (await see(services.store).states(key))[0].facts == {}

    asyncio.run(scenario())


def test_nothing_goes_where_nothing_is_said(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path, Time(), RetentionSettings()) as services:
            await fill(services)
            run = await retain(services)
            assert run is not None
            assert run.removed == {}
            assert (await ages(services))["Home"] == 490
            assert len(await see(services.stream).rejected()) == 50

    asyncio.run(scenario())


def test_it_runs_by_itself_beside_requests() -> None:
    async def scenario() -> None:
        async with opened(None, Time(), RETENTION) as services:
            await fill(services)
            async with background(services):
                async with asyncio.timeout(30):
                    while (await ages(services))["Home"] > 30:
                        pass
                    while not (await report(services, RetentionRequest())).runs:
                        pass

    asyncio.run(scenario())


@given(st.integers(1, 9_999), st.sampled_from("hd"), st.integers(10**12, 2 * 10**12))
def test_nothing_is_kept_a_day_too_long_or_removed_too_early(n: int, unit: str, now: int) -> None:
    keep = f"{n}{unit}"
    before = cutoff(keep, now)
    length = parse_duration(keep)
    assert now - length - DAY < before <= now - length


@pytest.mark.parametrize(
    ("given_", "path", "told"),
    [
        ({"events": {"page": "ninety days"}}, "retention.events.page", "not a length of time"),
        ({"decisions": "5m"}, "retention.decisions", "less than an hour"),
        ({"rejected": "0d"}, "retention.rejected", "less than an hour"),
    ],
)
def test_a_length_that_is_none_is_told_before_it_is_published(
    given_: dict[str, object], path: str, told: str
) -> None:
    settings = msgspec.convert({"retention": given_}, Settings)
    faults = [fault for fault in validate(Workspace(settings=settings)) if fault.path == path]
    assert len(faults) == 1
    assert told in faults[0].message
