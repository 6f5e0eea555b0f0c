"""Lines of the decision log stand in packets: found, cut at any line and sealed as if in rows."""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from persx.model.decision import DecisionRecord
from persx.storage.backends import open_storage
from persx.storage.backends.sqlite import packets
from persx.storage.backends.sqlite.schema import MIGRATIONS, connect, migrate
from persx.testing import see


def line(number: int, *, text: str = "{}") -> DecisionRecord:
    return DecisionRecord(
        id=f"{number:05d}", at=number, bucketing_id="a:ann", page="home", snapshot=1, body=text
    )


def log() -> sqlite3.Connection:
    connection = connect(Path(":memory:"), read_only=False)
    migrate(connection)
    return connection


def sequences(connection: sqlite3.Connection, *, after: int, to: int, limit: int) -> list[int]:
    """The sequences of the blocks that are read one after another."""
    found: list[int] = []
    while block := packets.block(connection, after=after, to=to, limit=limit):
        assert block.text.count(b"\n") == block.rows - 1
        texts = block.text.split(b"\n")
        assert [text.split(b",")[0] for text in texts] == [
            b'{"sequence":%d' % number for number in range(block.first, block.last + 1)
        ]
        found += range(block.first, block.last + 1)
        after = block.last
    return found


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=6),
    after=st.integers(0, 30),
    to=st.integers(0, 40),
    limit=st.integers(1, 8),
)
@settings(max_examples=200)
def test_any_range_of_lines_is_read_whole_and_in_order(
    sizes: Sequence[int], after: int, to: int, limit: int
) -> None:
    connection = log()
    total = 0
    for size in sizes:
        packets.add(connection, [line(total + number) for number in range(size)])
        total += size
    wanted = list(range(after + 1, min(to, total) + 1))
    assert sequences(connection, after=after, to=to, limit=limit) == wanted
    assert packets.count(connection, after, to) == len(wanted)
    assert packets.last_to_seal(connection, 3) == max(0, total - 3)
    for number in range(total):
        found = packets.find(connection, f"{number:05d}", after)
        assert found == (line(number) if number + 1 > after else None)
    connection.close()


def test_lines_that_are_sent_again_are_kept_once() -> None:
    connection = log()
    packets.add(connection, [line(1), line(2)])
    packets.add(connection, [line(2, text="other"), line(3), line(0)])
    packets.add(connection, [line(0), line(3)])
    assert packets.count(connection, 0, 100) == 4
    assert packets.find(connection, line(2).id, 0) == line(2)
    connection.close()


def test_lines_of_an_earlier_version_are_kept(tmp_path: Path) -> None:
    with connect(tmp_path / "persx.db", read_only=False) as connection:
        connection.executescript(f"{MIGRATIONS[0]} PRAGMA user_version = 1;")
        connection.executemany(
            "INSERT INTO decision (id, at, bucketing_id, page, snapshot, body) "
            "VALUES (?, ?, 'a:ann', 'home', 1, ?)",
            [(line(number).id, number, '{"text": "ü"}') for number in range(5)],
        )
        # The newest is gone, as after sealing; its number is not given out again.
        connection.execute("DELETE FROM decision WHERE sequence = 5")
    connection.close()

    async def main() -> None:
        async with open_storage(tmp_path) as storage:
            kept = await see(storage.store).decision(line(3).id)
            assert kept == line(3, text='{"text": "ü"}')
            await storage.store.log_decisions([line(7)])
            rows = await see(storage.warehouse).query(
                "SELECT sequence, id FROM decisions ORDER BY 1"
            )
            assert rows.rows == [
                *((number + 1, line(number).id) for number in range(4)),
                (6, "00007"),
            ]

    asyncio.run(main())
