"""70,278 real clicks through ``/v1/batch``: shuffled and as retries; the first of them in order and
through crashes too.
"""

from __future__ import annotations

import asyncio
import csv
import json
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from persx.model.attribute import Attribute, Computation, Purpose, Source, ValueType
from persx.model.clock import iso
from persx.model.event import Event, EventType, IdentityKey
from persx.model.visitor import IdentityState
from persx.model.workspace import Snapshot, Workspace
from persx.storage.backends import open_storage
from persx.testing import see
from persx.visitors.fold import Fold
from persx.visitors.profile import Assembler

CLICKS = 70_278
FIRST = 20_000
KILLS = 20

ATTRIBUTES = {
    name: Attribute(
        name=name, type=ValueType(type), source=Source.COMPUTED, compute=Computation(**definition)
    )
    for name, type, definition in [
        ("clicks", "number", {"kind": "count", "event": "Product Viewed"}),
        ("clicks_today", "number", {"kind": "count", "options": {"within": "24h"}}),
        ("items", "strings", {"kind": "distinct", "property": "item"}),
        ("last_item", "string", {"kind": "last", "property": "item"}),
        ("weight", "number", {"kind": "sum", "property": "weight"}),
        ("visits", "number", {"kind": "sessions"}),
        (
            "favourite",
            "string",
            {"kind": "decayed_share", "property": "item", "options": {"half_life": "1d"}},
        ),
    ]
}


class Clicks:
    """The clicks as messages, and what they should come to."""

    def __init__(self, folder: Path, most: int) -> None:
        path = folder / "sessions" / "yoochoose_clicks" / "yoochoose-clicks-100k_train_full.txt"
        if not path.exists():
            pytest.skip(f"{path.name} is not in PERSX_DATA")
        self.messages: list[dict[str, Any]] = []
        self.events: list[Event] = []
        with path.open(encoding="utf-8", newline="") as rows:
            for number, row in enumerate(islice(csv.DictReader(rows, delimiter="\t"), most)):
                at = round(float(row["Time"]) * 1_000)
                fields = {"item": row["ItemId"], "weight": number % 97 / 10}
                self.messages.append(
                    {
                        "type": "track",
                        "event": "Product Viewed",
                        "messageId": f"click-{number}",
                        "anonymousId": f"session-{row['SessionId']}",
                        "timestamp": iso(at),
                        "properties": fields,
                    }
                )
                self.events.append(
                    Event(
                        type=EventType.TRACK,
                        message_id=f"click-{number}",
                        anonymous_id=f"session-{row['SessionId']}",
                        name="Product Viewed",
                        timestamp=at,
                        properties=fields,
                    )
                )
        self.states: Mapping[IdentityKey, IdentityState] = Fold(ATTRIBUTES).fold(self.events).states

    def bodies(self, messages: Sequence[dict[str, Any]] | None = None) -> list[bytes]:
        messages = self.messages if messages is None else messages
        return [
            json.dumps({"batch": messages[start : start + 100]}).encode()
            for start in range(0, len(messages), 100)
        ]


@pytest.fixture
def clicks(request: pytest.FixtureRequest, data_folder: Path) -> Clicks:
    """As many of the clicks as a test asks for, where PERSX_DATA has them."""
    found = Clicks(data_folder, request.param)
    assert len(found.events) == request.param
    return found


def send_all(send: Callable[[bytes], object], bodies: Sequence[bytes]) -> None:
    """Send from four clients at once."""
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(send, bodies):
            pass


def same_states(states: Callable[[IdentityKey], Sequence[IdentityState]], clicks: Clicks) -> None:
    """Compare every visitor's state, and some profiles in full."""
    assembler = Assembler(ATTRIBUTES)
    now = max(event.timestamp for event in clicks.events)
    for key, expected in clicks.states.items():
        found = states(key)
        assert found == [expected]
        profile = assembler.assemble(found, now, granted=frozenset(Purpose))
        assert profile == assembler.assemble([expected], now, granted=frozenset(Purpose))
        assert profile.attributes["clicks"] == expected.events


@pytest.mark.slow
@pytest.mark.parametrize(
    ("clicks", "order"), [(FIRST, "in order"), (CLICKS, "shuffled")], indirect=["clicks"]
)
def test_clicks_are_counted_once_in_any_order_and_as_retries(
    collector: Any, clicks: Clicks, order: str
) -> None:
    collector.call(collector.services.stream.use_projector(Fold(ATTRIBUTES)))
    messages = list(clicks.messages)
    if order == "shuffled":
        random.Random(7).shuffle(messages)

    def send(body: bytes) -> None:
        answer = collector.post("/v1/batch", body, auth=("public-key", ""))
        assert answer.json() == {"success": True}

    send_all(send, clicks.bodies(messages))
    assert collector.counted("accepted") == len(messages)
    # Again, in another order: retries of everything.
    random.Random(8).shuffle(messages)
    send_all(send, clicks.bodies(messages))
    assert collector.counted("accepted") == len(messages)
    assert collector.counted("duplicate") == len(messages)
    ids = [event.message_id for event in collector.events()]
    assert len(ids) == len(messages)
    assert set(ids) == {event.message_id for event in clicks.events}

    async def compare() -> None:
        found = {key: await see(collector.services.store).states(key) for key in clicks.states}
        same_states(found.__getitem__, clicks)

    collector.call(compare())


async def publish(home: Path) -> None:
    """Publish a workspace that declares the attributes."""
    storage = open_storage(home)
    await storage.store.publish(
        Snapshot(
            number=0,
            digest="",
            published=0,
            author="tests",
            message="",
            workspace=Workspace(attributes=ATTRIBUTES),
        )
    )
    await storage.close()


async def look(home: Path, clicks: Clicks) -> None:
    """Compare what a stopped server left with what the clicks come to."""
    storage = open_storage(home)
    try:
        ids: list[str] = []
        async for events in see(storage.warehouse).scan_events():
            ids += [event.message_id for event in events]
        assert len(ids) == len(clicks.events)
        assert set(ids) == {event.message_id for event in clicks.events}
        found = {key: list(await see(storage.store).states(key)) for key in clicks.states}
        same_states(found.__getitem__, clicks)
    finally:
        await storage.close()


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.parametrize("clicks", [FIRST], indirect=True)
def test_clicks_are_counted_once_though_the_server_is_killed_twenty_times(
    serve: Callable[..., Any], clicks: Clicks, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    asyncio.run(publish(home))
    server = serve(home=home)
    port, url = server.port, server.url
    bodies = clicks.bodies()
    acknowledged = threading.Semaphore(0)
    client = httpx.Client(timeout=30)
    failed = []

    def send(body: bytes) -> None:
        while True:
            try:
                answer = client.post(url + "/v1/batch", content=body, auth=("write_for_tests", ""))
            except httpx.HTTPError as error:
                failed.append(error)
                time.sleep(0.02)
                continue
            if answer.status_code == 200:
                acknowledged.release()
                return
            assert answer.status_code >= 500, answer.text
            time.sleep(0.02)

    chance = random.Random(11)
    with ThreadPoolExecutor(4) as pool:
        sending = [pool.submit(send, body) for body in bodies]
        for _ in range(KILLS):
            for _ in range(len(bodies) // (KILLS + 1)):
                acknowledged.acquire()
            time.sleep(chance.random() / 50)
            server.kill()
            server = serve(home=home, port=port)
        for sent in sending:
            sent.result()
    client.close()
    assert len(failed) >= KILLS
    # Everything once more: whatever was acknowledged is known, whatever was not is not lost.
    with httpx.Client(timeout=30) as again:
        for body in bodies:
            answer = again.post(url + "/v1/batch", content=body, auth=("write_for_tests", ""))
            assert answer.status_code == 200
    assert server.stop() == 0
    asyncio.run(look(home, clicks))
