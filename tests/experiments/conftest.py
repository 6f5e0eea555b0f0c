"""A whole persx in memory, with the real backends, for readouts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from persx.app.services import Keys, Services
from persx.storage.backends import open_storage
from persx.visitors.fold import Fold

NOW = 1_700_000_000_000


@pytest.fixture
def run() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """Run coroutines of one test on one loop."""
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture
def make(
    run: Callable[[Coroutine[Any, Any, Any]], Any],
) -> Iterator[Callable[[], Services]]:
    """Make services with nothing in them."""
    opened = []

    async def open_services() -> Services:
        storage = open_storage(None, store="memory", clock=lambda: NOW)
        opened.append(storage)
        await storage.stream.use_projector(Fold({}))
        return Services(
            store=storage.store,
            stream=storage.stream,
            warehouse=storage.warehouse,
            artifacts=storage.artifacts,
            items=storage.items,
            keys=Keys(write_key="w", server_key="s", secret="secret"),
            clock=lambda: NOW,
        )

    yield lambda: run(open_services())
    for storage in opened:
        run(storage.close())


@pytest.fixture
def services(make: Callable[[], Services]) -> Services:
    return make()


@pytest.fixture
def csv(tmp_path: Path) -> Callable[[str], str]:
    """Write a file and return its path."""

    def write(text: str) -> str:
        path = tmp_path / "file.csv"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write
