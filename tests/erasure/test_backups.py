"""Backups: a home in one file while it is used, refused when damaged, without the erased."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from persx.app.backups import BackupRequest, back_up, restore
from persx.app.erasing import erase
from persx.app.tombstone_file import read_tombstones
from persx.model.errors import BadInput, Conflict
from persx.model.event import anonymous_key, user_key
from persx.testing import make_event, see
from tests.erasure.planted import USER, decisions, others, scan
from tests.erasure.test_erased_everywhere import everything, is_planted, opened, plant


def prepared(home: Path, archive: Path) -> None:
    """A home with the planted visitor in it, backed up."""

    async def scenario() -> None:
        async with opened(home) as services:
            await plant(services)
            (home / "persx.toml").write_text("port = 9000\n")
            (home / "tables").mkdir(exist_ok=True)
            (home / "numbers.csv").write_text("a,b\n1,2\n")
            await services.warehouse.import_file("numbers", str(home / "numbers.csv"))
            done = await back_up(services, BackupRequest(path=str(archive)))
            assert done.files == 8

    asyncio.run(scenario())


def test_what_is_restored_is_what_was_backed_up(tmp_path: Path) -> None:
    home, archive, again = tmp_path / "home", tmp_path / "home.tar", tmp_path / "again"
    prepared(home, archive)
    assert archive.stat().st_mode & 0o077 == 0, "the keys are in it"
    restored = restore(archive, again)
    assert (restored.files, restored.erased) == (8, 0)
    assert again.stat().st_mode & 0o077 == 0

    async def both() -> None:
        async with opened(home) as old, opened(again) as new:
            assert await everything(new) == await everything(old)
            for identity in (user_key(USER), anonymous_key("visitor-3")):
                assert await see(new.store).states(identity) == await see(old.store).states(
                    identity
                )
            for id in (decisions(0)[0].id, decisions(1_000)[1].id):
                assert await see(new.store).decision(id) == await see(old.store).decision(id)
            assert (await see(new.warehouse).query("SELECT * FROM numbers")).rows == [(1, 2)]
            assert new.keys == old.keys
            assert (again / "persx.toml").read_text() == "port = 9000\n"
            told = await new.stream.append(others(0, 300))
            assert (told.accepted, told.duplicates) == (0, 300)

    asyncio.run(both())


def test_a_backup_beside_writing_sealing_and_erasing_is_one_moment(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path / "home") as services:
            await plant(services)
            done = asyncio.Event()
            number = 10_000

            async def write() -> None:
                nonlocal number
                while not done.is_set():
                    await services.stream.append(others(number, number + 10))
                    number += 10
                    if number % 100 == 0:
                        with contextlib.suppress(Conflict):
                            # While somebody is erased, nothing is sealed.
                            await services.warehouse.seal(keep=20)

            async def copy() -> None:
                for place in range(4):
                    await back_up(services, BackupRequest(path=str(tmp_path / f"{place}.tar")))
                    if place == 1:
                        await erase(services, [user_key(USER)])
                done.set()

            await asyncio.gather(write(), copy())

    asyncio.run(scenario())
    for place in range(4):
        home = tmp_path / f"restored-{place}"
        restore(tmp_path / f"{place}.tar", home)

        async def look(home: Path = home, place: int = place) -> None:
            async with opened(home) as services:
                rows = await everything(services)
                assert len({row[4] for row in rows}) == len(rows), "each event once"
                written = sorted(int(row[4].removeprefix("message-")) for row in rows)
                new = [number for number in written if number >= 10_000]
                assert new == list(range(10_000, 10_000 + len(new))), "and none is missing"
                assert any(map(is_planted, rows)) == (place < 2)

        asyncio.run(look())
        assert bool(scan(home)) == (place < 2)


def test_who_was_erased_after_the_backup_does_not_come_back(tmp_path: Path) -> None:
    home, archive = tmp_path / "home", tmp_path / "home.tar"
    prepared(home, archive)

    async def erasing() -> None:
        async with opened(home) as services:
            await erase(services, [user_key(USER)])
            assert len(read_tombstones(home).stones) == 5

    asyncio.run(erasing())
    without = tmp_path / "without"
    restore(archive, without)
    assert scan(without), "without tombstones the visitor is back: the scan can tell"
    # As if the database alone had been brought back, beside the file that outlived it.
    shutil.copy(home / "tombstones", without / "tombstones")

    async def open_only() -> None:
        async with opened(without):
            pass

    asyncio.run(open_only())
    for place, tombstones in (("home", home), ("file", home / "tombstones")):
        target = tmp_path / place / "restored"
        assert restore(archive, target, tombstones=tombstones).erased == 5
        assert scan(target) == set()

    async def late(target: Path) -> None:
        async with opened(target) as services:
            rows = await everything(services)
            assert len(rows) == 800
            told = await services.stream.append(
                [make_event(3, anonymous_id=None, user_id=USER, message_id="late")]
            )
            assert told.erased == 1

    assert scan(without) == set()
    for target in (without, tmp_path / "home" / "restored", tmp_path / "file" / "restored"):
        asyncio.run(late(target))


def test_a_damaged_archive_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    home, archive = tmp_path / "home", tmp_path / "home.tar"
    prepared(home, archive)
    whole = archive.read_bytes()
    bad = tmp_path / "bad.tar"
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
    middles = [each.offset_data + each.size // 2 for each in members]
    damaged = [whole[:cut] for cut in (0, 100, 600, *middles)]
    for place in (3, *middles):
        flipped = bytearray(whole)
        flipped[place] ^= 0xFF
        damaged.append(bytes(flipped))
    # A whole file that the manifest tells otherwise, and one that it does not tell of.
    missing = members[1]
    damaged.append(whole[: missing.offset] + whole[members[2].offset :])
    damaged.append(whole[: missing.offset] + whole[: members[1].offset] + whole[missing.offset :])
    for place, content in enumerate(damaged):
        bad.write_bytes(content)
        with pytest.raises(BadInput, match="damaged"):
            restore(bad, tmp_path / f"new-{place}" / "home")
        assert list((tmp_path / f"new-{place}").iterdir()) == []
    with pytest.raises(BadInput, match="no file"):
        restore(tmp_path / "none.tar", tmp_path / "new" / "home")


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "segments/../../x.parquet", "x"])
def test_an_archive_cannot_write_elsewhere(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "evil.tar"
    (tmp_path / "content").write_text("evil")
    with tarfile.open(archive, "w") as tar:
        info = tar.gettarinfo(str(tmp_path / "content"))
        info.name = name
        with (tmp_path / "content").open("rb") as content:
            tar.addfile(info, content)
    with pytest.raises(BadInput, match="does not belong"):
        restore(archive, tmp_path / "deep" / "home")
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "content",
        "evil.tar",
    ]


def test_other_homes_tombstones_and_full_folders_are_refused(tmp_path: Path) -> None:
    home, archive = tmp_path / "home", tmp_path / "home.tar"
    prepared(home, archive)
    with pytest.raises(Conflict, match="not empty"):
        restore(archive, home)

    async def other() -> None:
        async with opened(tmp_path / "other") as services:
            await erase(services, [user_key("somebody")])

    asyncio.run(other())
    with pytest.raises(BadInput, match="another home"):
        restore(archive, tmp_path / "new", tombstones=tmp_path / "other")
    assert not (tmp_path / "new").exists()
    with pytest.raises(BadInput, match="not a file of tombstones"):
        restore(archive, tmp_path / "new", tombstones=home / "persx.toml")


def test_a_torn_line_of_tombstones_is_written_again(tmp_path: Path) -> None:
    async def erase_one(user: str) -> None:
        async with opened(tmp_path) as services:
            await erase(services, [user_key(user)])

    asyncio.run(erase_one("ada"))
    file = tmp_path / "tombstones"
    whole = read_tombstones(file).stones
    os.truncate(file, file.stat().st_size - 5)
    assert len(read_tombstones(file).stones) == len(whole) - 1
    asyncio.run(erase_one("bob"))
    told = read_tombstones(file).stones
    assert set(whole) < set(told)
    assert len(told) == 4
