"""`persx check`, as a person, a hook and a workflow run it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from persx.cli import main
from persx.workspace.creation import create

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "tests" / "testdata" / "workspaces" / "shop"
BIN = Path(sys.executable).parent


def check(*arguments: object) -> Result:
    """Run persx check."""
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A valid workspace."""
    create(tmp_path / "good", ci=True)
    return tmp_path / "good"


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A workspace with one error in a rule and one warning."""
    folder = tmp_path / "bad"
    create(folder, ci=True)
    rules = folder / "audiences.yaml"
    rules.write_text(rules.read_text().replace("page_views", "page_view"), encoding="utf-8")
    (folder / "block").mkdir()
    (folder / "block" / "x.yaml").write_text("", encoding="utf-8")
    return folder


def test_a_valid_workspace(good: Path) -> None:
    result = check(good)
    assert (result.exit_code, result.output) == (0, "No faults.\n")


def test_faults_are_lines_with_file_line_path_value_and_hint(bad: Path) -> None:
    result = check(bad)
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0].startswith(f"{bad}/audiences.yaml:2: readers.when: ")
    assert lines[0].endswith("(value: page_view) Did you mean 'page_views'?")
    assert lines[1].startswith(f"{bad}/block/: warning: ")
    assert lines[2] == "1 error, 1 warning."
    assert len(lines) == 3


def test_json(bad: Path) -> None:
    result = check(bad, "--json")
    assert result.exit_code == 1
    found = json.loads(result.output)
    assert (found["ok"], found["errors"], found["warnings"]) == (False, 1, 1)
    first = found["faults"][0]
    assert first["file"] == f"{bad}/audiences.yaml"
    assert (first["line"], first["path"], first["value"], first["hint"], first["severity"]) == (
        2,
        "readers.when",
        "page_view",
        "Did you mean 'page_views'?",
        "error",
    )


def test_warnings_are_no_errors_unless_asked(good: Path) -> None:
    (good / "notes.yaml").write_text("", encoding="utf-8")
    assert check(good).exit_code == 0
    strict = check(good, "--strict")
    assert strict.exit_code == 1
    assert "1 error." in strict.output


def test_the_current_folder_is_the_default(bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bad)
    result = check()
    assert result.exit_code == 1
    assert result.output.startswith("audiences.yaml:2: ")


def test_a_folder_without_a_workspace_is_not_valid(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("x", encoding="utf-8")
    result = check(tmp_path)
    assert result.exit_code == 2
    assert "There is no workspace in" in result.output


def test_what_a_terminal_would_obey_is_written_out(good: Path) -> None:
    text = '"\\e[31mred": {event: "a\\nb", "x\\u202ey": "\\e[2J\\u009b2J\\nz"}\n'
    (good / "goals.yaml").write_text(text, encoding="utf-8")
    result = check(good)
    assert result.exit_code == 1
    assert not any(character in result.output for character in "\x1b\x9b\u202e")
    assert r"x\u202ey" in result.output
    assert all(":" in line for line in result.output.splitlines()[:-1])


def test_files_stand_for_the_workspaces_they_belong_to(good: Path, bad: Path) -> None:
    assert check(good / "blocks" / "home-hero.yaml", good / "goals.yaml").exit_code == 0
    result = check(bad / "blocks" / "home-hero.yaml", bad / "pages" / "home.yaml")
    assert result.exit_code == 1
    assert result.output.count("audiences.yaml:2") == 1
    result = check(good / ".github" / "workflows" / "persx.yml")
    assert (result.exit_code, result.output[:16]) == (0, "Nothing to check")


def test_files_that_cannot_be_read_are_faults_like_others(bad: Path) -> None:
    (bad / "blocks" / "link.yaml").symlink_to("/etc/passwd")
    os.mkfifo(bad / "pages" / "pipe.yaml")
    lines = check(bad).output.splitlines()
    assert lines[0].startswith(f"{bad}/blocks/link.yaml: ")
    assert lines[0].endswith("leads out of the workspace. Copy the file here.")
    assert lines[1].startswith(f"{bad}/pages/pipe.yaml: ")
    assert lines[2].startswith(f"{bad}/audiences.yaml:2: ")


def hook() -> dict[str, object]:
    """The definition of the hook."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    (found,) = [each for each in hooks if each["id"] == "persx-check"]
    return dict(found)


def as_hook(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the hook's entry as pre-commit does: in the repository, with changed files."""
    assert set(hook()["types_or"]) == {"yaml"}  # type: ignore[call-overload]
    files = sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.suffix in (".yaml", ".yml")
    )
    entry = shlex.split(str(hook()["entry"]))
    return subprocess.run(
        [str(BIN / entry[0]), *entry[1:], *files],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_hook_lets_a_valid_workspace_pass(good: Path) -> None:
    ran = as_hook(good)
    assert (ran.returncode, ran.stdout) == (0, "No faults.\n")


def test_the_hook_stops_an_invalid_workspace(bad: Path) -> None:
    ran = as_hook(bad)
    assert ran.returncode == 1
    assert "audiences.yaml:2: readers.when: " in ran.stdout


def test_the_hook_finds_a_workspace_inside_a_repository(bad: Path) -> None:
    ran = as_hook(bad.parent)
    assert ran.returncode == 1
    assert "bad/audiences.yaml:2: readers.when: " in ran.stdout


@pytest.mark.parametrize(("name", "code"), [("good", 0), ("bad", 1)])
def test_the_workflow_checks_the_workspace(
    name: str, code: int, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(name)
    text = (folder / ".github" / "workflows" / "persx.yml").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    # YAML 1.1, as PyYAML reads it, takes the key `on` for a boolean.
    assert workflow[True] == ["push", "pull_request"]
    (job,) = workflow["jobs"].values()
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert runs[0] == "pip install persx"
    (step,) = [run for run in runs if run.startswith("persx ")]
    words = shlex.split(step)
    ran = subprocess.run(
        [str(BIN / words[0]), *words[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == code
    assert not re.search(r"https?://", text)


def test_the_shop_of_the_tests_is_valid() -> None:
    assert check(SHOP).output == "No faults.\n"
