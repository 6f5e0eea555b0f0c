"""Sealing on a live server: counts stay exact, and segments are worth a file each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from persx.app.background import Sealing
from persx.app.decision_log import DecisionLog
from persx.model.decision import DecisionRecord
from persx.model.errors import BadInput, Unavailable
from persx.model.event import Event, EventType
from persx.testing import see
from tests.conftest import SERVER_KEY, Server
from tests.server.conftest import Cli, counted


@pytest.mark.server
def test_every_event_is_exported_once_while_it_is_sealed(
    serve: Callable[..., Server], persx: Cli, home: Path
) -> None:
    server = serve(home=home, seal_rows="40", seal_seconds="0.05")
    sent: list[str] = []
    with httpx.Client(headers={"Authorization": f"Bearer {SERVER_KEY}"}) as client:
        for batch in range(30):
            ids = [f"{batch}-{place}" for place in range(20)]
            events = [{"type": "page", "messageId": id, "anonymousId": "ann"} for id in ids]
            for _ in range(2):  # the second time as a retry
                answer = client.post(f"{server.url}/v1/batch", json={"batch": events})
                assert answer.status_code == 200
            sent += ids
            if batch % 10 == 9:
                assert exported(persx) == sent
    assert counted(server.url) == {
        "accepted": 600,
        "duplicate": 600,
        "rejected": 0,
        "erased": 0,
        "unconsented": 0,
    }
    segments = sorted((home / "segments").glob("events-*.parquet"))
    assert segments
    server.stop()
    assert exported(persx) == sent


def exported(persx: Cli) -> list[str]:
    """The message ids of all stored events, in order."""
    lines = persx("export", "events", "--json").output.splitlines()
    return [json.loads(line)["messageId"] for line in lines]


def event(number: int) -> Event:
    """An event."""
    return Event(
        type=EventType.PAGE,
        message_id=f"event {number}",
        anonymous_id="ann",
        timestamp=1_700_000_000_000,
        received=1_700_000_000_000,
    )


def record(number: int) -> DecisionRecord:
    """A line of the decision log."""
    return DecisionRecord(
        id=f"d{number}", at=1, bucketing_id="a:ann", page="home", snapshot=1, body="{}"
    )


def with_rows(services: Any, rows: int) -> Any:
    """The same services with another limit."""
    services.settings = msgspec.structs.replace(services.settings, seal_rows=rows)
    return services


@pytest.mark.anyio
async def test_a_trickle_makes_few_segments(services: Any) -> None:
    """Looked at after every single event, the log is sealed once it is worth it."""
    before = len(await see(services.stream).read())
    sealing = Sealing(with_rows(services, 100))
    for number in range(400):
        await services.stream.append([event(number)])
        await sealing.look()
        hot = await see(services.stream).read()
        assert len(hot) <= 100
    segments = [each for each in await services.warehouse.segments() if each.table == "events"]
    assert 4 <= len(segments) <= 8
    assert min(each.rows for each in segments) >= 50
    found = await see(services.warehouse).query(
        "SELECT count(*), count(DISTINCT message_id) FROM events"
    )
    assert found.rows == [(before + 400, before + 400)]


@pytest.mark.anyio
async def test_decisions_without_events_are_sealed_too(services: Any) -> None:
    sealing = Sealing(with_rows(services, 100))
    for number in range(350):
        services.decision_log.add(record(number))
        await services.decision_log.flush(services.store)
        await sealing.look()
    segments = [each for each in await services.warehouse.segments() if each.table == "decisions"]
    assert 3 <= len(segments) <= 7
    assert min(each.rows for each in segments) >= 50
    assert (await see(services.warehouse).query("SELECT count(*) FROM decisions")).rows == [(350,)]


class Failing:
    """A store that takes lines as its turns say: an error to raise, or none."""

    def __init__(self, store: Any, turns: list[BaseException | None]) -> None:
        self.store = store
        self.turns = turns

    async def log_decisions(self, records: Any) -> None:
        """Write them, or fail."""
        error = self.turns.pop(0)
        if error is not None:
            raise error
        await self.store.log_decisions(records)


@pytest.mark.anyio
async def test_no_failure_ends_the_decision_log(services: Any) -> None:
    dropped: list[int] = []
    log = DecisionLog(dropped.append)
    log.add(record(1))
    store = Failing(services.store, [Unavailable("The disk is full."), None])
    with pytest.raises(Unavailable):
        await log.flush(store)  # type: ignore[arg-type]
    await log.flush(store)  # type: ignore[arg-type]
    assert await see(services.store).decision("d1") is not None
    assert (log.written, dropped) == (1, [])
    # Lines that can never be kept are dropped and counted; the next ones are written.
    log.add(record(2))
    await log.flush(Failing(services.store, [BadInput("No.")]))  # type: ignore[arg-type]
    log.add(record(3))
    await log.flush(services.store)
    assert (log.written, dropped) == (2, [1])
    assert await see(services.store).decision("d3") is not None


@pytest.mark.anyio
async def test_stopping_while_lines_are_written_loses_none(services: Any) -> None:
    log = DecisionLog(lambda _lost: None)
    log.add(record(1))
    store = Failing(services.store, [asyncio.CancelledError(), None])
    with pytest.raises(asyncio.CancelledError):
        await log.flush(store)  # type: ignore[arg-type]
    await log.flush(store)  # type: ignore[arg-type]
    assert await see(services.store).decision("d1") is not None
