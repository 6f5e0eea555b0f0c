"""Killed twenty times at random moments, a home has every acknowledged event exactly once."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from persx.model.event import Event
from persx.storage.backends import HomeLock, Storage, open_storage
from persx.storage.backends.duckdb.engine import Limits
from persx.storage.backends.duckdb.sealing import _write
from persx.storage.backends.sqlite import Database, SqliteStore
from persx.storage.backends.sqlite.log import SqliteLog
from persx.testing import CountingProjector, make_events, see
from persx.testing.events import NOW, comparable, refolded

ROUNDS = 20


def test_kill_at_random_moments(tmp_path: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("kill_worker.py")), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    dice = random.Random(7)
    with worker:
        assert worker.stdin
        assert worker.stdout
        try:
            assert worker.stdout.readline() == "ready\n"
            for seed in range(1, ROUNDS + 1):
                worker.stdin.write(f"{seed}\n")
                worker.stdin.flush()
                child = int(worker.stdout.readline())
                time.sleep(dice.uniform(0.05, 0.8))
                os.kill(child, signal.SIGKILL)
                assert worker.stdout.readline() == f"-{signal.SIGKILL}\n", "it failed by itself"
        finally:
            worker.kill()

    acknowledged = set((tmp_path / "acknowledged").read_text().split("\n")[:-1])
    assert len(acknowledged) > 1_000, "it came to do something between the kills"

    async def check() -> None:
        async with open_storage(tmp_path) as storage:
            assert len(await storage.warehouse.segments()) > 3
            events = await _everything(storage)
            found = [event.message_id for event in events]
            assert len(found) == len(set(found)), "an event is there twice"
            assert acknowledged <= set(found), "an acknowledged event is gone"
            counts = await see(storage.warehouse).query(
                "SELECT count(*), count(DISTINCT message_id) FROM events"
            )
            assert counts.rows == [(len(found), len(found))]
            expected = refolded(events)
            states = {}
            for key in expected:
                linked = await see(storage.store).states(key)
                states |= {state.identity: comparable(state) for state in linked}
            assert states == expected
            again = await storage.stream.append(events[:500])
            assert (again.accepted, again.duplicates) == (0, 500)

    # As a server does: who holds the home cleans up when opening it.
    with HomeLock(tmp_path):
        asyncio.run(check())
    on_disk = {path.name for path in (tmp_path / "segments").glob("*.parquet")}
    assert on_disk == _in_manifest(tmp_path), "files that no manifest knows were left"


def test_a_crash_before_the_manifest_leaves_an_orphan_that_is_removed(tmp_path: Path) -> None:
    async def crash() -> None:
        database = Database(tmp_path)
        async with open_storage(tmp_path) as storage:
            await storage.stream.append(make_events(0, 300))
            log = SqliteLog(database, SqliteStore(database))
            segment = await asyncio.to_thread(
                _write, log, tmp_path, "events", 200, 200, Limits(), lambda: NOW
            )
            assert segment is not None
            assert segment.rows == 200
        await database.close()

    asyncio.run(crash())
    assert len(list((tmp_path / "segments").glob("*.parquet"))) == 1
    asyncio.run(_holds_exactly_once(tmp_path, 300))
    assert _in_manifest(tmp_path) == {
        path.name for path in (tmp_path / "segments").glob("*.parquet")
    }


def test_a_crash_after_the_manifest_leaves_rows_that_are_not_seen(tmp_path: Path) -> None:
    async def crash() -> None:
        database = Database(tmp_path)
        async with open_storage(tmp_path) as storage:
            await storage.stream.append(make_events(0, 300))
        log = SqliteLog(database, SqliteStore(database))
        segment = await asyncio.to_thread(
            _write, log, tmp_path, "events", 200, 200, Limits(), lambda: NOW
        )
        assert segment is not None
        await log.add_segment(segment)
        await database.close()

    asyncio.run(crash())

    async def look() -> Sequence[Event]:
        async with open_storage(tmp_path) as storage:
            return await see(storage.stream).read()

    assert [event.sequence for event in asyncio.run(look())] == list(range(201, 301))
    asyncio.run(_holds_exactly_once(tmp_path, 300))


async def _holds_exactly_once(home: Path, count: int) -> None:
    async with open_storage(home) as storage:
        for seal in (False, True):
            if seal:
                await storage.warehouse.seal()
            sequences = [event.sequence for event in await _everything(storage)]
            assert sequences == list(range(1, count + 1))
            rows = await see(storage.warehouse).query("SELECT count(*), max(sequence) FROM events")
            assert rows.rows == [(count, count)]


async def _everything(storage: Storage) -> list[Event]:
    return [
        event async for chunk in see(storage.warehouse).scan_events(chunk=1_000) for event in chunk
    ]


def _in_manifest(home: Path) -> set[str]:
    async def names() -> set[str]:
        async with open_storage(home) as storage:
            return {Path(segment.path).name for segment in await storage.warehouse.segments()}

    return asyncio.run(names())


def test_the_test_can_tell_a_missing_event() -> None:
    """The fold and the ids that the kill test compares do differ when an event is lost."""
    events = make_events(0, 50)
    assert refolded(events) != refolded(events[1:])
    assert CountingProjector().fold(events).states.keys() == refolded(events).keys()
