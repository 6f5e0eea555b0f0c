"""new, push, pull, publish, rollback and export on a real home."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from persx.cli import main
from persx.demo import DEMOS, demo_folder
from persx.workspace.documents import read_folder
from persx.workspace.snapshot import canonical
from persx.workspace.validation import check


class Cli:
    """Runs persx against one home."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *arguments: object, code: int = 0) -> Result:
        """Run a command and expect an exit code."""
        result = CliRunner().invoke(main, [*map(str, arguments), "--home", str(self.home)])
        assert result.exit_code == code, result.output
        return result


@pytest.fixture
def persx(tmp_path: Path) -> Cli:
    """The command line on an empty home."""
    return Cli(tmp_path / "home")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A new workspace folder."""
    folder = tmp_path / "site"
    assert CliRunner().invoke(main, ["new", str(folder)]).exit_code == 0
    return folder


def edit(folder: Path, path: str, old: str, new: str) -> None:
    """Change a file."""
    file = folder / path
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_push_then_pull_gives_the_same_files(persx: Cli, site: Path, tmp_path: Path) -> None:
    assert f"{len(read_folder(site))} files changed" in persx("push", site).output
    assert "0 files changed" in persx("push", site).output
    other = tmp_path / "other"
    persx("pull", other)
    assert read_folder(other) == read_folder(site)


def test_publish_and_roll_back(persx: Cli, site: Path) -> None:
    persx("push", site)
    first = json.loads(persx("publish", "--json", "-m", "first").output)
    assert (first["number"], first["unchanged"]) == (1, False)
    assert "snapshot 1 is active already" in persx("publish").output
    edit(site, "settings.yaml", "My site", "Our site")
    second = persx("publish", site, "-m", "second").output
    assert "changed settings" in second
    assert "Snapshot 2 is active (SHA-256 " in second
    assert persx("rollback", 1).output == "Snapshot 1 is active; before it was 2.\n"
    assert persx("rollback", 1).output == "Snapshot 1 is active already.\n"
    listed = persx("rollback").output.splitlines()
    assert [line[0] for line in listed] == [" ", "*"]
    assert listed[0].endswith("second")
    heads = json.loads(persx("rollback", "--json").output)["snapshots"]
    assert [(head["number"], head["active"]) for head in heads] == [(2, False), (1, True)]
    assert "no snapshot 7" in persx("rollback", 7, code=4).output.casefold()


def test_an_invalid_workspace_is_pushed_and_not_published(persx: Cli, site: Path) -> None:
    edit(site, "pages/home.yaml", "home-cta", "home-cat")
    edit(site, "settings.yaml", "coverage: warn ", "coverage: some ")
    persx("push", site)
    lines = persx("publish", code=2).output.splitlines()
    assert lines[0].startswith("pages/home.yaml:6: blocks.1: There is no block 'home-cat'.")
    assert lines[0].endswith("Did you mean 'home-cta'?")
    assert lines[1].startswith("settings.yaml:6: coverage: ")
    assert lines[2] == "2 errors."
    assert persx("rollback").output == "Nothing is published.\n"
    result = persx("check", code=1)
    assert result.output.splitlines() == lines


def test_two_people(persx: Cli, site: Path, tmp_path: Path) -> None:
    persx("push", site)
    other = tmp_path / "other"
    persx("pull", other)
    edit(other, "settings.yaml", "My site", "Their site")
    edit(other, "goals.yaml", "Contact form sent", "Wrote to us")
    persx("push", other)

    edit(site, "settings.yaml", "My site", "Our site")
    refused = persx("push", site, code=3).output
    assert "settings.yaml" in refused
    assert "goals.yaml" not in refused
    assert "persx pull" in refused
    refused = persx("pull", site, code=3).output
    assert "settings.yaml" in refused
    assert "--beside" in refused
    assert "Our site" in (site / "settings.yaml").read_text()

    merged = persx("pull", site, "--beside").output
    assert "pulled goals.yaml" in merged
    assert "settings.yaml.theirs" in merged
    assert "Their site" in (site / "settings.yaml.theirs").read_text()
    (site / "settings.yaml.theirs").unlink()
    assert "pushed settings.yaml" in persx("push", site).output
    persx("pull", other)
    assert read_folder(other) == read_folder(site)


def test_what_others_changed_is_told_and_left(persx: Cli, site: Path, tmp_path: Path) -> None:
    persx("push", site)
    other = tmp_path / "other"
    persx("pull", other)
    edit(other, "goals.yaml", "Contact form sent", "Wrote to us")
    persx("push", other)
    edit(site, "settings.yaml", "My site", "Our site")
    output = persx("push", site).output
    assert "pushed settings.yaml" in output
    assert "Changed in the home and not here: goals.yaml." in output


def test_a_removed_file_is_removed(persx: Cli, site: Path, tmp_path: Path) -> None:
    persx("push", site)
    other = tmp_path / "other"
    persx("pull", other)
    (site / "audiences.yaml").unlink()
    assert "removed audiences.yaml" in persx("push", site).output
    assert "removed audiences.yaml" in persx("pull", other).output
    assert not (other / "audiences.yaml").exists()


@pytest.mark.parametrize("demo", DEMOS)
def test_new_can_start_from_a_demo(persx: Cli, tmp_path: Path, demo: str) -> None:
    made = persx("new", tmp_path / demo, "--template", demo)
    assert "Published in" in made.output
    copied = {file.relative_to(tmp_path / demo) for file in (tmp_path / demo).rglob("*.yaml")}
    folder = demo_folder(demo)
    assert copied == {file.relative_to(folder) for file in folder.rglob("*.yaml")}


def test_new_can_publish_at_once(persx: Cli, tmp_path: Path) -> None:
    assert "Published in" in persx("new", tmp_path / "fresh").output
    assert "A new workspace" in persx("rollback").output


def test_a_misspelt_home_is_not_made(tmp_path: Path) -> None:
    persx = Cli(tmp_path / "nowhere")
    for words in (
        ("pull", tmp_path / "x"),
        ("rollback",),
        ("publish",),
        ("export", "events"),
        ("check",),
    ):
        assert "There is no home at" in persx(*words, code=4).output
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "x").exists()


def test_pushing_a_folder_without_a_workspace(persx: Cli, tmp_path: Path) -> None:
    assert "There is no workspace in" in persx("push", tmp_path, code=2).output


def test_the_digest_is_that_of_the_canonical_json(persx: Cli, site: Path) -> None:
    result = json.loads(persx("publish", site, "--json").output)
    workspace, _ = check(read_folder(site))
    assert workspace is not None
    assert result["digest"] == hashlib.sha256(canonical(workspace)).hexdigest()


def test_a_folder_can_be_pushed_to_a_second_home(tmp_path: Path) -> None:
    folder, first, second = tmp_path / "site", tmp_path / "first", tmp_path / "second"
    runner = CliRunner()
    assert runner.invoke(main, ["new", str(folder)]).exit_code == 0
    for home in (first, second):
        pushed = runner.invoke(main, ["push", str(folder), "--home", str(home), "--json"])
        assert pushed.exit_code == 0, pushed.output
        assert "settings.yaml" in json.loads(pushed.output)["written"]
    empty = tmp_path / "empty"
    empty.mkdir()
    before = sorted(folder.rglob("*.yaml"))
    refused = runner.invoke(main, ["pull", str(folder), "--home", str(empty)])
    assert refused.exit_code != 0
    assert sorted(folder.rglob("*.yaml")) == before
