"""Killed at many points of an erasure, a home has all of it or none; repeated, all is gone."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from persx.app.erasing import erase
from persx.model.event import user_key
from persx.storage.backends import HomeLock
from tests.erasure.planted import USER, scan
from tests.erasure.test_erased_everywhere import everything, is_planted, opened, plant

POINTS = 16
Round = Callable[[Path, int], int]


@pytest.fixture
def erase_until() -> Iterator[Round]:
    """Erase in another process that is killed at a step; 0 lets it finish, and counts steps."""
    root = Path(__file__).parents[2]
    worker = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("kill_worker.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    with worker:
        assert worker.stdin
        assert worker.stdout
        assert worker.stdout.readline() == "ready\n"

        def run(home: Path, kill_at: int) -> int:
            assert worker.stdin
            assert worker.stdout
            worker.stdin.write(f"{home} {kill_at}\n")
            worker.stdin.flush()
            told = int(worker.stdout.readline())
            if not kill_at:
                assert worker.stdout.readline() == "0\n"
            return told

        try:
            yield run
        finally:
            worker.kill()


def test_whenever_it_is_killed_nothing_is_half(tmp_path: Path, erase_until: Round) -> None:
    template = tmp_path / "template"

    async def prepare() -> list[tuple[object, ...]]:
        async with opened(template) as services:
            await plant(services)
            return await everything(services)

    known = asyncio.run(prepare())
    expected = [row for row in known if not is_planted(row)]
    shutil.copytree(template, tmp_path / "whole")
    steps = erase_until(tmp_path / "whole", 0)
    assert steps > POINTS, "there are many points at which it can be killed"
    assert scan(tmp_path / "whole") == set()
    outcomes = set()
    # Threads make a handful of steps more or less each time.
    last = steps - steps // 20
    for point in sorted({1 + place * (last - 1) // (POINTS - 1) for place in range(POINTS)}):
        home = tmp_path / f"killed-{point}"
        shutil.copytree(template, home)
        assert erase_until(home, point) == -signal.SIGKILL, "it was killed"

        async def look_and_repeat(home: Path = home) -> bool:
            async with opened(home) as services:
                found = await everything(services)
                assert found in (known, expected), "an erasure is whole or not at all"
                await erase(services, [user_key(USER)])
                assert await everything(services) == expected, "nobody else lost an event"
                assert await services.store.values("refold/") == {}
            return found == known

        # As a server does: who holds the home cleans up when opening it.
        with HomeLock(home):
            outcomes.add(asyncio.run(look_and_repeat()))
        assert scan(home) == set(), f"killed at step {point}, then repeated"
        shutil.rmtree(home)
    assert outcomes == {True, False}, "it was killed before the decisive moment, and after it"
