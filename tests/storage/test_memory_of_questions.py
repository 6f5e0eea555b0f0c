"""What a question may use of the machine's memory, by the size of the log."""

from pathlib import Path

import pytest

from persx.storage.backends.duckdb.engine import BYTES_A_ROW, Limits, engine, make_room

ROWS = 5_000_000


@pytest.mark.parametrize(("rows", "more"), [(0, False), (1_000, False), (ROWS, True)])
def test_a_large_log_has_more_room(tmp_path: Path, rows: int, more: bool) -> None:
    limits = Limits(megabytes=ROWS * BYTES_A_ROW // 2_000_000)
    with engine(tmp_path, limits) as connection:
        asked = "SELECT current_setting('memory_limit')"
        before = connection.execute(asked).fetchall()
        make_room(connection, rows, limits)
        assert (connection.execute(asked).fetchall() != before) == more


def test_no_question_takes_more_than_half_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sysconf", lambda name: 100_000 if name == "SC_PHYS_PAGES" else 4_096)
    limits = Limits(megabytes=100)
    with engine(tmp_path, limits) as connection:
        make_room(connection, 10**9, limits)
        ((found,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
        connection.execute("SET memory_limit = '204MB'")
        ((half,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    assert found == half
