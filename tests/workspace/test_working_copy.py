"""A working copy never loses what was changed in it, and never writes outside of itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from persx.model.errors import BadInput, Conflict, NotFound
from persx.workspace.creation import create, scaffold, workflow
from persx.workspace.layout import is_workspace_file, read_folder
from persx.workspace.validation import check
from persx.workspace.working_copy import BASE_FILE, WorkingCopy

A, B, C = "goals.yaml", "blocks/hero.yaml", "pages/home.yaml"


@pytest.fixture
def copy(tmp_path: Path) -> WorkingCopy:
    """A folder that has just been brought to a store's files."""
    copy = WorkingCopy(tmp_path / "site")
    copy.update({A: "a: 1\n", B: "b: 1\n"})
    return copy


def write(copy: WorkingCopy, path: str, text: str) -> None:
    """Change a file as an editor does."""
    (copy.folder / path).write_text(text, encoding="utf-8")


def test_a_pull_into_nothing_writes_everything(copy: WorkingCopy) -> None:
    assert copy.files() == {A: "a: 1\n", B: "b: 1\n"}
    assert set(copy.base({})) == {A, B}
    assert copy.update({A: "a: 1\n", B: "b: 1\n"}).written == ()


def test_what_the_store_changed_added_and_removed_arrives(copy: WorkingCopy) -> None:
    update = copy.update({A: "a: 2\n", C: "c: 1\n"})
    assert (update.written, update.removed) == ((A, C), (B,))
    assert copy.files() == {A: "a: 2\n", C: "c: 1\n"}


def test_what_was_changed_here_only_stays(copy: WorkingCopy) -> None:
    write(copy, A, "a: mine\n")
    (copy.folder / B).unlink()
    update = copy.update({A: "a: 1\n", B: "b: 1\n", C: "c: 1\n"})
    assert (update.written, update.kept) == ((C,), (B, A))
    assert copy.files() == {A: "a: mine\n", C: "c: 1\n"}


def test_changed_on_both_sides_is_refused_by_name_and_nothing_is_written(copy: WorkingCopy) -> None:
    write(copy, A, "a: mine\n")
    (copy.folder / B).unlink()
    with pytest.raises(Conflict) as caught:
        copy.update({A: "a: theirs\n", B: "b: theirs\n", C: "c: 1\n"})
    assert caught.value.value == [B, A]
    assert copy.files() == {A: "a: mine\n"}


def test_the_same_change_on_both_sides_is_no_conflict(copy: WorkingCopy) -> None:
    write(copy, A, "a: 2\n")
    assert copy.update({A: "a: 2\n", B: "b: 1\n"}).written == ()


def test_a_folder_without_record_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / A).write_text("a: mine\n", encoding="utf-8")
    with pytest.raises(Conflict, match=A):
        WorkingCopy(tmp_path).update({A: "a: 1\n"})
    assert (tmp_path / A).read_text(encoding="utf-8") == "a: mine\n"


def test_versions_can_lie_beside_each_other(copy: WorkingCopy) -> None:
    write(copy, A, "a: mine\n")
    update = copy.update({A: "a: theirs\n", B: "b: 1\n"}, beside=True)
    assert update.beside == (A,)
    assert (copy.folder / f"{A}.theirs").read_text(encoding="utf-8") == "a: theirs\n"
    # From now on the file counts as merged: it stays, whatever is done with it.
    assert copy.update({A: "a: theirs\n", B: "b: 1\n"}).kept == (A,)


@pytest.mark.parametrize(
    "path",
    ["../goals.yaml", "/etc/goals.yaml", "blocks/../../x.yaml", "blocks\\x.yaml", "other/x.yaml",
     "blocks//x.yaml", "blocks/x\0.yaml", ".persx/base.json", "blocks/.yaml/../x.yaml"],
)  # fmt: skip
def test_hostile_paths_are_never_written(path: str, copy: WorkingCopy) -> None:
    assert not is_workspace_file(path)
    before = sorted(copy.folder.parent.rglob("*"))
    copy.update({A: "a: 1\n", B: "b: 1\n", path: "x: 1\n"})
    assert sorted(copy.folder.parent.rglob("*")) == before


def test_what_is_no_file_is_not_waited_for(copy: WorkingCopy) -> None:
    os.mkfifo(copy.folder / "blocks" / "pipe.yaml")
    with pytest.raises(BadInput, match=r"blocks/pipe\.yaml"):
        copy.files()


def test_links_lead_nowhere(copy: WorkingCopy, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.yaml").write_text("s: 1\n", encoding="utf-8")
    (copy.folder / "pages").symlink_to(outside)
    with pytest.raises(BadInput, match="leads out"):
        copy.update({A: "a: 1\n", B: "b: 1\n", C: "c: 1\n"})
    assert sorted(path.name for path in outside.iterdir()) == ["secret.yaml"]
    (copy.folder / "blocks" / "link.yaml").symlink_to(outside / "secret.yaml")
    with pytest.raises(BadInput, match=r"blocks/link\.yaml"):
        read_folder(copy.folder)


def test_a_broken_record_is_named(copy: WorkingCopy) -> None:
    (copy.folder / BASE_FILE).write_text("[]", encoding="utf-8")
    with pytest.raises(BadInput, match=r"base\.json"):
        copy.files() and copy.base({})


def test_only_what_is_read_is_in_a_working_copy(copy: WorkingCopy) -> None:
    for path in ("README.md", "notes.yaml", ".git/config", "node_modules/x/y.yaml"):
        target = copy.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("x", encoding="utf-8")
    assert set(copy.files()) == {A, B}
    _, faults = check(read_folder(copy.folder))
    warned = [fault.file for fault in faults if fault.severity == "warning"]
    assert warned == ["node_modules/", "notes.yaml"]


def test_bytes_that_are_not_text_are_named(copy: WorkingCopy) -> None:
    (copy.folder / A).write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match=A):
        copy.files()


def test_line_ends_are_kept_as_they_are(copy: WorkingCopy) -> None:
    copy.update({A: "a: 1\r\nb: 2\r\n", B: "b: 1\n"})
    assert (copy.folder / A).read_bytes() == b"a: 1\r\nb: 2\r\n"
    assert copy.files()[A] == "a: 1\r\nb: 2\r\n"


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="persx new"):
        read_folder(tmp_path / "none")


def test_a_new_workspace_is_valid_without_a_warning(tmp_path: Path) -> None:
    paths = create(tmp_path / "site", ci=True)
    assert set(paths) == {*scaffold(), ".github/workflows/persx.yml"}
    workspace, faults = check(read_folder(tmp_path / "site"))
    assert faults == []
    assert workspace is not None
    assert len(workspace.industries) == 2
    assert [workspace.blocks[name].type for name in workspace.pages["home"].blocks] == [
        "hero",
        "cta",
    ]
    assert workflow() in {path.read_text() for path in tmp_path.rglob("persx.yml")}


def test_a_new_workspace_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(Conflict, match="not empty"):
        create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
