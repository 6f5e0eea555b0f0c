"""Trained pipelines in a server: mapped, switched whole, never half-written or damaged ones."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from persx.app.backups import BackupRequest, back_up, restore
from persx.app.home import open_home
from persx.app.recommender_folder import KEPT
from persx.app.services import Services
from persx.model.artifact import RECOMMENDER
from persx.model.clock import DAY
from persx.recommend.artifact import Building
from tests.recommend.training import put_trained

pytestmark = pytest.mark.anyio


async def folder_of(services: Services, number: int, name: str = "popular") -> Path:
    heads = await services.artifacts.heads(RECOMMENDER, name)
    digest = next(head.digest for head in heads if head.number == number)
    return services.recommender_folder.path / digest[:32]


async def active(services: Services) -> int:
    await services.models.refresh(services)
    return services.models.recommenders["popular"].number


async def test_the_active_one_is_taken_up_and_switched_whole(tmp_path: Path) -> None:
    async with open_home(tmp_path / "home") as services:
        await services.models.refresh(services)
        assert services.models.recommenders == {}
        await put_trained(services, "shoe")
        assert await active(services) == 1
        before = services.models.recommenders["popular"]
        await put_trained(services, "shoe", "sock")
        assert await active(services) == 2
        assert services.models.recommenders["popular"].ids == ["shoe", "sock"]
        assert before.ids == ["shoe"], "a request that began with it ends with it"
        assert before.sources[0].arrays["scores"].tolist() == [1.0]
        await services.artifacts.activate(RECOMMENDER, "popular", 1, now=services.clock())
        assert await active(services) == 1
        await services.artifacts.activate(RECOMMENDER, "popular", None, now=services.clock())
        await services.models.refresh(services)
        assert services.models.recommenders == {}


async def test_in_memory_the_folder_goes_with_the_process() -> None:
    async with open_home(None) as services:
        await put_trained(services, "shoe")
        assert await active(services) == 1
        folder = services.recommender_folder.path
        assert folder.is_dir()
    assert not folder.exists()


@pytest.mark.parametrize("damage", ["shorter", "changed", "gone", "no folder"])
async def test_after_a_start_the_one_before_stands_in_for_a_damaged_one(
    tmp_path: Path, caplog: Any, damage: str
) -> None:
    async with open_home(tmp_path / "home") as services:
        await put_trained(services, "shoe")
        await put_trained(services, "shoe", "sock")
        folder = await folder_of(services, 2)
    array = next(folder.glob("*.npy"))
    if damage == "no folder":
        shutil.rmtree(folder)
    elif damage == "gone":
        array.unlink()
    else:
        body = array.read_bytes()
        array.write_bytes(body[:-3] if damage == "shorter" else body[:-1] + b"\x7f")
    async with open_home(tmp_path / "home") as services:
        assert services.models.recommenders["popular"].number == 1
        await services.refresh()
        assert caplog.text.count("Artifact 2 of recommendations is not used") == 1
        assert "Artifact 1 of 'recommender/popular' stands in for it" in caplog.text


async def test_nobody_waits_while_one_is_taken_up(tmp_path: Path) -> None:
    async with open_home(tmp_path / "home") as services:
        await put_trained(services, "shoe")
        await active(services)
        await put_trained(services, *(f"item-{place}" for place in range(300)))
        taking_up = asyncio.create_task(services.models.refresh(services))
        rounds = 0
        while not taking_up.done():
            await asyncio.sleep(0)
            rounds += 1
            assert services.models.recommenders["popular"].ids
        assert rounds > 1, "others had their turn meanwhile"
        assert services.models.recommenders["popular"].number == 2


async def test_what_nobody_needs_goes_and_the_active_one_stays(tmp_path: Path) -> None:
    async with open_home(tmp_path / "home") as services:
        for count in range(1, KEPT + 4):
            await put_trained(services, *map(str, range(count)), activate=count == 1)
        await active(services)
        left = Building(services.recommender_folder.path, "somebody trains")
        heads = await services.artifacts.heads(RECOMMENDER)
        folder = services.recommender_folder
        assert folder.clean(heads, (), services.clock()) == 2
        gone = [n for n in range(1, KEPT + 4) if not (await folder_of(services, n)).is_dir()]
        assert gone == [2, 3], "of the newest and the active one nothing goes"
        # What is mapped stays, even where another one is active by now.
        newest = heads[0]
        await services.artifacts.activate(
            RECOMMENDER, "popular", newest.number, now=services.clock()
        )
        heads = await services.artifacts.heads(RECOMMENDER)
        mapped = heads[-1].digest
        assert folder.clean(heads, [mapped], services.clock()) == 0
        assert folder.clean(heads, (), services.clock()) == 1
        # A half-written folder is left for whoever goes on with it, but not for ever.
        building = next(folder.path.glob("building-*"))
        os.utime(building, (time.time(), time.time() - 3 * DAY / 1000))
        assert folder.clean(heads, (), services.clock()) == 1
        assert not building.exists()
        assert left.kept(0) is None


async def test_backups_carry_what_is_finished(tmp_path: Path) -> None:
    async with open_home(tmp_path / "home") as services:
        await put_trained(services, "shoe", "sock")
        Building(services.recommender_folder.path, "somebody trains")
        await back_up(services, BackupRequest(path=str(tmp_path / "backup.tar")))
    await asyncio.to_thread(restore, tmp_path / "backup.tar", tmp_path / "again")
    assert not list((tmp_path / "again" / "recommenders").glob("building-*"))
    async with open_home(tmp_path / "again") as services:
        assert services.models.recommenders["popular"].ids == ["shoe", "sock"]
