"""Appends and seals without end, to be killed; started by test_kill.py, forks for each round."""

import asyncio
import os
import random
import sys
from pathlib import Path

# What a backend imports when it is opened, so that a round need not wait for it.
import duckdb  # noqa: F401

import persx.storage.backends.duckdb
import persx.storage.backends.sqlite  # noqa: F401
from persx.model.event import Event
from persx.storage.backends import Storage, open_storage
from persx.testing import CountingProjector, make_event


async def append(storage: Storage, events: list[Event], acknowledged: int) -> None:
    await storage.stream.append(events)
    os.write(acknowledged, b"".join(b"%s\n" % event.message_id.encode() for event in events))


async def work(home: Path, seed: int) -> None:
    dice = random.Random(seed)
    acknowledged = os.open(home / "acknowledged", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    async with open_storage(home) as storage:
        await storage.stream.use_projector(CountingProjector())

        async def produce(producer: int) -> None:
            number = (seed * 10 + producer) * 1_000_000
            while True:
                size = dice.randrange(1, 60)
                events = [
                    make_event(
                        number + step,
                        user_id=f"user-{(number + step) % 5}" if step % 9 == 0 else None,
                        verified=step % 18 == 0,
                    )
                    for step in range(size)
                ]
                # Some of what was sent before comes again, as a retry would.
                await append(storage, [*events, *events[:3]], acknowledged)
                number += size

        async def seal() -> None:
            while True:
                await storage.warehouse.seal(keep=dice.randrange(200), segment_rows=400)

        await asyncio.gather(*map(produce, range(4)), seal())


def main() -> None:
    home = Path(sys.argv[1])
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(work(home, int(line)))
            finally:
                os._exit(1)
        print(child, flush=True)
        status = os.waitpid(child, 0)[1]
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
