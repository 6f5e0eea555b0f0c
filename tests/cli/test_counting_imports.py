"""An import counts each event once, whatever stops it and whoever brings the same file in too."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from persx.app.event_imports import (
    CONTINUE_IMPORT,
    BeginImport,
    ContinueImport,
    EventImport,
    begin_import,
    continue_import,
)
from persx.app.event_mapping import read_mapping
from persx.app.home import open_home
from persx.app.services import Services
from persx.storage.scope import System

EVENTS = 20_000
MAPPING = {"event": "Order Completed", "user_id": "who", "timestamp": "at", "message_id": "id"}


@pytest.fixture
def request_(tmp_path: Path) -> BeginImport:
    rows = "".join(f"m{n},u{n % 70},{1_700_000_000_000 + n}\n" for n in range(EVENTS))
    file = tmp_path / "orders.csv"
    file.write_text("id,who,at\n" + rows, encoding="utf-8")
    return BeginImport(file=str(file), mapping=read_mapping(MAPPING))


async def bring_in(services: Services, request: BeginImport, events: int) -> EventImport:
    job = await begin_import(services, request)
    while not job.finished:
        job = await continue_import(services, ContinueImport(name=job.name, events=events))
    return job


async def in_log(services: Services) -> int:
    query = "SELECT count(*) FROM events"
    found = await services.warehouse.seen_by(System("a test")).query(query)
    return int(found.rows[0][0])


@pytest.mark.anyio
async def test_two_imports_of_one_file_at_once_count_each_event_once(
    tmp_path: Path, request_: BeginImport
) -> None:
    async with open_home(tmp_path / "home") as services:
        both = await asyncio.gather(*(bring_in(services, request_, 3_000) for _ in range(2)))
        for job in both:
            assert (job.accepted, job.duplicates, job.position) == (EVENTS, 0, EVENTS)
        assert CONTINUE_IMPORT.notes is not None
        noted = [CONTINUE_IMPORT.notes(ContinueImport(name=job.name), job) for job in both]
        assert sorted(map(len, map(list, noted))) == [0, 1], "the audit log tells of it once"
        assert await in_log(services) == EVENTS


@pytest.mark.anyio
async def test_what_a_stopped_piece_kept_is_no_duplicate(
    tmp_path: Path, request_: BeginImport
) -> None:
    home = tmp_path / "home"
    async with open_home(home) as services:
        job = await begin_import(services, request_)
        piece = continue_import(services, ContinueImport(name=job.name))
        running = asyncio.create_task(piece)
        log = services.stream.seen_by(System("a test"))
        while not await log.read(limit=1):
            done, _ = await asyncio.wait([running], timeout=0.001)
            assert not done
        running.cancel()
        await asyncio.wait([running])
        assert 0 < await in_log(services) < EVENTS
    async with open_home(home) as services:
        done = await bring_in(services, request_, 7_000)
        assert (done.accepted, done.duplicates) == (EVENTS, 0)
        assert await in_log(services) == EVENTS
