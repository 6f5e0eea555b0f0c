"""States that are kept in memory are never older than what was acknowledged."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from persx.model.event import EventType, anonymous_key, user_key
from persx.storage.backends import HomeLock, open_storage
from persx.testing import CountingProjector, make_event, see

VISITOR = anonymous_key("one")


def test_whoever_was_told_of_a_commit_reads_it(tmp_path: Path) -> None:
    done = threading.Event()

    async def main() -> None:
        with HomeLock(tmp_path):
            storage = open_storage(tmp_path)
            await storage.stream.use_projector(CountingProjector())
            # Somebody else reads all the time, and so puts what is about to be old into memory.
            reading = threading.Thread(target=lambda: asyncio.run(read_on()))

            async def read_on() -> None:
                while not done.is_set():
                    await see(storage.store).states(VISITOR)

            reading.start()
            try:
                for number in range(300):
                    await storage.stream.append([make_event(number, anonymous_id="one")])
                    for _ in range(2):
                        (state,) = await see(storage.store).states(VISITOR)
                        assert state.events == number + 1
            finally:
                done.set()
                reading.join()
                await storage.close()

    asyncio.run(main())


def test_an_edge_is_seen_from_both_ends(tmp_path: Path) -> None:
    async def main() -> None:
        with HomeLock(tmp_path):
            storage = open_storage(tmp_path)
            await storage.stream.use_projector(CountingProjector())
            await storage.stream.append([make_event(1, anonymous_id="one")])
            await storage.stream.append(
                [make_event(2, anonymous_id=None, user_id="jane", verified=True)]
            )
            assert len(await see(storage.store).states(VISITOR)) == 1
            assert len(await see(storage.store).states(user_key("jane"))) == 1
            login = make_event(
                3, type=EventType.IDENTIFY, anonymous_id="one", user_id="jane", verified=True
            )
            await storage.stream.append([login])
            for identity in (VISITOR, user_key("jane")):
                found = {state.identity for state in await see(storage.store).states(identity)}
                assert found == {VISITOR, user_key("jane")}
            await storage.stream.append([make_event(4, anonymous_id="one")])
            seen = await see(storage.store).states(user_key("jane"))
            assert sum(state.events for state in seen) == 4
            await storage.close()

    asyncio.run(main())
