"""Erases the planted visitor, and kills itself at a given step; forks for each round.

A step is a call that changes something that others could see: a statement of a database, a
write, a sync, a rename, a removal. Started by test_killed_while_erasing.py.
"""

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

# What a home imports when it is opened, so that a round need not wait for it.
import duckdb  # noqa: F401

import persx.storage.backends.duckdb
import persx.storage.backends.sqlite  # noqa: F401
from persx.app.erasing import erase
from persx.model.event import user_key
from tests.erasure.planted import USER
from tests.erasure.test_erased_everywhere import opened

STEPS = {"execute", "rename", "replace", "unlink", "fsync", "write", "rmdir", "mkdir", "ftruncate"}


async def work(home: Path, kill_at: int) -> int:
    steps = 0
    lock = threading.Lock()

    def count(_frame: FrameType, event: str, argument: Any) -> None:
        nonlocal steps
        if event == "c_call" and getattr(argument, "__name__", "") in STEPS:
            with lock:
                steps += 1
                if steps == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(count)
    async with opened(home) as services:
        sys.setprofile(count)
        steps = 0
        await erase(services, [user_key(USER)])
        done = steps
        sys.setprofile(None)
    return done


def main() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        home, kill_at = line.rsplit(" ", 1)
        child = os.fork()
        if child == 0:
            try:
                print(asyncio.run(work(Path(home), int(kill_at))), flush=True)
            finally:
                os._exit(0)
        status = os.waitpid(child, 0)[1]
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
