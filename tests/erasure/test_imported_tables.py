"""Imported tables lose whoever is erased, though an id in them may be no more than a number."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from persx.app.backups import BackupRequest, back_up, restore
from persx.app.erasing import EraseRequest, erase_one
from persx.app.imports import ImportExperiment, import_experiment
from persx.app.services import Services
from persx.model.event import EventType
from persx.testing import make_event, see
from tests.erasure.test_erased_everywhere import opened


async def imported(services: Services, folder: Path, *, unit: str | None) -> None:
    """An experiment whose units are numbers, and whose counts are equal to them."""
    file = folder / "numbers.csv"
    rows = [f"{'ab'[n % 2]},{n % 2},{n},{60 - n},{n},call of member {n}" for n in range(1, 51)]
    file.write_text("\n".join(["arm,visit,who,orders,customer_id,note", *rows]) + "\n")
    await import_experiment(
        services,
        ImportExperiment(
            file=str(file), name="x", arm="arm", control="a", metrics=("visit",), unit=unit
        ),
    )


async def kept(services: Services) -> set[int]:
    (table,) = {each for each in (await _tables(services)) if each.startswith("experiment_")}
    rows = await see(services.warehouse).query(f'SELECT who FROM "{table}"')
    return {who for (who,) in rows.rows}


async def _tables(services: Services) -> list[str]:
    assert services.home is not None
    return [path.stem for path in (services.home / "tables").iterdir()]


@pytest.mark.parametrize("unit", ["who", None], ids=["named", "guessed"])
def test_an_id_that_was_imported_as_a_number_is_found(tmp_path: Path, unit: str | None) -> None:
    async def scenario() -> None:
        async with opened(tmp_path / "home") as services:
            await imported(services, tmp_path, unit=unit)
            receipt = await erase_one(services, EraseRequest(user="42"))
            assert receipt.counts["tables"] == 1
            assert await kept(services) == {*range(1, 51)} - {42}

    asyncio.run(scenario())


def test_a_restored_backup_does_not_bring_back_who_was_in_a_table_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path / "home") as services:
            await imported(services, tmp_path, unit="who")
            await back_up(services, BackupRequest(path=str(tmp_path / "home.tar")))
            await erase_one(services, EraseRequest(user="42"))

    async def look() -> None:
        async with opened(tmp_path / "again") as services:
            assert await kept(services) == {*range(1, 51)} - {42}

    asyncio.run(scenario())
    restored = restore(tmp_path / "home.tar", tmp_path / "again", tombstones=tmp_path / "home")
    assert restored.erased == 1
    asyncio.run(look())


def test_a_restored_backup_forgets_the_address_of_the_erased_in_tables(tmp_path: Path) -> None:
    """The address is nobody's id: only what is kept of the visitor tells that it is theirs."""

    async def scenario() -> None:
        async with opened(tmp_path / "home") as services:
            said = {"city": "jane@example.com"}
            await services.stream.append(
                [
                    make_event(
                        1, user_id="jane-1", verified=True, type=EventType.IDENTIFY, traits=said
                    )
                ]
            )
            file = tmp_path / "mail.csv"
            file.write_text("who,sent\njane@example.com,1\nbob@example.com,2\n")
            await services.warehouse.import_file("mail", str(file))
            await back_up(services, BackupRequest(path=str(tmp_path / "home.tar")))
            receipt = await erase_one(services, EraseRequest(user="jane-1"))
            assert receipt.counts["tables"] == 1

    async def look() -> None:
        async with opened(tmp_path / "again") as services:
            rows = await see(services.warehouse).query("SELECT who FROM mail")
            assert rows.rows == [("bob@example.com",)]

    asyncio.run(scenario())
    restore(tmp_path / "home.tar", tmp_path / "again", tombstones=tmp_path / "home")
    asyncio.run(look())


def test_a_visitor_is_erased_by_the_address_that_the_servers_gave(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path / "home") as services:
            await services.stream.append(
                [
                    make_event(
                        1,
                        user_id="7",
                        verified=True,
                        type=EventType.IDENTIFY,
                        traits={"email": "Jane@Example.com"},
                    )
                ]
            )
            receipt = await erase_one(services, EraseRequest(email=" jane@example.COM"))
            assert (receipt.counts["events_hot"], receipt.counts["states"]) == (1, 2)
            assert (await erase_one(services, EraseRequest(user="7"))).counts["events_hot"] == 0

    asyncio.run(scenario())
