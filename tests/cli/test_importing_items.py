"""`persx import items` and `persx items`: from a file to the catalogue, and what is told of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from click.testing import CliRunner, Result

from persx.app.home import open_home
from persx.app.item_files import LONGEST_ROW
from persx.cli import main
from persx.model.item import Item

CSV = """id,title,category,price,availability,colour
a,Shoe A,Running > Shoes,89.90 EUR,in stock,red
b,Shoe B,Running > Shoes,,out of stock,
c,"Cap, blue",Running/Caps,"19,90",in stock,blue
"""


def persx(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def write(tmp_path: Path, text: str | bytes, name: str = "items.csv") -> Path:
    file = tmp_path / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def bring(file: Path, home: Path, *more: str) -> Any:
    result = persx("import", "items", file, "--home", home, "--json", *more)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def items(home: Path) -> dict[str, Item]:
    found = json.loads(persx("items", "list", "--home", home, "--json", "--limit", 1_000).output)
    read = [msgspec.convert(each["item"], Item) for each in found["items"]]
    return {item.id: item for item in read}


def test_a_csv_file(tmp_path: Path, home: Path) -> None:
    result = persx("import", "items", write(tmp_path, CSV), "--home", home)
    assert result.output.splitlines()[:2] == ["3 rows of items.csv read.", "  added: 3"]
    found = items(home)
    assert list(found) == ["a", "b", "c"]
    assert (found["a"].price, found["a"].category) == (89.9, ("Running", "Shoes"))
    assert (found["b"].available, found["b"].price) == (False, None)
    assert (found["c"].title, found["c"].price) == ("Cap, blue", 19.9)
    assert found["a"].attributes == {"colour": "red", "currency": "EUR"}
    assert found["a"].added > 0
    lines = persx("items", "list", "--home", home, "--category", "Running/Caps").output
    assert "Cap, blue" in lines
    assert "1 of 3 items." in lines


def test_json_lines_parquet_and_a_list_bring_the_same(tmp_path: Path, home: Path) -> None:
    bring(write(tmp_path, CSV), home)
    wanted = items(home)
    rows = [
        {"id": item.id, "title": item.title, "category": list(item.category), "price": item.price,
         "available": item.available, "attributes": item.attributes}
        for item in wanted.values()
    ]  # fmt: skip
    lines = write(tmp_path, "\n\n".join(json.dumps(row) for row in rows), "items.jsonl")
    whole = write(tmp_path, json.dumps(rows), "items.json")
    parquet = tmp_path / "items [1]*.parquet"
    flat = write(tmp_path, CSV, "flat.csv")
    duckdb.sql(f"SELECT * FROM read_csv('{flat}')").write_parquet(str(parquet))
    for file in (lines, whole, parquet):
        assert bring(file, home)["written"] == {"added": 0, "changed": 0, "removed": 0, "same": 3}
    assert items(home) == wanted


def test_what_a_file_does_not_say_stays(tmp_path: Path, home: Path) -> None:
    bring(write(tmp_path, CSV), home)
    before = items(home)
    told = bring(write(tmp_path, "id;price\na;79,90\nb;5\n"), home)
    assert told["written"]["changed"] == 2
    after = items(home)
    assert (after["a"].title, after["a"].price) == ("Shoe A", 79.9)
    assert after["c"] == before["c"]


def test_an_item_that_is_hidden_stays_so_and_keeps_when_it_came(tmp_path: Path, home: Path) -> None:
    bring(write(tmp_path, CSV), home)
    came = items(home)["a"].added
    assert persx("items", "hide", "a", "--home", home).output == "1 item is hidden.\n"
    bring(write(tmp_path, CSV.replace("89.90", "70")), home, "--replace")
    a = items(home)["a"]
    assert (a.hidden, a.price, a.added) == (True, 70.0, came)
    persx("items", "unhide", "a", "--home", home)
    assert not items(home)["a"].hidden


def test_replacing_removes_what_the_file_does_not_have(tmp_path: Path, home: Path) -> None:
    bring(write(tmp_path, CSV), home)
    told = bring(write(tmp_path, "id,title\na,New A\nd,New D\n"), home, "--replace")
    assert told["written"] == {"added": 1, "changed": 1, "removed": 2, "same": 0}
    found = items(home)
    assert list(found) == ["a", "d"]
    assert found["a"].price is None, "the file is all that is known of it"


def test_replacing_with_rows_that_cannot_be_read_removes_nothing(
    tmp_path: Path, home: Path
) -> None:
    bring(write(tmp_path, CSV), home)
    bad = write(tmp_path, "id,title,price\na,New A,1\nb,B,call us\n")
    result = persx("import", "items", bad, "--home", home, "--replace")
    assert result.exit_code == 2
    assert "so no item was removed" in result.output
    assert list(items(home)) == ["a", "b", "c"]


def test_of_rows_with_one_id_the_last_counts(tmp_path: Path, home: Path) -> None:
    rows = "".join(f"a,Title {n}\n" for n in range(2_500))
    told = bring(write(tmp_path, f"id,title\n{rows}b,B\n"), home)
    assert (told["rows"], told["repeated"]) == (2_501, 2_499)
    assert items(home)["a"].title == "Title 2499"
    text = persx("import", "items", write(tmp_path, f"id,title\n{rows}"), "--home", home).output
    assert "ids that came again: 2,499; the last row counts" in text


def test_rows_that_cannot_be_used_are_told_with_their_line(tmp_path: Path, home: Path) -> None:
    file = write(
        tmp_path,
        b"id,title,price\na,A,1\n,No id,1\nc,C,call us\nd,D\n"
        b'e,"E\nover two lines",2\nf,\xff\xfe,3\n/g,G,4\nh,,5\ni,I,6\n',
    )
    told = bring(file, home)
    assert list(items(home)) == ["a", "e", "i"]
    assert (told["rows"], told["refused"]) == (9, 6)
    reasons = {each["line"]: each["reason"] for each in told["reasons"]}
    assert reasons[3] == "It has no id."
    assert reasons[4] == "Column 'price': 'call us' is no price."
    assert reasons[5] == "It has 2 cells, the header 3."
    assert reasons[8] == "It is not in UTF-8."
    assert reasons[9].startswith("'/g' is no id of an item.")
    assert reasons[10] == "It is new, and has no title."
    text = persx("import", "items", file, "--home", home).output
    assert "    line 4: Column 'price': 'call us' is no price." in text


def test_a_title_under_another_name_is_asked_for(tmp_path: Path, home: Path) -> None:
    file = write(tmp_path, "sku,designation\na,A\nb,B\n")
    refused = persx("import", "items", file, "--home", home)
    assert refused.exit_code != 0
    assert "--map COLUMN=title" in refused.output
    bring(file, home, "--map", "designation=title")
    assert items(home)["b"].title == "B"


def test_json_lines_that_are_none(tmp_path: Path, home: Path) -> None:
    text = '{"id": "a", "title": "A"}\n{"id": \n[1]\n{"title": "B"}\n{"id": "c", "title": "C"}\n'
    told = bring(write(tmp_path, text, "x.jsonl"), home)
    assert list(items(home)) == ["a", "c"]
    assert [each["line"] for each in told["reasons"]] == [2, 3, 4]


def test_a_description_of_ten_megabytes(tmp_path: Path, home: Path) -> None:
    huge = "soft " * 2_100_000
    told = bring(write(tmp_path, f'id,title,description\na,A,"{huge}"\nb,B,short\n'), home)
    assert (told["cut"], told["refused"]) == (1, 0)
    assert len(items(home)["a"].text) <= 4_000
    line = json.dumps({"id": "c", "title": "C", "text": huge})
    assert bring(write(tmp_path, line, "c.jsonl"), home)["cut"] == 1
    endless = write(
        tmp_path, b'{"id": "d", "title": "' + b"x" * LONGEST_ROW + b'"}\n{"id":"e","title":"E"}\n',
        "d.jsonl",
    )  # fmt: skip
    told = bring(endless, home)
    assert told["refused"] == 1
    assert "longer than" in told["reasons"][0]["reason"]
    assert "e" in items(home)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "There is nothing in"),
        ("name,cost\nx,1\n", "No column says the items' ids."),
        ("id,id\na,b\n", "has more than one column 'id'"),
        ('id,title\na,"never closed\n', "A quotation mark in line 2 is not closed"),
        ("[1, 2", "is no JSON"),
        ('{"name": "x"}\n', "No column says the items' ids."),
        (b"PAR1 but nothing else", "cannot be read"),
    ],
)
def test_files_that_are_none(tmp_path: Path, home: Path, text: str | bytes, message: str) -> None:
    result = persx("import", "items", write(tmp_path, text, "x.txt"), "--home", home)
    assert result.exit_code == 2, result.output
    assert message in result.output
    missing = persx("import", "items", tmp_path / "none.csv", "--home", home)
    assert (missing.exit_code, "none.csv cannot be read" in missing.output) == (2, True)


def test_mappings(tmp_path: Path, home: Path) -> None:
    file = write(tmp_path, "art.nr,name,colour\n7,Hat,red\n")
    told = bring(file, home, "--map", "art.nr=id", "--map", "colour=tags")
    assert told["written"]["added"] == 1
    assert items(home)["7"].tags == ("red",)
    for wrong, message in (("x", "says nothing"), ("y=id", "There is no column 'y'")):
        result = persx("import", "items", file, "--home", home, "--map", wrong)
        assert (result.exit_code, message in result.output) == (2, True), result.output


def test_changes_by_people_are_in_the_audit_log(tmp_path: Path, home: Path) -> None:
    bring(write(tmp_path, CSV), home)
    for action in ("hide", "unhide", "remove"):
        assert persx("items", action, "a", "b", "--home", home).exit_code == 0
    told = json.loads(persx("audit", "--home", home, "--json").output)
    found = [(each["what"], each.get("on", ""), each.get("detail", "")) for each in reversed(told)]
    assert found == [
        ("item.import", "", "3 added, 0 changed, 0 removed"),
        ("item.hide", "2 items", ""),
        ("item.unhide", "2 items", ""),
        ("item.remove", "2 items", ""),
    ]


def test_items_that_are_not_there(tmp_path: Path, home: Path) -> None:
    bring(write(tmp_path, CSV), home)
    for arguments in (["show", "x"], ["hide", "a", "x"], ["remove", "a", "x"], ["show", "/x"]):
        result = persx("items", *arguments, "--home", home)
        assert (result.exit_code, "There is no item" in result.output) == (4, True)
    assert list(items(home)) == ["a", "b", "c"]
    assert not items(home)["a"].hidden


def test_items_of_the_workspace_are_hidden_but_not_removed(home: Path) -> None:
    async def publish() -> None:
        from persx.app.starting import load_demo

        async with open_home(home) as services:
            await load_demo(services, "shop")

    asyncio.run(publish())
    assert len(items(home)) == 36
    assert persx("items", "remove", "storm", "--home", home).exit_code == 2
    persx("items", "hide", "storm", "--home", home)
    storm = items(home)["storm"]
    assert (storm.hidden, storm.title) == (True, "Storm Jacket")
    shown = persx("items", "show", "/products/storm", "--home", home).output
    assert "hidden" in shown
    assert "the workspace" in shown


def test_a_catalogue_of_one_and_of_none(tmp_path: Path, home: Path) -> None:
    bring(write(tmp_path, "id,title\na,A\n"), home)
    assert "1 of 1 item." in persx("items", "list", "--home", home).output
    persx("items", "remove", "a", "--home", home)
    assert "There are no items yet." in persx("items", "list", "--home", home).output


def hostile(columns: Sequence[str], value: str) -> str:
    return "\n".join([",".join(columns), ",".join(["x1", *[f'"{value}"' for _ in columns[1:]]])])


@pytest.mark.parametrize(
    "value",
    ["'; DROP TABLE item; --", "=cmd|' /C calc'!A0", "[bold]x[/bold]", "\u202etxt.exe", "a\0b",
     "{{ 7*7 }}", "<img src=x onerror=alert(1)>"],
)  # fmt: skip
def test_hostile_strings_are_words(tmp_path: Path, home: Path, value: str) -> None:
    bring(write(tmp_path, hostile(["id", "title", "brand", "tags"], f"T {value}")), home)
    (item,) = items(home).values()
    assert item.title.startswith("T")
    listed = persx("items", "list", "--home", home)
    assert listed.exit_code == 0
    assert item.title.split()[-1][:3] in listed.output
