"""The contract of a warehouse's queries: they only read; and of the files that it imports."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import pytest

from persx.model.errors import BadInput
from persx.model.event import Event, anonymous_key
from persx.storage.backends import Storage
from persx.storage.ports import Rows
from persx.storage.removal import Erasure
from persx.testing.events import HOSTILE, NOW, make_event, make_events
from persx.testing.storage import Opener, StorageContract, see

COUNTS: Final = "SELECT count(*), count(DISTINCT sequence), count(DISTINCT message_id) FROM events"

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


class QueryContract(StorageContract):
    """The part of `WarehouseContract` about queries and imports."""

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
            found = await see(storage.warehouse).query(
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
            none = await see(storage.warehouse).query(
                "SELECT * FROM events JOIN nobody ON anonymous_id = identity",
                tables={"nobody": empty},
            )
            assert none.rows == []
            for name in ("events", "Bad", "a b", "x; DROP", ""):
                with pytest.raises(BadInput):
                    await see(storage.warehouse).query("SELECT 1", tables={name: empty})

        self.run(opener, scenario)

    def test_queries_together_see_one_moment(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            done = asyncio.Event()

            async def write() -> None:
                for start in range(0, 100_000, 20):
                    if done.is_set():
                        return
                    await storage.stream.append(make_events(start, start + 20))
                    if start % 200 == 0:
                        await storage.warehouse.seal(keep=10)

            async def read() -> None:
                counts = ["SELECT count(*) FROM events"] * 2
                # What is drawn out of the events speaks of the same moment.
                drawn = "SELECT coalesce(sum(exposures), 0) FROM exposures"
                for _ in range(5):
                    first, second, _ = await see(storage.warehouse).query_together([*counts, drawn])
                    assert first.rows == second.rows
                done.set()

            await asyncio.gather(write(), read())

        self.run(opener, scenario)

    def test_exposures_are_the_first_of_each_unit_in_an_arm(self, opener: Opener) -> None:
        def seen(number: int, unit: str, arm: str) -> Event:
            return make_event(
                number,
                name="Experiment Viewed",
                timestamp=NOW - number,
                anonymous_id=unit,
                properties={
                    "experiment_id": "hero", "variation_id": arm, "page": f"/{number}",
                    "segments": {"industry": "SaaS"}, "epoch": 2, "snapshot": number,
                },
            )  # fmt: skip

        sql = (
            "SELECT arm, epoch, segments, min(timestamp), arg_min(page, timestamp), "
            "max(snapshot), sum(exposures) FROM exposures "
            "WHERE unit = md5_number_lower('a:one') GROUP BY 1, 2, 3 ORDER BY 1"
        )

        async def scenario(storage: Storage) -> None:
            arms = ["a", "a", "b", "a"]
            events = [seen(number, "one", arm) for number, arm in enumerate(arms)]
            await storage.stream.append(
                [*events, seen(7, "two", "b"), make_event(8, name="Experiment Viewed")]
            )
            expected = [
                ("a", 2, '{"industry":"SaaS"}', NOW - 3, "/3", 3, 3),
                ("b", 2, '{"industry":"SaaS"}', NOW - 2, "/2", 2, 1),
            ]
            for keep in (10, 3, 0):
                await storage.warehouse.seal(keep=keep, segment_rows=2)
                assert (await see(storage.warehouse).query(sql)).rows == expected
            gone = frozenset([anonymous_key("one")])
            await storage.warehouse.remove(Erasure(identities=gone, at=NOW + 1))
            left = await see(storage.warehouse).query("SELECT count(*) FROM exposures")
            assert left.rows == [(1,)]

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
                await see(storage.warehouse).query(sql.replace("{segment}", sealed))
            assert (await see(storage.warehouse).query(COUNTS)).rows == [(10, 10, 10)]

        self.run(opener, scenario)
        assert not list(tmp_path.glob("x.*"))

    def test_a_python_variable_is_not_a_table(self, opener: Opener) -> None:
        async def scenario(storage: Storage) -> None:
            for name in ("connection", "parameters", "tables", "rows"):
                with pytest.raises(BadInput):
                    await see(storage.warehouse).query(f"SELECT * FROM {name}")

        self.run(opener, scenario)

    def test_writing_a_file(self, opener: Opener, tmp_path: Path) -> None:
        file = tmp_path / "it's.parquet"

        async def scenario(storage: Storage) -> None:
            csv = tmp_path / "given.csv"
            csv.write_text("a,b\n1,x\n2,\n", "utf-8")
            await storage.warehouse.import_file("given", str(csv))
            select = "SELECT a, b FROM given"
            assert await see(storage.warehouse).write_file(select, str(file)) == 2
            assert await storage.warehouse.import_file("back", str(file)) == 2
            found = await see(storage.warehouse).query("SELECT a, b FROM back ORDER BY a")
            assert found.rows == [(1, "x"), (2, None)]
            for sql in ("SELECT nothing FROM given", "DROP TABLE given", f"{select}) TO 'x'; --"):
                with pytest.raises(BadInput):
                    await see(storage.warehouse).write_file(sql, str(file))
            with pytest.raises(OSError, match="nowhere"):
                await see(storage.warehouse).write_file(select, str(tmp_path / "nowhere" / "x"))
            assert await storage.warehouse.import_file("back", str(file)) == 2

        self.run(opener, scenario)
        assert [path.name for path in tmp_path.glob("*.p*")] == [file.name]

    def test_importing_files(self, opener: Opener, tmp_path: Path) -> None:
        csv = tmp_path / "we[i]rd 'name'*.csv"
        csv.write_text('segment,visit,spend\n"Mens, E-Mail",1,29.99\nNo E-Mail,0,0\n', "utf-8")

        async def scenario(storage: Storage) -> None:
            assert await storage.warehouse.import_file("mail", str(csv)) == 2
            select = "SELECT segment, visit, spend FROM mail ORDER BY visit DESC"
            found = await see(storage.warehouse).query(select)
            assert found.rows == [("Mens, E-Mail", 1, 29.99), ("No E-Mail", 0, 0.0)]
            csv.write_text("segment,visit,spend\nNo E-Mail,0,1\n", "utf-8")
            assert await storage.warehouse.import_file("mail", str(csv)) == 1
            assert (await see(storage.warehouse).query(select)).rows == [("No E-Mail", 0, 1)]
            for separator in ";\t|":
                csv.write_text(f'"a,a"{separator}b\n1,5{separator}"x\ny"\n#{separator}z\n', "utf-8")
                assert await storage.warehouse.import_file("other", str(csv)) == 2
                found = await see(storage.warehouse).query('SELECT "a,a", b FROM other ORDER BY b')
                assert found.rows == [("1,5", "x\ny"), ("#", "z")]
            for name in ("events", "decisions", "Mail", "../x", "a;b", "", "x" * 80):
                with pytest.raises(BadInput):
                    await storage.warehouse.import_file(name, str(csv))
            csv.write_text("arm,text\nyes,True\nNo,false\n", "utf-8")
            await storage.warehouse.import_file("mail", str(csv))
            found = await see(storage.warehouse).query("SELECT arm, text FROM mail ORDER BY arm")
            assert found.rows == [("No", "false"), ("yes", "True")]
            await storage.warehouse.drop_table("mail")
            await storage.warehouse.drop_table("mail")
            with pytest.raises(BadInput):
                await see(storage.warehouse).query("SELECT * FROM mail")

        self.run(opener, scenario)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (None, "no file"),
            (b"", "nothing in it"),
            (b"PAR1 and then nothing", "Parquet"),
            (bytes(range(256)) * 40, "Line 2"),
            (b'a,b\n1,"open', "quotation mark in line 2"),
            (b"a,b\n1,2\n3\n", "Line 3 does not have 2 cells"),
            (b"a,b\n1,2\n\"3\n3\",4,5\n", "Line 3 does not have 2 cells"),
            (b"a,b\n1,2\n\xc4,2\n", "Line 3 is not in UTF-8"),
            ("a,b\n1,2\n".encode("utf-16"), "Line 1 is not in UTF-8"),
            (b"a,b,A\n1,2,3\n", "more than one column 'a'"),
        ],
        ids=[
            "missing", "empty", "broken Parquet", "binary", "open quote", "short", "long",
            "Latin-1", "UTF-16", "equal names",
        ],
    )  # fmt: skip
    def test_a_bad_file_is_refused_in_a_line_and_the_old_table_stays(
        self, opener: Opener, tmp_path: Path, content: bytes | None, said: str
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
            assert said in str(caught.value)
            assert "\n" not in str(caught.value)
            with pytest.raises(BadInput):
                await storage.warehouse.import_file("kept", str(tmp_path))
            assert (await see(storage.warehouse).query("SELECT a + b FROM kept")).rows == [(3,)]

        self.run(opener, scenario)
