"""The contract of a warehouse: each row exactly once, hot or sealed, and queries that only read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from persx.model.decision import DecisionRecord
from persx.model.errors import BadInput, Conflict
from persx.model.event import Event, IdentityKey
from persx.storage.backends import Storage
from persx.storage.ports import Rows
from persx.storage.scope import Bearer
from persx.testing.events import HOSTILE, NOW, make_event, make_events
from persx.testing.querying import COUNTS, QueryContract
from persx.testing.storage import Opener, see

EVENT_COLUMNS = (
    "sequence",
    "received",
    "timestamp",
    "type",
    "name",
    "message_id",
    "anonymous_id",
    "user_id",
    "group_id",
    "previous_id",
    "verified",
    "properties",
    "traits",
    "context",
)


class WarehouseContract(QueryContract):
    """Subclass it, and override `opener`."""

    def test_columns_and_values_are_alike_hot_and_sealed(self, opener: Opener) -> None:
        events = [
            make_event(
                1,
                user_id="u",
                group_id="g",
                previous_id="p",
                verified=True,
                properties={"a": {"b": [1, 2.5]}},
                traits={"t": None},
                context={"c": "ü"},
            ),
            make_event(2, anonymous_id=None, user_id="v", name=None, properties={}),
            make_event(3, timestamp=0, received=0),
        ]

        async def scenario(storage: Storage) -> None:
            await storage.stream.append(events)
            hot = await see(storage.warehouse).query("SELECT * FROM events ORDER BY sequence")
            assert hot.columns == EVENT_COLUMNS
            first = dict(zip(hot.columns, hot.rows[0], strict=True))
            assert (first["sequence"], first["type"], first["verified"]) == (1, "track", True)
            assert (first["timestamp"], first["user_id"]) == (NOW + 1, "u")
            assert first["properties"] == '{"a":{"b":[1,2.5]}}'
            second = dict(zip(hot.columns, hot.rows[1], strict=True))
            assert second["anonymous_id"] is None
            assert (second["verified"], second["properties"], second["traits"]) == (
                False,
                "{}",
                "{}",
            )
            types = await see(storage.warehouse).query("DESCRIBE events")
            await storage.warehouse.seal()
            assert await see(storage.stream).read() == []
            assert (
                await see(storage.warehouse).query("SELECT * FROM events ORDER BY sequence") == hot
            )
            assert await see(storage.warehouse).query("DESCRIBE events") == types

        self.run(opener, scenario)

    def test_an_empty_log_can_be_queried_and_sealed(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            assert (await see(storage.warehouse).query(COUNTS)).rows == [(0, 0, 0)]
            empty = await see(storage.warehouse).query("SELECT * FROM decisions")
            assert empty.rows == []
            assert await storage.warehouse.seal() == []
            assert [chunk async for chunk in see(storage.warehouse).scan_events()] == []

        self.run(opener, scenario)

    def test_sealing_keeps_the_newest_and_splits_into_segments(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.stream.append(make_events(0, 1_000))
            segments = await storage.warehouse.seal(keep=100, segment_rows=400)
            assert [segment.rows for segment in segments] == [400, 400, 100]
            assert [segment.first_sequence for segment in segments] == [1, 401, 801]
            assert [segment.last_sequence for segment in segments] == [400, 800, 900]
            assert [event.sequence for event in await see(storage.stream).read()] == list(
                range(901, 1_001)
            )
            assert (await see(storage.warehouse).query(COUNTS)).rows == [(1_000, 1_000, 1_000)]
            assert await storage.warehouse.seal(keep=100) == []
            assert await storage.warehouse.segments() == segments
            appended = await storage.stream.append(make_events(500, 1_010))
            assert (appended.accepted, appended.last_sequence) == (10, 1_010)
            assert len(await storage.warehouse.seal()) == 1
            appended = await storage.stream.append(make_events(1_000, 1_011))
            assert (appended.accepted, appended.last_sequence) == (1, 1_011)
            assert (await see(storage.warehouse).query(COUNTS)).rows == [(1_011, 1_011, 1_011)]

        self.run(opener, scenario)

        async def later(storage: Storage) -> None:
            assert (await see(storage.warehouse).query(COUNTS)).rows == [(1_011, 1_011, 1_011)]
            assert (await storage.stream.append(make_events(0, 1_012))).last_sequence == 1_012

        self.reopened(opener, later)

    def test_scanning_gives_back_what_was_appended(self, opener: Opener) -> None:
        events = [
            make_event(number, user_id=f"u{number}", traits={"n": number}, name=HOSTILE[2])
            for number in range(700)
        ]

        async def scenario(storage: Storage) -> None:
            await storage.stream.append(events)
            await storage.warehouse.seal(keep=150, segment_rows=200)
            assert [e.message_id for e in await _scanned(storage, 0, 90)] == [
                event.message_id for event in events
            ]
            found = await _scanned(storage, 333, 1_000)
            assert [event.sequence for event in found] == list(range(334, 701))
            assert found[0].traits == {"n": 333}
            assert found[-1].name == HOSTILE[2]

        self.run(opener, scenario)

    def test_every_row_exactly_once_while_sealing_and_writing(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            done = asyncio.Event()
            acknowledged = 0

            async def write() -> None:
                nonlocal acknowledged
                for start in range(0, 3_000, 100):
                    await storage.stream.append(make_events(start, start + 100))
                    acknowledged = start + 100
                    await asyncio.sleep(0.002)
                done.set()

            async def seal() -> None:
                while not done.is_set():
                    await storage.warehouse.seal(keep=50, segment_rows=300)
                    await asyncio.sleep(0.01)

            async def look() -> None:
                while not done.is_set():
                    before = acknowledged
                    ((rows, sequences, ids),) = (await see(storage.warehouse).query(COUNTS)).rows
                    assert rows == sequences == ids
                    assert before <= rows <= acknowledged + 100
                    before = acknowledged
                    scanned = [event.sequence for event in await _scanned(storage, 0, 170)]
                    assert scanned == list(range(1, len(scanned) + 1))
                    assert len(scanned) >= before

            await asyncio.gather(write(), seal(), look())
            await storage.warehouse.seal()
            assert (await see(storage.warehouse).query(COUNTS)).rows == [(3_000, 3_000, 3_000)]
            assert sum(segment.rows for segment in await storage.warehouse.segments()) == 3_000

        self.run(opener, scenario)

    def test_sealing_twice_at_once_is_refused_or_in_turns(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.stream.append(make_events(0, 500))
            outcomes = await asyncio.gather(
                *(storage.warehouse.seal(segment_rows=100) for _ in range(4)),
                return_exceptions=True,
            )
            assert all(isinstance(outcome, Conflict | list) for outcome in outcomes), outcomes
            assert any(isinstance(outcome, list) for outcome in outcomes)
            await storage.warehouse.seal()
            assert (await see(storage.warehouse).query(COUNTS)).rows == [(500, 500, 500)]
            assert sum(segment.rows for segment in await storage.warehouse.segments()) == 500

        self.run(opener, scenario)

    def test_decisions_hot_and_sealed(self, opener: Opener) -> None:
        records = [
            DecisionRecord(
                id=f"d{number}",
                at=NOW + number,
                bucketing_id=text,
                page="home",
                snapshot=3,
                body=text,
            )
            for number, text in enumerate(HOSTILE[2:])
        ]
        select = "SELECT * FROM decisions ORDER BY sequence"

        async def scenario(storage: Storage) -> None:
            await storage.store.log_decisions(records)
            hot = await see(storage.warehouse).query(select)
            assert hot.columns == (
                "sequence",
                "id",
                "at",
                "bucketing_id",
                "page",
                "snapshot",
                "body",
            )
            assert hot.rows[1][1:] == (
                "d1",
                NOW + 1,
                HOSTILE[3],
                "home",
                3,
                HOSTILE[3],
            )
            (segment,) = await storage.warehouse.seal(keep=2)
            assert (segment.table, segment.rows) == ("decisions", len(records) - 2)
            assert await see(storage.warehouse).query(select) == hot
            assert await see(storage.store).decision("d0") is None, "it is sealed"
            assert await see(storage.store).decision(records[-1].id) == records[-1]

        self.run(opener, scenario)

    def test_hostile_strings_survive_the_way_to_a_segment(self, opener: Opener) -> None:
        events = [
            make_event(number, name=text, properties={"text": text, text: 1}, user_id=text or None)
            for number, text in enumerate(HOSTILE)
        ]

        async def scenario(storage: Storage) -> None:
            await storage.stream.append(events)
            hot = list(await see(storage.stream).read())
            names = await see(storage.warehouse).query("SELECT name FROM events ORDER BY sequence")
            assert [name for (name,) in names.rows] == [event.name for event in hot]
            await storage.warehouse.seal()
            assert await _scanned(storage, 0, 3) == hot

        self.run(opener, scenario)

    def test_as_of_leaves_out_later_events(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.stream.append(make_events(0, 100))
            await storage.warehouse.seal(keep=40)
            for as_of in (0, 30, 60, 75, 500):
                rows = await see(storage.warehouse).query(
                    "SELECT count(*) FROM events", as_of=as_of
                )
                assert rows.rows == [(min(as_of, 100),)]

        self.run(opener, scenario)

    def test_rows_are_handed_on_in_portions_and_in_order(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.stream.append(make_events(0, 100))
            await storage.warehouse.seal(keep=40)
            reader = see(storage.warehouse)
            portions: list[Sequence[tuple[Any, ...]]] = []
            handed = await reader.hand_rows(
                portions.append,
                "SELECT sequence * $by + e.extra FROM events CROSS JOIN e ORDER BY 1",
                {"by": 2},
                tables={"e": Rows(columns=("extra",), rows=[(1,)])},
                as_of=90,
                portion=40,
            )
            assert [len(each) for each in portions] == [40, 40, 10]
            assert handed == 90
            assert [row for each in portions for row in each] == [
                (2 * n + 1,) for n in range(1, 91)
            ]
            assert await reader.hand_rows(portions.append, "SELECT 1 WHERE 1 = 0") == 0
            with pytest.raises(BadInput):
                await reader.hand_rows(portions.append, "DROP TABLE events")

            def full(_: object) -> None:
                raise OSError("No space left.")

            with pytest.raises(OSError, match="No space"):
                await reader.hand_rows(full, "SELECT * FROM events")
            bearer = storage.warehouse.seen_by(Bearer(IdentityKey("a:nobody"), proven=True))
            assert await bearer.hand_rows(portions.append, "SELECT * FROM events") == 0

        self.run(opener, scenario)


async def _scanned(storage: Storage, after: int, chunk: int) -> list[Event]:
    found: list[Event] = []
    async for events in see(storage.warehouse).scan_events(after=after, chunk=chunk):
        assert 0 < len(events) <= chunk
        found += events
    return found
