"""`persx catalogue`: from a folder, and from a home with visitors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from persx.cli import main
from persx.workspace.creation import create


def catalogue(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["catalogue", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A new workspace."""
    create(tmp_path / "site")
    return tmp_path / "site"


def test_a_folder(folder: Path) -> None:
    lines = catalogue(folder).output.splitlines()
    (line,) = [line for line in lines if line.startswith("page_views")]
    assert line.split()[1:4] == ["computed", "real", "time"]
    assert "audiences: readers" in line
    found = json.loads(catalogue(folder, "--json").output)
    assert {entry["name"] for entry in found["entries"]} >= {"industry", "page_views"}


def test_what_nothing_uses_is_called_out_and_many_names_are_cut(folder: Path) -> None:
    attributes = folder / "attributes.yaml"
    attributes.write_text(attributes.read_text() + "\nshoe_size: {type: number}\n")
    audiences = folder / "audiences.yaml"
    more = [f"a{number}: page_views > {number}" for number in range(5)]
    audiences.write_text("\n".join([audiences.read_text(), *more]))
    output = catalogue(folder).output
    assert "audiences: a0, a1, a2 and 3 more" in " ".join(output.split())
    assert "Unused: 'shoe_size': nothing uses it." in output


def test_a_home(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    CliRunner().invoke(main, ["publish", str(folder), "--home", str(home)])
    found = json.loads(catalogue("--home", home, "--json").output)
    assert (found["visitors"], found["whole"], found["snapshot"]) == (0, True, 1)
    assert found["known"]["industry"] == 0
    assert "0 visitors." in catalogue("--home", home).output


def test_what_is_no_workspace(tmp_path: Path, folder: Path) -> None:
    assert "There is no workspace" in catalogue(tmp_path).output
    assert catalogue(folder, "--home", tmp_path).exit_code == 2
    assert "There is no home" in catalogue("--home", tmp_path / "none").output
    (folder / "audiences.yaml").write_text("broken: {when: nothing_such == 1}\n")
    assert "Unknown attribute" in catalogue(folder).output
