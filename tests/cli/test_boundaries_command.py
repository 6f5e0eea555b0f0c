"""`persx boundaries`: the cases that it prints divide the visitors that are kept as it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from persx.cli import main

ATTRIBUTES = """
spent:
  {type: number, source: computed, compute: {kind: sum, event: Order Completed, property: revenue}}
plan: {type: string}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    workspace, rows = tmp_path / "workspace", tmp_path / "orders.csv"
    workspace.mkdir()
    (workspace / "settings.yaml").write_text("name: Shop\n")
    (workspace / "attributes.yaml").write_text(ATTRIBUTES)
    lines = [f"c{n},2026-01-02T03:04:05Z,{n}" for n in range(1, 101)]
    rows.write_text("\n".join(["who,at,revenue", *lines]) + "\n")
    (tmp_path / "map.yaml").write_text(
        "event: Order Completed\nuser_id: who\ntimestamp: at\nproperties: {revenue: revenue}\n"
    )
    made = tmp_path / "home"
    assert run("push", workspace, home=made).exit_code == 0
    assert run("publish", home=made).exit_code == 0
    told = run("import", "csv", rows, "--map", tmp_path / "map.yaml", home=made)
    assert told.exit_code == 0, told.output
    return made


def run(*arguments: object, home: Path) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--home", str(home)])


def test_it_prints_cases_of_equal_parts(home: Path) -> None:
    told = run("boundaries", "spent", home=home)
    assert told.exit_code == 0, told.output
    cases = yaml.safe_load(told.output)["cases"]
    assert list(cases) == [5, 4, 3, 2, 1]
    assert cases[5] == "spent >= 80.2"
    assert cases[1] == "known(spent)"
    low = yaml.safe_load(run("boundaries", "spent", "--low-is-good", home=home).output)["cases"]
    assert low[5] == "spent <= 20.8"


def test_it_prints_json(home: Path) -> None:
    told = run("boundaries", "spent", "--parts", 4, "--json", home=home)
    assert json.loads(told.output) == {
        "attribute": "spent",
        "visitors": 100,
        "least": 1.0,
        "most": 100.0,
        "boundaries": [25.75, 50.5, 75.25],
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["spend"], "Did you mean 'spent'?"),
        (["plan"], "is no number"),
        (["spent", "--parts", "1"], "not allowed"),
    ],
)
def test_what_it_cannot_do_it_says(home: Path, arguments: list[str], words: str) -> None:
    told = run("boundaries", *arguments, home=home)
    assert told.exit_code != 0
    assert words in told.output
