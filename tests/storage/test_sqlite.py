"""What only the embedded backend promises: one writer, a full disk, a full queue, its lock."""

import asyncio
import os
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from persx.model.clock import DAY
from persx.model.errors import BadInput, Conflict, NotFound, Unavailable
from persx.model.event import anonymous_key
from persx.storage.backends import HomeLock, open_storage
from persx.storage.backends.sqlite import Database, SqliteStore, SqliteStream
from persx.storage.backends.sqlite.schema import MIGRATIONS
from persx.storage.backends.sqlite.seen import _FRESH_LIMIT
from persx.testing import CountingProjector, make_event, make_events, see
from persx.testing.events import NOW, comparable, refolded


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let writes beyond this size fail, as on a disk that is full."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def test_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_storage(tmp_path) as storage:
            await storage.stream.use_projector(CountingProjector())
            await storage.stream.append(make_events(0, 100))
            acknowledged, failed = set(range(100)), set()
            wal = (tmp_path / "persx.db-wal").stat().st_size
            with largest_file(wal + 200_000):
                for start in range(100, 3_000, 100):
                    batches = [range(at, at + 50) for at in (start, start + 50)]
                    outcomes = await asyncio.gather(
                        *(
                            storage.stream.append([make_event(number) for number in batch])
                            for batch in batches
                        ),
                        return_exceptions=True,
                    )
                    for batch, outcome in zip(batches, outcomes, strict=True):
                        if isinstance(outcome, BaseException):
                            assert isinstance(outcome, Unavailable)
                            failed |= set(batch)
                        else:
                            acknowledged |= set(batch)
                # Reading goes on.
                assert await see(storage.store).states(anonymous_key("visitor-1"))
            assert failed, "the disk was never full"
            events = await see(storage.stream).read()
            assert {event.properties["number"] for event in events} == acknowledged
            # There is space again: the same connection goes on, and a retry is no duplicate.
            again = await storage.stream.append([make_event(number) for number in sorted(failed)])
            assert again.accepted == len(failed)
            events = await see(storage.stream).read()
            assert [event.sequence for event in events] == list(range(1, 3_001))
            expected = refolded(events)
            for key, state in expected.items():
                (kept,) = await see(storage.store).states(key)
                assert comparable(kept) == state

    asyncio.run(main())


def test_a_full_queue_is_said_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        database = Database(tmp_path, waiting_limit=1_000)
        stream = SqliteStream(database)
        blocked, go = threading.Event(), threading.Event()

        def hold(_: sqlite3.Connection) -> None:
            blocked.set()
            go.wait(10)

        holding = asyncio.ensure_future(database.write(hold))
        await asyncio.sleep(0)
        await asyncio.to_thread(blocked.wait, 10)
        try:
            waiting = [
                asyncio.ensure_future(stream.append(make_events(at, at + 100)))
                for at in range(0, 1_000, 100)
            ]
            await asyncio.sleep(0)
            with pytest.raises(Unavailable):
                await stream.append([make_event(5_000)])
        finally:
            go.set()
        await holding
        assert sum(one.accepted for one in await asyncio.gather(*waiting)) == 1_000
        assert (await stream.append(make_events(5_000, 9_000))).accepted == 4_000, "larger than all"
        await database.close()

    asyncio.run(main())


def test_a_refused_job_leaves_its_neighbours_alone(tmp_path: Path) -> None:
    async def main() -> None:
        database = Database(tmp_path)
        store, stream = SqliteStore(database), SqliteStream(database)
        outcomes = await asyncio.gather(
            stream.append(make_events(0, 3)),
            store.activate(7),
            store.set_value("a", b"1"),
            database.write(lambda connection: connection.execute("INSERT INTO nowhere VALUES (1)")),
            database.write(lambda connection: connection.execute("SELECT ?", (2**80,))),
            stream.append(make_events(2, 5)),
            return_exceptions=True,
        )
        kinds = [type(outcome) for outcome in outcomes]
        assert kinds[1] is NotFound
        assert kinds[3] is kinds[4] is BadInput
        assert outcomes[0].last_sequence == 3  # type: ignore[union-attr]
        assert outcomes[5].last_sequence == 5  # type: ignore[union-attr]
        assert outcomes[5].duplicates == 1  # type: ignore[union-attr]
        assert await store.value("a") == b"1"
        await database.close()

    asyncio.run(main())


def test_several_loops_and_threads_share_one_store(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    accepted: list[int] = []

    def producer(start: int) -> None:
        async def main() -> None:
            for at in range(start, start + 200, 20):
                appended = await storage.stream.append(make_events(at, at + 20))
                assert await see(storage.store).states(anonymous_key("visitor-0"))
                accepted.append(appended.accepted)

        asyncio.run(main())

    async def begin() -> None:
        await storage.stream.use_projector(CountingProjector())
        await storage.stream.append([make_event(0, message_id="first")])

    asyncio.run(begin())
    threads = [threading.Thread(target=producer, args=(start,)) for start in range(0, 800, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    async def check() -> None:
        assert sum(accepted) == 900
        assert len(await see(storage.stream).read()) == 901
        await storage.close()

    asyncio.run(check())


def test_a_cancelled_caller_disturbs_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_storage(tmp_path) as storage:
            gone = asyncio.ensure_future(storage.stream.append(make_events(0, 10)))
            stays = asyncio.ensure_future(storage.stream.append(make_events(10, 20)))
            await asyncio.sleep(0)
            gone.cancel()
            assert (await stays).accepted == 10
            assert len(await see(storage.stream).read()) == 20, "what was queued is written"

    asyncio.run(main())


def test_after_closing_everything_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        storage = open_storage(tmp_path)
        await storage.close()
        with pytest.raises(Unavailable):
            await storage.stream.append([make_event(1)])
        with pytest.raises(Unavailable):
            await storage.store.value("a")
        with pytest.raises(Unavailable):
            await see(storage.warehouse).query("SELECT 1")

    asyncio.run(main())


def test_message_ids_are_packed_and_pruned(tmp_path: Path) -> None:
    today = NOW

    async def main() -> None:
        database = Database(tmp_path, clock=lambda: today)
        stream = SqliteStream(database)

        def rows() -> dict[int, int]:
            found = database.reader().execute(
                "SELECT day, count(*) FROM message_ids GROUP BY day ORDER BY day"
            )
            return dict(found.fetchall())

        for start in range(0, _FRESH_LIMIT + 200, 100):
            await stream.append(make_events(start, start + 100))
        (count,) = rows().values()
        assert count < 5, "the small rows became one"
        # A front end with a wrong clock must not make the others' ids forgotten.
        await stream.append([make_event(-1, received=NOW + 400 * DAY)])
        assert (await stream.append(make_events(0, 100))).accepted == 0
        await database.close()

    asyncio.run(main())
    today = NOW + 30 * DAY

    async def later() -> None:
        database = Database(tmp_path, clock=lambda: today)
        stream = SqliteStream(database)
        await stream.append([make_event(-2, received=today)])
        await stream.append([make_event(-3, received=today + 401 * DAY)])
        days = database.reader().execute("SELECT min(day) FROM message_ids").fetchone()[0]
        assert days >= (NOW + 29 * DAY) // DAY
        await database.close()

    asyncio.run(later())


def test_another_process_cannot_write_but_read(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from pathlib import Path
from persx.model.errors import Conflict
from persx.storage.backends import HomeLock, open_storage
from persx.testing import see
home = Path(sys.argv[1])
try:
    HomeLock(home).acquire()
except Conflict as error:
    print(error)
async def main():
    async with open_storage(home) as storage:
        print(await storage.store.value("a"))
        print((await see(storage.warehouse).query("SELECT count(*) FROM events")).rows)
        try:
            await storage.store.set_value("a", b"2")
        except Conflict as error:
            print("refused", error.value)
asyncio.run(main())
"""

    async def main() -> str:
        async with open_storage(tmp_path) as storage:
            await storage.store.set_value("a", b"1")
            await storage.stream.append(make_events(0, 5))
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", program, str(tmp_path)],
                capture_output=True,
                text=True,
                check=True,
            )
            assert await storage.store.value("a") == b"1"
            return done.stdout

    lines = asyncio.run(main()).splitlines()
    assert f"in use by process {os.getpid()}" in lines[0]
    assert lines[1:] == ["b'1'", "[(5,)]", f"refused {os.getpid()}"]


def test_locks_of_one_process_share_the_home(tmp_path: Path) -> None:
    first, second = HomeLock(tmp_path), HomeLock(tmp_path)
    first.acquire()
    first.acquire()
    with second:
        first.release()
        check = [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from persx.storage.backends import HomeLock; "
            "HomeLock(Path(sys.argv[1])).acquire()",
            str(tmp_path),
        ]
        assert subprocess.run(check, capture_output=True, check=False).returncode == 1
    assert subprocess.run(check, capture_output=True, check=False).returncode == 0


def test_a_home_of_a_newer_persx_is_refused(tmp_path: Path) -> None:
    asyncio.run(open_storage(tmp_path).close())
    with sqlite3.connect(tmp_path / "persx.db") as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(Conflict, match="Upgrade persx"):
        open_storage(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "persx.db").write_bytes(b"not a database at all, but long enough" * 100)
    with pytest.raises(Unavailable):
        open_storage(tmp_path)


def test_durability_and_erasure_are_switched_on(tmp_path: Path) -> None:
    async def main() -> None:
        database = Database(tmp_path)

        def pragmas(connection: sqlite3.Connection) -> list[object]:
            names = ("journal_mode", "synchronous", "secure_delete")
            return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

        assert await database.write(pragmas) == ["wal", 2, 1]
        with pytest.raises(sqlite3.OperationalError):
            database.reader().execute("INSERT INTO value VALUES ('a', 'b')")
        await database.close()

    asyncio.run(main())


def test_backends_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_storage(tmp_path, store="orcale://x")
    with pytest.raises(BadInput):
        open_storage(tmp_path, stream="memory")
    asyncio.run(open_storage(tmp_path, store="sqlite", stream="sqlite", warehouse="").close())
