"""Erased means gone: the scan that finds the planted visitor everywhere finds nothing after."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from persx.app.backfill import fill, fold_of, switch
from persx.app.collecting import collect
from persx.app.erasing import VerifyRequest, erase, receipt_of, verify
from persx.app.home import open_home
from persx.app.services import Services
from persx.app.settings import ServerSettings
from persx.app.starting import load_demo
from persx.app.tombstone_file import read_tombstones
from persx.model.clock import DAY
from persx.model.errors import BadInput
from persx.model.event import EventType, IdentityKey, anonymous_key, claimed_key, user_key
from persx.testing import make_event, see
from persx.testing.events import NOW, comparable
from persx.visitors.fold import Fold
from tests.erasure.planted import (
    ANONYMOUS,
    ATTRIBUTES,
    CITY,
    MESSAGE,
    PHONE,
    USER,
    decisions,
    fold,
    others,
    planted,
    scan,
    set_aside,
    table,
)

LATER = NOW + 1_000_000


@asynccontextmanager
async def opened(home: Path | None, now: int = LATER) -> AsyncIterator[Services]:
    settings = ServerSettings(store="sqlite" if home else "memory")
    async with open_home(home, settings, deciding=False, clock=lambda: now) as services:
        await services.stream.use_projector(fold())
        yield services


async def plant(services: Services) -> None:
    """Two rounds, the first of which is sealed, so that the visitor is everywhere."""
    for start in (0, 1_000):
        await services.stream.append(others(start, start + 300), set_aside())
        await services.stream.append(planted(start + 500))
        await services.stream.append(others(start + 600, start + 700))
        await services.store.log_decisions(decisions(start))
        if not start:
            await services.warehouse.seal(segment_rows=150)
    await services.store.set_value(f"consent/a:{ANONYMOUS}", MESSAGE.encode())
    with tempfile.TemporaryDirectory() as folder:
        await services.warehouse.import_file("customers", str(table(Path(folder))))


async def everything(services: Services) -> list[tuple[Any, ...]]:
    rows = await see(services.warehouse).query(
        "SELECT * EXCLUDE sequence FROM events ORDER BY sequence"
    )
    scanned = [e async for chunk in see(services.warehouse).scan_events(chunk=70) for e in chunk]
    assert len(scanned) == len(rows.rows), "a scan and a query see the same events"
    assert [e.message_id for e in scanned] == [row[4] for row in rows.rows]
    return rows.rows


def is_planted(row: tuple[Any, ...]) -> bool:
    """Tell whether a row of `everything` is one of the planted events."""
    return bool({ANONYMOUS, PHONE, USER} & {row[5], row[6], row[8]})


def test_whoever_is_erased_is_found_nowhere_and_others_lose_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"

    async def before() -> list[tuple[Any, ...]]:
        async with opened(home) as services:
            await plant(services)
            found = scan(home)
            places = {place for _, place in found}
            assert {
                "persx.db event",
                "persx.db decision",
                "persx.db rejected",
                "persx.db identity",
                "persx.db edge",
                "persx.db member",
                "persx.db value",
                "persx.db-wal bytes",
                "tables customers.parquet",
                "segments events",
                "segments decisions",
            } <= places, "the scan finds what is there"
            assert {text for text, _ in found} == {ANONYMOUS, PHONE, USER, MESSAGE, CITY}
            return await everything(services)

    async def erasing(known: list[tuple[Any, ...]]) -> None:
        async with opened(home) as services:
            receipt = await erase(services, [anonymous_key(PHONE)])
            assert scan(home) == set(), "nothing is left, while the home is still open"
            assert receipt.counts == {
                "events_hot": 7,
                "events_sealed": 7,
                "decisions_hot": 4,
                "decisions_sealed": 4,
                "rejected": 8,
                "states": 4,
                "edges": 5,
                "values": 1,
                "tables": 7,
                "segments_rewritten": 2,
            }
            assert await everything(services) == [row for row in known if not is_planted(row)]
            lines = await see(services.warehouse).query("SELECT id FROM decisions ORDER BY id")
            kept = [one.id for start in (0, 1_000) for one in decisions(start)]
            assert (
                {row[0] for row in lines.rows}
                == {
                    each.id
                    for start in (0, 1_000)
                    for each in decisions(start)
                    if each.bucketing_id != f"a:{ANONYMOUS}"
                }
                < set(kept)
            )
            assert len(await see(services.stream).rejected()) == 2
            rows = await see(services.warehouse).query(
                "SELECT row, orders FROM customers ORDER BY row"
            )
            assert rows.rows == [(8, 11), (9, 12), (10, 13)]

    known = asyncio.run(before())
    assert len(list((home / "segments").glob("*.parquet"))) == 4
    asyncio.run(erasing(known))
    assert len(list((home / "segments").glob("*.parquet"))) == 4
    assert scan(home) == set(), "nor after it was closed"


@pytest.mark.parametrize("kept", [True, False], ids=["sqlite", "memory"])
def test_a_claimed_browser_keeps_what_is_its_own(tmp_path: Path, kept: bool) -> None:
    """Who called itself the erased user with the public key loses that event alone."""

    async def scenario() -> None:
        async with opened(tmp_path if kept else None) as services:
            await load_demo(services, "persx_ai")
            await services.publication.refresh(services.store)
            served = fold_of(services.publication.plan)
            await switch(services, served)
            await plant(services)
            said = {"traits": {"industry": "SaaS"}, "type": EventType.IDENTIFY}
            own = make_event(2_000, anonymous_id="visitor-3", **said)
            await services.stream.append([own])
            await erase(services, [user_key(USER)])
            (state,) = await see(services.store).states(anonymous_key("visitor-3"))
            events = [
                event
                async for chunk in see(services.warehouse).scan_events()
                for event in chunk
                if event.anonymous_id == "visitor-3"
            ]
            assert comparable(state) == comparable(served.fold(events).states[state.identity])
            assert (state.events, set(state.facts)) == (81, {"industry"})
            assert await services.store.values("refold/") == {}

    asyncio.run(scenario())


@pytest.mark.parametrize("kept", [True, False], ids=["sqlite", "memory"])
def test_late_retries_are_turned_away_and_who_returns_is_new(tmp_path: Path, kept: bool) -> None:
    async def scenario() -> None:
        async with opened(tmp_path if kept else None) as services:
            await plant(services)
            await erase(services, [user_key(USER)])
            eight_days_later = LATER + 8 * DAY
            retries = [
                msgspec.structs.replace(event, message_id=f"again-{place}", received=late)
                for late in (LATER, eight_days_later)
                for place, event in enumerate(planted(500), start=late)
            ]
            told = await collect(services, retries)
            assert (told.accepted, told.erased) == (0, len(retries))
            registry = services.metrics.registry
            assert registry.get_sample_value("persx_events_total", {"result": "erased"}) == 14
            await services.store.log_decisions(
                [msgspec.structs.replace(decisions(0)[0], id="ffffffffffff")]
            )
            if kept:
                assert scan(tmp_path) == set()
            assert await see(services.store).states(user_key(USER)) == []
            new = make_event(9_000_000, anonymous_id=ANONYMOUS)
            assert new.timestamp > LATER
            assert (await collect(services, [new])).accepted == 1
            (state,) = await see(services.store).states(anonymous_key(ANONYMOUS))
            assert (state.events, state.facts) == (1, {})
            assert await see(services.store).linked(state.identity) == [state.identity]

    asyncio.run(scenario())


def test_erasing_goes_on_while_others_send_and_ask(tmp_path: Path) -> None:
    """Each question sees each event of the others once, and no more than half an erasure."""

    async def scenario() -> None:
        async with opened(tmp_path) as services:
            await plant(services)
            done = asyncio.Event()
            seen: set[tuple[int, int]] = set()

            async def ask() -> None:
                while not done.is_set():
                    rows = await see(services.warehouse).query(
                        "SELECT count(*) FILTER (anonymous_id LIKE 'visitor-_' AND "
                        "user_id IS NULL AND received < $before), "
                        f"count(*) FILTER (anonymous_id IN ('{ANONYMOUS}', '{PHONE}')) FROM events",
                        {"before": NOW + 5_000},
                    )
                    seen.add(rows.rows[0])

            async def send() -> None:
                number = 10_000
                while not done.is_set():
                    told = await services.stream.append(others(number, number + 20))
                    assert told.accepted == 20
                    number += 20

            async def erase_and_stop() -> None:
                await asyncio.sleep(0)
                await erase(services, [user_key(USER)])
                await see(services.warehouse).query("SELECT 1")
                done.set()

            await asyncio.gather(ask(), send(), erase_and_stop())
            assert {others for others, _ in seen} == {800}
            assert {planted for _, planted in seen} <= {10, 0}

    asyncio.run(scenario())


def test_a_receipt_is_genuine_and_names_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path) as services:
            await plant(services)
            receipt = await erase(services, [user_key(USER)])
            assert len(receipt.tombstones) == 5
            assert USER not in msgspec.json.encode(receipt).decode()
            assert await receipt_of(services, receipt.id) == receipt
            good = await verify(services, VerifyRequest(receipt=receipt))
            assert (good.genuine, good.kept) == (True, True)
            forged = msgspec.structs.replace(receipt, counts={**receipt.counts, "states": 99})
            assert not (await verify(services, VerifyRequest(receipt=forged))).genuine
            elsewhere = msgspec.structs.replace(receipt, tombstones=("0" * 32,))
            found = await verify(services, VerifyRequest(receipt=elsewhere))
            assert (found.genuine, found.kept) == (False, False)
            again = await erase(services, [user_key(USER)])
            assert sum(again.counts.values()) == 0

    asyncio.run(scenario())


def test_what_is_no_identity_is_refused() -> None:
    async def scenario(identities: list[str]) -> None:
        async with opened(None) as services:
            await erase(services, [IdentityKey(each) for each in identities])

    for wrong in ([], ["jane"], ["u:"], ["x:jane"]):
        with pytest.raises(BadInput):
            asyncio.run(scenario(wrong))


def test_browsers_that_claimed_to_be_the_user_go_too_where_that_is_asked_for() -> None:
    async def scenario() -> None:
        async with opened(None) as services:
            await plant(services)
            await erase(services, [user_key(USER)], claimed=True)
            assert await see(services.store).states(anonymous_key("visitor-3")) == []
            rows = await see(services.warehouse).query(
                "SELECT count(*) FROM events WHERE anonymous_id = 'visitor-3'"
            )
            assert rows.rows == [(0,)]

    asyncio.run(scenario())


def test_an_erasure_does_not_follow_claims_of_others() -> None:
    """Who calls itself somebody with the public key, and is erased, erases nobody else."""

    async def scenario() -> None:
        async with opened(None) as services:
            await plant(services)
            await erase(services, [anonymous_key("visitor-3")])
            assert len(await see(services.store).states(user_key(USER))) == 3
            assert len(await see(services.store).states(claimed_key(USER))) == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("kept", [True, False], ids=["sqlite", "memory"])
def test_a_backfill_beside_an_erasure_brings_nobody_back(tmp_path: Path, kept: bool) -> None:
    async def scenario() -> None:
        async with opened(tmp_path if kept else None) as services:
            await services.stream.append(others(0, 1_200))
            await services.warehouse.seal(keep=300, segment_rows=250)
            new = Fold({name: each for name, each in ATTRIBUTES.items() if name == "seen"})
            await services.stream.use_projector(Fold({}), b"[]")
            (job,) = await switch(services, new)
            gone = [anonymous_key(f"visitor-{number}") for number in (3, 7)]

            async def erasing() -> None:
                for identity in gone:
                    await erase(services, [identity])

            await asyncio.gather(fill(services, new, job, chunk=40), erasing())
            for number in range(10):
                states = await see(services.store).states(anonymous_key(f"visitor-{number}"))
                counted = [state.computed for state in states if state.computed]
                assert len(counted) == (number not in (3, 7)), number
            rows = await see(services.warehouse).query("SELECT count(*) FROM events")
            assert rows.rows == [(960,)]

    asyncio.run(scenario())


def test_a_file_of_tombstones_that_a_crash_left_empty_stops_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path):
            pass
        for torn in ("", "persx tombstones, ke"):
            (tmp_path / "tombstones").write_text(torn)
            async with opened(tmp_path) as services:
                await erase(services, [user_key(f"ada{torn}")])
            found = read_tombstones(tmp_path)
            assert found.fingerprint == (await services_fingerprint())
            assert len(found.stones) >= 2

    async def services_fingerprint() -> str:
        async with opened(tmp_path) as services:
            return (await services.store.tombstones()).fingerprint

    asyncio.run(scenario())
