"""`persx import csv|parquet`: rows become events, once, and profiles follow from them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from persx.app.commands import call
from persx.app.event_imports import (
    BEGIN_IMPORT,
    CONTINUE_IMPORT,
    BeginImport,
    ContinueImport,
    EventImport,
)
from persx.app.event_mapping import read_mapping
from persx.app.home import open_home
from persx.app.visiting import Visitor, known_of
from persx.cli import main
from persx.model.attribute import Value

ATTRIBUTES = """
orders: {type: number, source: computed, compute: {kind: count, event: Order Completed}}
revenue:
  {type: number, source: computed, compute: {kind: sum, event: Order Completed, property: revenue}}
last_product:
  type: string
  source: computed
  compute: {kind: last, event: Order Completed, property: product}
plan: {type: string}
"""

ORDERS = """order,customer,day,item,category,price
1,ann,2026-01-05 10:00,Shoe,Running,80
1,ann,2026-01-05 10:00,Sock,Running,10.5
2,bob,2026-02-01 09:30,Hat,Winter,25
3,ann,2026-03-29 12:00,"Coat, long",Winter,120
4,,2026-03-30 12:00,Lost,Winter,1
5,cid,soon,Shoe,Running,80
"""

MAPPING = """
event: Order Completed
user_id: customer
timestamp: day
zone: Europe/Vienna
group_by: [order, customer]
message_id: order
properties:
  order_id: order
  revenue: {sum: nothing}
"""
GOOD = MAPPING.replace("{sum: nothing}", '{sql: "sum(price)"}') + (
    "  product: {sql: 'first(item)'}\n"
    "  currency: {value: EUR}\n"
    "  products: {each: {name: item, category: category, price: price}}\n"
)
PLAIN = "event: X\nuser_id: customer\ntimestamp: day\n"


class Shop:
    """A home that knows what orders are, and files beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        (folder / "workspace").mkdir()
        (folder / "workspace/settings.yaml").write_text("name: Shop\n")
        (folder / "workspace/attributes.yaml").write_text(ATTRIBUTES)
        self.run("push", folder / "workspace")
        self.run("publish")

    def run(self, *arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(main, [*map(str, arguments), "--home", str(self.home)])
        assert result.exit_code == code, result.output
        return result

    def file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def imported(self, text: str, mapping: str, code: int = 0) -> Result:
        return self.run(
            "import",
            "csv",
            self.file("orders.csv", text),
            "--map",
            self.file("map.yaml", mapping),
            code=code,
        )

    def profiles(self, users: Sequence[str]) -> dict[str, dict[str, Value]]:
        """What is known of users, by name."""

        async def read() -> dict[str, dict[str, Value]]:
            async with open_home(self.home, read_only=True) as services:
                plan = services.publication.plan
                assert plan is not None
                return {
                    user: (
                        await known_of(services, plan, Visitor(user_id=user, trusted=True))
                    ).attributes
                    for user in users
                }

        return asyncio.run(read())

    def events(self) -> list[dict[str, Any]]:
        lines = self.run("export", "events", "--json").output.splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_rows_become_events_and_profiles(shop: Shop) -> None:
    told = shop.imported(ORDERS, GOOD).output
    assert "6 rows of orders.csv are 5 events." in told
    assert "in the log now: 3" in told
    assert "left out: 1 that name nobody" in told
    assert "left out: 1 that have no time that can be read" in told
    first, *_, last = shop.events()
    assert first["event"] == "Order Completed"
    assert (first["userId"], first["messageId"]) == ("ann", "1")
    assert first["timestamp"] == "2026-01-05T09:00:00.000Z", "wall time of Vienna"
    assert last["timestamp"] == "2026-03-29T10:00:00.000Z", "summer time by then"
    assert first["properties"] == {
        "order_id": 1,
        "revenue": 90.5,
        "product": "Shoe",
        "currency": "EUR",
        "products": [
            {"name": "Shoe", "category": "Running", "price": 80.0},
            {"name": "Sock", "category": "Running", "price": 10.5},
        ],
    }
    known = shop.profiles(["ann", "bob", "cid"])
    assert {name: known["ann"][name] for name in ("orders", "revenue", "last_product")} == {
        "orders": 2,
        "revenue": 210.5,
        "last_product": "Coat, long",
    }
    assert known["bob"]["orders"] == 1
    assert known["cid"].get("orders", 0) == 0


def test_the_guide_shows_what_happens(shop: Shop) -> None:
    guide = (Path(__file__).parents[2] / "docs/guides/importing.md").read_text(encoding="utf-8")
    blocks = dict(re.findall(r"```(csv|yaml|text)\n(.*?)```", guide, re.DOTALL))
    told = shop.imported(blocks["csv"], blocks["yaml"]).output
    assert told.replace(str(shop.home), "shop") == blocks["text"]


def test_a_file_is_brought_in_once_and_another_mapping_is_another_import(shop: Shop) -> None:
    shop.imported(ORDERS, GOOD)
    again = shop.imported(ORDERS, GOOD).output
    assert "was brought in with this mapping already" in again
    assert len(shop.events()) == 3
    # The same ids in another mapping: the log has them already.
    other = shop.imported(ORDERS, GOOD + "  channel: {value: web}\n").output
    assert "in the log now: 0" in other
    assert "there already: 3" in other


def test_what_was_stopped_goes_on_where_it_was(shop: Shop) -> None:
    rows = "".join(f"u{n % 7},{1_700_000_000_000 + n}\n" for n in range(100))
    file = shop.file("views.csv", "who,at\n" + rows)
    mapping = {"event": "Product Viewed", "user_id": "who", "timestamp": "at"}
    request = BeginImport(file=str(file), mapping=read_mapping(mapping))
    job: EventImport = call(shop.home, BEGIN_IMPORT, request)
    assert (job.events, job.position) == (100, 0)
    call(shop.home, CONTINUE_IMPORT, ContinueImport(name=job.name, events=30))
    # Stopped here; whoever begins again is told how far it has come.
    resumed: EventImport = call(shop.home, BEGIN_IMPORT, request)
    assert (resumed.position, resumed.accepted, resumed.finished) == (30, 30, 0)
    told = shop.run("import", "csv", file, "--map", shop.file("m.yaml", json.dumps(mapping)))
    assert "in the log now: 100" in told.output
    events = shop.events()
    assert [event["timestamp"] for event in events] == sorted(e["timestamp"] for e in events)
    assert len({event["messageId"] for event in events}) == 100
    assert not list((shop.home / "tables").glob("*")), "nothing is left of it but the events"


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ("- a\n- b\n", "The mapping cannot be read"),
        ("event: X\ntimestamp: day\n", "does not say who"),
        ("user_id: customer\ntimestamp: day\n", "names no event"),
        ("event: X\nuser: customer\ntimestamp: day\n", "Did you mean 'user_id'"),
        ("event: X\nuser_id: custmer\ntimestamp: day\n", "Did you mean 'customer'"),
        ("event: X\nuser_id: customer\ntimestamp: day\nzone: Europe/Wien\n", "no IANA zone"),
        ("event: X\nuser_id: customer\ntimestamp: {sqll: day}\n", "does not understand"),
        ("event: X\nuser_id: customer\ntimestamp: {sql: 'now(('}\n", "does not fit the file"),
        ("event: X\nuser_id: {sql: nobody}\ntimestamp: day\n", "nobody"),
        (GOOD.replace("sum(price)", "price"), "does not fit the file"),
        (MAPPING, "does not understand"),
        (PLAIN + "properties: {a: {each: {b: item}}}\n", "group_by"),
        (PLAIN + 'where: "1; DROP TABLE x"\n', "does not fit"),
        ("event: X\nuser_id: {sql: \"(SELECT content FROM read_text('/etc/passwd'))\"}\n"
         "timestamp: day\n", "reads from read_text"),
        ("event: [unclosed\n", "cannot be read"),
    ],
)  # fmt: skip
def test_a_mapping_that_does_not_fit_is_refused_in_one_line(
    shop: Shop, mapping: str, told: str
) -> None:
    output = shop.imported(ORDERS, mapping, code=2).output
    assert told in output
    assert len(output.strip().splitlines()) == 1
    assert shop.events() == []
    assert not list((shop.home / "tables").glob("*"))


def test_files_that_are_something_else_are_refused(shop: Shop, tmp_path: Path) -> None:
    mapping = shop.file("map.yaml", GOOD)
    shop.file("empty.csv", "")
    shop.file("header.csv", "order,customer,day,item,category,price\n")
    shop.file("false.csv", "PAR1 and more")
    for kind, name, told in (
        ("csv", "missing.csv", "cannot be read"),
        ("csv", "empty.csv", "nothing in it"),
        ("csv", "header.csv", "no rows"),
        ("csv", "false.csv", "persx import parquet"),
        ("parquet", "header.csv", "persx import csv"),
        ("csv", ".", "directory"),
    ):
        result = CliRunner().invoke(
            main,
            ["import", kind, str(tmp_path / name), "--map", str(mapping), "--home", str(shop.home)],
        )
        assert result.exit_code == 2, (name, result.output)
        assert told in result.output, (name, result.output)


def test_identifies_and_numbers_as_ids(shop: Shop) -> None:
    text = "id;plan;seen\n17850.0;pro;1700000000000\n17851.5;free;1700000000000\n"
    mapping = "type: identify\nuser_id: id\ntimestamp: seen\ntraits: {plan: plan}\n"
    shop.imported(text, mapping)
    known = shop.profiles(["17850", "17851.5"])
    assert [profile["plan"] for profile in known.values()] == ["pro", "free"]


def test_a_time_that_names_its_zone_keeps_it(shop: Shop) -> None:
    times = {
        "a": ("2026-01-02T10:00:00Z", "2026-01-02T10:00:00.000Z"),
        "b": ("2026-01-02T10:00:00.5+05:30", "2026-01-02T04:30:00.500Z"),
        "c": ("2026-01-02 10:00-08", "2026-01-02T18:00:00.000Z"),
        "d": ("2026-01-02 10:00", "2026-01-02T09:00:00.000Z"),
        "e": ("2026-01-02", "2026-01-01T23:00:00.000Z"),
        "f": ("1767312000000", "2026-01-02T00:00:00.000Z"),
        "g": ("2026-07-02 10:00 CEST", None),
        "h": ("1e300", None),
        "i": ("infinity", None),
    }
    text = "who,day\n" + "".join(f"{who},{given}\n" for who, (given, _) in times.items())
    for name, at in (("Column", "day"), ("Formula", "{sql: day}")):
        mapping = f"event: {name}\nuser_id: who\ntimestamp: {at}\nzone: Europe/Vienna\n"
        told = shop.imported(text, mapping).output
        assert "left out: 3 that have no time that can be read" in told
    for event in shop.events():
        assert event["timestamp"] == times[event["userId"]][1], event


def test_numbers_that_are_none_are_left_out_and_stop_nothing(shop: Shop) -> None:
    text = "who,at,amount\na,2026-01-01,1e400\nb,2026-01-01,-1e400\nc,2026-01-01,3\n"
    mapping = (
        "event: Order Completed\nuser_id: who\ntimestamp: at\n"
        "properties: {revenue: amount, odd: {sql: amount - amount}}\n"
    )
    assert "in the log now: 3" in shop.imported(text, mapping).output
    assert [event.get("properties", {}) for event in shop.events()] == [
        {},
        {},
        {"revenue": 3.0, "odd": 0.0},
    ]


@pytest.mark.parametrize(
    ("column", "unit", "remedy"),
    [
        ("s", "seconds", """{sql: 'to_timestamp("s")'}"""),
        ("it's", "seconds", """{sql: 'to_timestamp("it''s")'}"""),
        ("us", "microseconds", """{sql: 'to_timestamp("us" / 1e6)'}"""),
        ("ns", "nanoseconds", """{sql: 'to_timestamp("ns" / 1e9)'}"""),
    ],
)
def test_epochs_in_another_unit_are_refused_with_what_to_write(
    shop: Shop, column: str, unit: str, remedy: str
) -> None:
    file, mapping = shop.folder / "epochs.csv", shop.folder / "epochs.yaml"
    file.write_text(
        "customer,s,it's,us,ns\n"
        "ann,0,0,0,0\n"
        "bob,1700000000,1700000000.5,1700000000000000,1700000000000000000\n"
    )
    mapping.write_text(f'event: X\nuser_id: customer\ntimestamp: "{column}"\n')
    refused = shop.run("import", "csv", file, "--map", mapping, code=2)
    assert f"look like epoch {unit}" in refused.output
    assert remedy in refused.output
    mapping.write_text(f"event: X\nuser_id: customer\ntimestamp: {remedy}\n")
    shop.run("import", "csv", file, "--map", mapping)
    lines = shop.run("export", "events", "--json").output.splitlines()
    assert json.loads(lines[-1])["timestamp"].startswith("2023-11-14T22:13:20")
