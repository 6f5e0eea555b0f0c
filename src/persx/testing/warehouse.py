"""The contract of a warehouse: each row exactly once, hot or sealed, and queries that only read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from persx.model.decision import DecisionRecord
from persx.model.errors import BadInput, Conflict
from persx.model.event import Event
from persx.storage.backends import Storage
from persx.storage.ports import Rows
from persx.testing.events import HOSTILE, NOW, make_event, make_events
from persx.testing.storage import Opener, StorageContract

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
COUNTS = "SELECT count(*), count(DISTINCT sequence), count(DISTINCT message_id) FROM events"

NOT_A_SELECT = [
    "",
    "SELEC 1",
    "SELECT 1; SELECT 2",
    "DROP VIEW events",
    "INSERT INTO events VALUES (1)",
    "CREATE TABLE t (a INT)",
    "COPY events TO '{folder}/x.csv'",
    "ATTACH '{folder}/x.db'",
    "INSTALL httpfs",
    "SET threads = 1",
    "PRAGMA version",
    "EXPORT DATABASE '{folder}'",
    "WITH x AS (COPY (SELECT 1) TO '{folder}/x.parquet') SELECT * FROM x",
    "SELECT * FROM (WITH x AS (COPY (SELECT 1) TO '{folder}/x.csv') SELECT * FROM x)",
    "WITH x AS (COPY (SELECT 1 AS a) TO '{segment}' (USE_TMP_FILE false)) SELECT * FROM x",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM no_such_table",
    "SELECT $missing",
    "SELECT " + "(" * 20_000 + "1" + ")" * 20_000,
]


class WarehouseContract(StorageContract):
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
            hot = await storage.warehouse.query("SELECT * FROM events ORDER BY sequence")
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
            types = await storage.warehouse.query("DESCRIBE events")
            await storage.warehouse.seal()
            assert await storage.stream.read() == []
            assert await storage.warehouse.query("SELECT * FROM events ORDER BY sequence") == hot
            assert await storage.warehouse.query("DESCRIBE events") == types

        self.run(opener, scenario)

    def test_an_empty_log_can_be_queried_and_sealed(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            assert (await storage.warehouse.query(COUNTS)).rows == [(0, 0, 0)]
            empty = await storage.warehouse.query("SELECT * FROM decisions")
            assert empty.rows == []
            assert await storage.warehouse.seal() == []
            assert [chunk async for chunk in storage.warehouse.scan_events()] == []

        self.run(opener, scenario)

    def test_sealing_keeps_the_newest_and_splits_into_segments(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.stream.append(make_events(0, 1_000))
            segments = await storage.warehouse.seal(keep=100, segment_rows=400)
            assert [segment.rows for segment in segments] == [400, 400, 100]
            assert [segment.first_sequence for segment in segments] == [1, 401, 801]
            assert [segment.last_sequence for segment in segments] == [400, 800, 900]
            assert [event.sequence for event in await storage.stream.read()] == list(
                range(901, 1_001)
            )
            assert (await storage.warehouse.query(COUNTS)).rows == [(1_000, 1_000, 1_000)]
            assert await storage.warehouse.seal(keep=100) == []
            assert await storage.warehouse.segments() == segments
            appended = await storage.stream.append(make_events(500, 1_010))
            assert (appended.accepted, appended.last_sequence) == (10, 1_010)
            assert len(await storage.warehouse.seal()) == 1
            appended = await storage.stream.append(make_events(1_000, 1_011))
            assert (appended.accepted, appended.last_sequence) == (1, 1_011)
            assert (await storage.warehouse.query(COUNTS)).rows == [(1_011, 1_011, 1_011)]

        self.run(opener, scenario)

        async def later(storage: Storage) -> None:
            assert (await storage.warehouse.query(COUNTS)).rows == [(1_011, 1_011, 1_011)]
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
                    ((rows, sequences, ids),) = (await storage.warehouse.query(COUNTS)).rows
                    assert rows == sequences == ids
                    assert before <= rows <= acknowledged + 100
                    before = acknowledged
                    scanned = [event.sequence for event in await _scanned(storage, 0, 170)]
                    assert scanned == list(range(1, len(scanned) + 1))
                    assert len(scanned) >= before

            await asyncio.gather(write(), seal(), look())
            await storage.warehouse.seal()
            assert (await storage.warehouse.query(COUNTS)).rows == [(3_000, 3_000, 3_000)]
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
            assert (await storage.warehouse.query(COUNTS)).rows == [(500, 500, 500)]
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
            hot = await storage.warehouse.query(select)
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
            assert await storage.warehouse.query(select) == hot
            assert await storage.store.decision("d0") is None, "it is sealed"
            assert await storage.store.decision(records[-1].id) == records[-1]

        self.run(opener, scenario)

    def test_hostile_strings_survive_the_way_to_a_segment(self, opener: Opener) -> None:
        events = [
            make_event(number, name=text, properties={"text": text, text: 1}, user_id=text or None)
            for number, text in enumerate(HOSTILE)
        ]

        async def scenario(storage: Storage) -> None:
            await storage.stream.append(events)
            hot = list(await storage.stream.read())
            names = await storage.warehouse.query("SELECT name FROM events ORDER BY sequence")
            assert [name for (name,) in names.rows] == [event.name for event in hot]
            await storage.warehouse.seal()
            assert await _scanned(storage, 0, 3) == hot

        self.run(opener, scenario)

    def test_as_of_leaves_out_later_events(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.stream.append(make_events(0, 100))
            await storage.warehouse.seal(keep=40)
            for as_of in (0, 30, 60, 75, 500):
                rows = await storage.warehouse.query("SELECT count(*) FROM events", as_of=as_of)
                assert rows.rows == [(min(as_of, 100),)]

        self.run(opener, scenario)

    def test_parameters_and_extra_tables(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.stream.append(make_events(0, 20))
            weights = Rows(
                columns=("visitor", "weight", 'odd " name', "tags", "yes"),
                rows=[
                    ("visitor-1", 0.5, HOSTILE[2], ["a", "b"], True),
                    ("visitor-2", 2, None, [], False),
                ],
            )
            found = await storage.warehouse.query(
                """
                SELECT visitor, sum(weight) AS total, any_value("odd "" name"), any_value(tags),
                       any_value(yes)
                FROM events JOIN weights ON anonymous_id = visitor
                WHERE name = $name AND json_extract_string(properties, '$.product') <> $other
                GROUP BY visitor ORDER BY visitor
                """,
                {"name": "Product Viewed", "other": "'; --", "unused": 1},
                tables={"weights": weights},
            )
            assert found.columns[:2] == ("visitor", "total")
            assert found.rows == [
                ("visitor-1", 1.0, HOSTILE[2], ["a", "b"], True),
                ("visitor-2", 4.0, None, [], False),
            ]
            empty = Rows(columns=("identity",), rows=[])
            none = await storage.warehouse.query(
                "SELECT * FROM events JOIN nobody ON anonymous_id = identity",
                tables={"nobody": empty},
            )
            assert none.rows == []
            for name in ("events", "Bad", "a b", "x; DROP", ""):
                with pytest.raises(BadInput):
                    await storage.warehouse.query("SELECT 1", tables={name: empty})

        self.run(opener, scenario)

    @pytest.mark.parametrize("number", range(len(NOT_A_SELECT)))
    def test_only_one_reading_statement_is_run(
        self, opener: Opener, tmp_path: Path, number: int
    ) -> None:
        async def scenario(storage: Storage) -> None:
            await storage.stream.append(make_events(0, 10))
            (segment,) = await storage.warehouse.seal(keep=5)
            sealed = str(tmp_path / "home" / segment.path)
            sql = NOT_A_SELECT[number].replace("{folder}", str(tmp_path))
            with pytest.raises(BadInput):
                await storage.warehouse.query(sql.replace("{segment}", sealed))
            assert (await storage.warehouse.query(COUNTS)).rows == [(10, 10, 10)]

        self.run(opener, scenario)
        assert not list(tmp_path.glob("x.*"))

    def test_a_python_variable_is_not_a_table(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            for name in ("connection", "parameters", "tables", "rows"):
                with pytest.raises(BadInput):
                    await storage.warehouse.query(f"SELECT * FROM {name}")

        self.run(opener, scenario)

    def test_importing_files(self, opener: Opener, tmp_path: Path) -> None:
        csv = tmp_path / "we[i]rd 'name'*.csv"
        csv.write_text('segment,visit,spend\n"Mens, E-Mail",1,29.99\nNo E-Mail,0,0\n', "utf-8")

        async def scenario(storage: Storage) -> None:
            assert await storage.warehouse.import_file("mail", str(csv)) == 2
            select = "SELECT segment, visit, spend FROM mail ORDER BY visit DESC"
            found = await storage.warehouse.query(select)
            assert found.rows == [("Mens, E-Mail", 1, 29.99), ("No E-Mail", 0, 0.0)]
            csv.write_text("segment,visit,spend\nNo E-Mail,0,1\n", "utf-8")
            assert await storage.warehouse.import_file("mail", str(csv)) == 1
            assert (await storage.warehouse.query(select)).rows == [("No E-Mail", 0, 1)]
            for separator in ";\t|":
                csv.write_text(f'"a,a"{separator}b\n1,5{separator}"x\ny"\n#{separator}z\n', "utf-8")
                assert await storage.warehouse.import_file("other", str(csv)) == 2
                found = await storage.warehouse.query('SELECT "a,a", b FROM other ORDER BY b')
                assert found.rows == [("1,5", "x\ny"), ("#", "z")]
            for name in ("events", "decisions", "Mail", "../x", "a;b", "", "x" * 80):
                with pytest.raises(BadInput):
                    await storage.warehouse.import_file(name, str(csv))

        self.run(opener, scenario)

    @pytest.mark.parametrize(
        "content",
        [
            None,
            b"",
            b"PAR1 and then nothing",
            bytes(range(256)) * 40,
            b'a,b\n1,"open',
            b"a,b\n1,2\n3\n",
            b"a,b\n1,2\n3,4,5\n",
        ],
        ids=["missing", "empty", "broken Parquet", "binary", "open quote", "short", "long"],
    )
    def test_a_bad_file_is_refused_and_the_old_table_stays(
        self, opener: Opener, tmp_path: Path, content: bytes | None
    ) -> None:
        good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
        good.write_text("a,b\n1,2\n", "utf-8")
        if content is not None:
            bad.write_bytes(content)

        async def scenario(storage: Storage) -> None:
            await storage.warehouse.import_file("kept", str(good))
            with pytest.raises(BadInput) as caught:
                await storage.warehouse.import_file("kept", str(bad))
            assert "bad.csv" in str(caught.value)
            with pytest.raises(BadInput):
                await storage.warehouse.import_file("kept", str(tmp_path))
            assert (await storage.warehouse.query("SELECT a + b FROM kept")).rows == [(3,)]

        self.run(opener, scenario)


async def _scanned(storage: Storage, after: int, chunk: int) -> list[Event]:
    found: list[Event] = []
    async for events in storage.warehouse.scan_events(after=after, chunk=chunk):
        assert 0 < len(events) <= chunk
        found += events
    return found
