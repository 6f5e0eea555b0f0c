"""Folders that several homes or fresh Git clones share: each push knows what it comes from."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.test_workspace_commands import Cli, edit

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def git(folder: Path, *arguments: object) -> str:
    """Run git as somebody."""
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    ran = subprocess.run(
        ["git", "-C", str(folder), *who, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


@pytest.fixture
def persx(tmp_path: Path) -> Cli:
    """The command line on an empty home."""
    return Cli(tmp_path / "home")


@pytest.fixture
def repository(tmp_path: Path, persx: Cli) -> Path:
    """A repository with a workspace in a subfolder, whose first version is in the home."""
    top = tmp_path / "repository"
    persx("new", top / "site")
    git(top, "init", "-q")
    commit(top)
    return top


def commit(top: Path) -> None:
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "x")


def clone(top: Path, name: str, *options: str) -> Path:
    """A fresh clone, as CI has it; its workspace's folder."""
    target = top.parent / name
    git(top.parent, "clone", "-q", *options, f"file://{top}", target)
    return target / "site"


def test_what_a_folder_remembers_stays_out_of_git(repository: Path) -> None:
    assert (repository / "site" / ".persx" / "base.json").exists()
    assert ".persx" not in git(repository, "ls-files")


def test_fresh_clones_push_one_after_the_other(repository: Path, persx: Cli) -> None:
    edit(repository / "site", "settings.yaml", "My site", "Our site")
    (repository / "site" / "audiences.yaml").unlink()
    commit(repository)
    pushed = persx("push", clone(repository, "first"), "--json").output
    assert json.loads(pushed)["written"] == ["settings.yaml"]
    assert json.loads(pushed)["removed"] == ["audiences.yaml"]
    edit(repository / "site", "settings.yaml", "Our site", "Your site")
    commit(repository)
    second = clone(repository, "second")
    assert "Changed here and not pushed yet: settings.yaml." in persx("pull", second).output
    assert "pushed settings.yaml" in persx("push", second).output


def test_a_clone_does_not_undo_what_was_changed_in_the_home(
    repository: Path, persx: Cli, tmp_path: Path
) -> None:
    persx("pull", tmp_path / "other")
    edit(tmp_path / "other", "settings.yaml", "My site", "Studio's site")
    persx("push", tmp_path / "other")
    edit(repository / "site", "settings.yaml", "My site", "Our site")
    commit(repository)
    folder = clone(repository, "clone")
    refused = persx("push", folder, code=3).output
    assert refused.startswith("Error: Changed here and in the home: settings.yaml.")
    assert "--replace" in refused
    assert "pushed settings.yaml" in persx("push", folder, "--replace").output
    persx("pull", tmp_path / "other")
    assert "Our site" in (tmp_path / "other" / "settings.yaml").read_text()


def test_a_clone_without_history_is_refused(repository: Path, persx: Cli) -> None:
    edit(repository / "site", "settings.yaml", "My site", "Our site")
    commit(repository)
    shallow = clone(repository, "shallow", "--depth", "1")
    assert "settings.yaml" in persx("push", shallow, code=3).output
    git(shallow, "fetch", "-q", "--unshallow")
    assert "pushed settings.yaml" in persx("push", shallow).output


def test_a_folder_keeps_apart_what_it_shares_with_two_homes(tmp_path: Path) -> None:
    folder, first, second = tmp_path / "site", Cli(tmp_path / "first"), Cli(tmp_path / "second")
    first("new", folder)
    second("push", folder)
    edit(folder, "settings.yaml", "My site", "Our site")
    assert "pushed settings.yaml" in first("push", folder).output
    # The second home still has the old one, and nobody has touched it there.
    assert "Changed here and not pushed yet: settings.yaml." in second("pull", folder).output
    pushed = json.loads(second("push", folder, "--json").output)
    assert (pushed["written"], pushed["behind"]) == (["settings.yaml"], [])


def test_replacing_from_a_folder_without_a_workspace_is_refused(
    persx: Cli, repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    assert "no workspace" in persx("push", tmp_path / "empty", "--replace", code=2).output
    assert "0 files changed" in persx("push", repository / "site").output
