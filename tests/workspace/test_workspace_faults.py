"""What is wrong in a workspace is found all at once, each fault at its place, with its remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from persx.model.errors import Fault
from persx.workspace.documents import parse, read_folder
from persx.workspace.validation import check, validate

DATA = Path(__file__).parents[1] / "testdata" / "workspaces"
SHOP = read_folder(DATA / "shop")
CASES: list[dict[str, Any]] = yaml.safe_load((DATA / "faults.yaml").read_text(encoding="utf-8"))


def changed(case: dict[str, Any]) -> dict[str, str]:
    """The shop's files with a case's changes."""
    files = {**SHOP, **case.get("files", {})}
    for path, pieces in case.get("edit", {}).items():
        for old, new in zip(pieces[::2], pieces[1::2], strict=True):
            assert old in files[path]
            files[path] = files[path].replace(old, new)
    return files


def test_the_shop_is_valid_and_has_every_kind_of_document() -> None:
    workspace, faults = check(SHOP)
    assert faults == []
    assert workspace is not None
    empty = [field for field in msgspec.structs.asdict(workspace) if not getattr(workspace, field)]
    assert empty == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
def test_faults_are_exactly_these(case: dict[str, Any]) -> None:
    workspace, found = check(changed(case))
    expected = [Fault(**{"message": "", **fault}) for fault in case["faults"]]
    worded = [
        fault if wanted.message else msgspec.structs.replace(fault, message="")
        for fault, wanted in zip(found, expected, strict=False)
    ]
    assert [*worded, *found[len(expected) :]] == expected
    assert (workspace is None) == any(fault.severity == "error" for fault in expected)


def test_every_check_has_a_case() -> None:
    words = " ".join(
        f"{fault.get('message', '')} {fault['file']}" for case in CASES for fault in case["faults"]
    )
    assert len(CASES) > 60
    for file in ("settings", "attributes", "industries", "locales", "audiences", "personas",
                 "goals", "questions", "blocks/", "block_types/", "pages/",
                 "experiments/"):  # fmt: skip
        assert file in words


def test_faults_of_a_workspace_without_files_name_the_usual_files() -> None:
    workspace, _ = parse(SHOP)
    assert workspace is not None
    hero = msgspec.structs.replace(workspace.blocks["hero"], coverage_opt_out=("Banks",))
    broken = msgspec.structs.replace(workspace, blocks={**workspace.blocks, "hero": hero})
    (fault,) = validate(broken)
    assert (fault.file, fault.path, fault.value) == (
        "blocks/hero.yaml",
        "coverage_opt_out",
        "Banks",
    )


def test_a_rule_of_ten_thousand_clauses_is_one_fault() -> None:
    rule = " or ".join(["cart.value > 1"] * 10_000)
    _, faults = check({**SHOP, "audiences.yaml": f"regulars: returning\nbig-carts: {rule}\n"})
    assert [(fault.file, fault.line, fault.path) for fault in faults] == [
        ("audiences.yaml", 2, "big-carts.when")
    ]
    assert len(str(faults[0])) < 500


def test_a_file_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "goals.yaml").write_bytes(b"order:\n  event: Bestellung \xfcber 10\n")
    _, faults = check(read_folder(tmp_path))
    assert [(fault.file, fault.line, fault.message) for fault in faults] == [
        ("goals.yaml", 2, "The file is not UTF-8 text.")
    ]


def test_the_order_of_files_does_not_matter() -> None:
    case = next(case for case in CASES if case["case"].startswith("several files"))
    files = changed(case)
    assert check(files) == check(dict(reversed(files.items())))
