"""`persx export` gives back every stored event, whatever is in it."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from persx.app.backfill import fold_of, switch
from persx.app.collecting import collect
from persx.app.home import open_home
from persx.cli import main
from persx.model.event import Event, EventType
from persx.storage.backends import open_storage

HOSTILE = '=1+1","<script>\n\u2028é'


def event(number: int) -> Event:
    """One of many events."""
    return Event(
        type=EventType.TRACK,
        message_id=f"m{number}",
        anonymous_id=HOSTILE if number % 2 else f"visitor-{number}",
        name="Form Submitted" if number % 10 == 0 else "Product Viewed",
        timestamp=1_795_734_000_000 + number,
        received=1_795_734_000_000 + number,
        properties={"form": "contact", "answers": {"name": HOSTILE, "n": number}},
    )


EVENTS = [
    *(event(number) for number in range(250)),
    Event(
        type=EventType.IDENTIFY,
        message_id="who",
        user_id="u1",
        timestamp=0,
        received=1_795_734_000_000,
        traits={"industry": "SaaS", "deep": {"er": [1, 2.5, None, True]}},
        context={"ip": "127.0.0.1"},
        verified=True,
    ),
    Event(
        type=EventType.PAGE,
        message_id="seen",
        anonymous_id="visitor-1",
        name="Home",
        timestamp=1_795_734_000_000,
        received=1_795_734_000_000,
    ),
]


async def fill(home: Path) -> None:
    """Append the events; some of them are sealed, some stay hot."""
    storage = open_storage(home)
    await storage.stream.append(EVENTS)
    await storage.warehouse.seal(keep=100)
    await storage.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with events."""
    folder = tmp_path_factory.mktemp("export") / "home"
    asyncio.run(fill(folder))
    return folder


def export(home: Path, *arguments: object) -> Result:
    """Run persx export."""
    result = CliRunner().invoke(main, ["export", *map(str, arguments), "--home", str(home)])
    assert result.exit_code == 0, result.output
    return result


def test_every_event_comes_back_once_and_in_order(home: Path) -> None:
    lines = [json.loads(line) for line in export(home, "events", "--json").stdout.splitlines()]
    assert [line["messageId"] for line in lines] == [each.message_id for each in EVENTS]
    assert [line["sequence"] for line in lines] == sorted(line["sequence"] for line in lines)
    assert lines[1] == {
        "sequence": lines[1]["sequence"],
        "type": "track",
        "messageId": "m1",
        "anonymousId": HOSTILE,
        "event": "Product Viewed",
        "timestamp": "2026-11-26T23:00:00.001Z",
        "receivedAt": "2026-11-26T23:00:00.001Z",
        "verified": False,
        "properties": {"form": "contact", "answers": {"name": HOSTILE, "n": 1}},
    }
    assert lines[250]["traits"] == {"industry": "SaaS", "deep": {"er": [1, 2.5, None, True]}}
    assert lines[250]["verified"] is True
    assert lines[251]["name"] == "Home"
    assert "event" not in lines[251]


def test_a_file_is_the_same_as_standard_output(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "events.jsonl"
    result = export(home, "events", "-o", out)
    assert result.stdout == ""
    assert result.stderr == f"{len(EVENTS)} events written to {out}.\n"
    assert out.read_bytes() == export(home, "events").stdout_bytes
    assert [path.name for path in tmp_path.iterdir()] == ["events.jsonl"]


def test_parquet_has_the_same_rows_in_order(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.parquet"
    export(home, "events", "--format", "parquet", "-o", file)
    found = duckdb.sql(f"SELECT * FROM read_parquet('{file}')")
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
    lines = [json.loads(line) for line in export(home, "events").stdout.splitlines()]
    assert len(rows) == len(EVENTS)
    for row, line in zip(rows, lines, strict=True):
        for name in ("sequence", "type", "messageId", "anonymousId", "userId", "event", "name"):
            assert row[name] == line.get(name)
        assert json.loads(row["properties"]) == line.get("properties", {})
        assert row["timestamp"].isoformat(timespec="milliseconds") + "Z" == line["timestamp"]


def test_parquet_needs_a_file(home: Path) -> None:
    asked = ["export", "events", "--format", "parquet", "--home", str(home)]
    result = CliRunner().invoke(main, asked)
    assert result.exit_code == 2
    assert "-o FILE" in result.stderr


def test_csv_has_a_row_for_each_event_and_no_formula(home: Path) -> None:
    text = export(home, "events", "--format", "csv").stdout_bytes.decode()
    rows = list(csv.DictReader(text.splitlines(keepends=True)))
    assert [row["messageId"] for row in rows] == [each.message_id for each in EVENTS]
    assert rows[1]["anonymousId"] == "'" + HOSTILE
    assert json.loads(rows[1]["properties"])["answers"]["n"] == 1
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_submissions(home: Path) -> None:
    lines = [json.loads(line) for line in export(home, "submissions").stdout.splitlines()]
    assert len(lines) == 25
    assert lines[0]["answers"] == {"name": HOSTILE, "n": 240}
    text = export(home, "submissions", "--format", "csv").stdout_bytes.decode()
    rows = list(csv.DictReader(text.splitlines(keepends=True)))
    assert [row["n"] for row in rows] == [str(number) for number in range(240, -1, -10)]
    assert rows[0]["name"] == "'" + HOSTILE


def test_nothing_is_left_of_an_export_that_failed(home: Path, tmp_path: Path) -> None:
    missing = tmp_path / "none" / "events.jsonl"
    result = CliRunner().invoke(main, ["export", "events", "-o", str(missing), "--home", str(home)])
    assert result.exit_code == 1
    assert "No such file or directory" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a workspace that knows what its events tell."""
    folder = tmp_path_factory.mktemp("known")
    made = CliRunner().invoke(main, ["new", str(folder / "site"), "--home", str(folder / "home")])
    assert made.exit_code == 0, made.output

    async def take_in() -> None:
        async with open_home(folder / "home") as services:
            assert services.publication.plan is not None
            await switch(services, fold_of(services.publication.plan))
            await collect(services, EVENTS)

    asyncio.run(take_in())
    return folder / "home"


def test_one_visitor_with_all_that_is_held_and_who_looked(known: Path) -> None:
    found = export(known, "visitor", "--anonymous", "visitor-8")
    held = json.loads(found.stdout)
    assert [event["messageId"] for event in held["events"]] == ["m8"]
    assert [look["by"].partition(":")[0] for look in held["staffLooks"]] == []
    again = json.loads(export(known, "visitor", "--anonymous", "visitor-8", "--json").stdout)
    assert [look["by"].partition(":")[0] for look in again["staffLooks"]] == ["cli"]
    for wrong in ([], ["--user", "nobody"], ["--user", "u1", "--anonymous", "visitor-8"]):
        refused = CliRunner().invoke(main, ["export", "visitor", *wrong, "--home", str(known)])
        assert refused.exit_code != 0
        assert refused.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["export", "events"], ["visitor.export all events"]),
        (["export", "submissions"], ["visitor.export all submissions"]),
        (["export", "events", "--format", "parquet", "-o", "x"], ["visitor.export all events"]),
        (["backup", "x"], ["visitor.export a backup"]),
        (["identity", "show", "visitor-6"], ["visitor.look "]),
        (["explain", "hour > 1", "--anonymous-id", "visitor-6"], ["visitor.look "]),
        (["explain", "hour > 1"], []),
        (["export", "visitor", "--user", "u1"], ["visitor.look ", "visitor.export one visitor"]),
    ],
)
def test_reading_visitors_data_is_in_the_audit_log(
    known: Path, tmp_path: Path, arguments: list[str], told: list[str]
) -> None:
    runner = CliRunner()
    before = audit_log(known)
    with runner.isolated_filesystem(tmp_path):
        done = runner.invoke(main, [*arguments, "--home", str(known)])
    assert done.exit_code == 0, done.output
    assert audit_log(known)[len(before) :] == told


def audit_log(home: Path) -> list[str]:
    """Return what the audit log tells, oldest first."""
    found = CliRunner().invoke(main, ["audit", "--json", "--home", str(home)])
    entries = json.loads(found.stdout)[::-1]
    return [f"{entry['what']} {entry.get('detail', '')}" for entry in entries]
