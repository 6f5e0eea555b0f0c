"""Artifacts that are damaged where they are kept: nobody gets them, the others stay."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from persx.model.artifact import Origin
from persx.model.errors import Unavailable
from persx.storage.backends import Storage, open_storage
from persx.storage.backends.memory_artifacts import MemoryArtifacts
from persx.storage.backends.sqlite.database import FILE
from persx.testing.events import NOW


def damage(home: Path, storage: Storage, body: bytes) -> None:
    """Change what is kept of artifact 2 behind the backend's back."""
    if isinstance(storage.artifacts, MemoryArtifacts):
        storage.artifacts.bodies["prediction", "a", 2] = body
        return
    with closing(sqlite3.connect(home / FILE)) as connection:
        connection.execute("UPDATE artifact SET body = ? WHERE number = 2", (body,))
        connection.commit()


@pytest.mark.parametrize("body", [b"", b"tw", b"twp", b"two and more"])
@pytest.mark.parametrize("store", ["sqlite", "memory"])
def test_a_damaged_one_is_refused_and_the_earlier_stays_active(
    tmp_path: Path, store: str, body: bytes
) -> None:
    async def scenario() -> None:
        async with open_storage(tmp_path, store=store) as storage:
            artifacts = storage.artifacts
            for each in (b"one", b"two"):
                await artifacts.put("prediction", "a", each, origin=Origin(made=NOW), meta={})
            await artifacts.activate("prediction", "a", 1, now=NOW)
            damage(tmp_path, storage, body)
            with pytest.raises(Unavailable, match="Artifact 2 of 'prediction/a' is damaged"):
                await artifacts.activate("prediction", "a", 2, now=NOW)
            with pytest.raises(Unavailable, match="Activate an earlier one"):
                await artifacts.get("prediction", "a", 2)
            found = await artifacts.get("prediction", "a")
            assert found is not None
            assert found.body == b"one"

    asyncio.run(scenario())
