"""The project's scripts: the reference, the proofs, and the order of the tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from persx.audience.functions import FUNCTIONS
from persx.content.blocks import BLOCK_TYPES
from persx.experiments.learning import LEARNERS
from persx.experiments.metrics import METRICS
from persx.model.attribute import Purpose, Source
from persx.model.decision import Reason
from persx.model.event import EventType
from persx.visitors.computed import COMPUTED
from scripts import prove
from scripts.completeness import ROOT
from scripts.reference import documents, pages, structs


class Arrow(msgspec.Struct, kw_only=True, rename="camel"):
    """Flies | far.

    Attributes:
        far_off: How far,
            in metres.
        kind: Of ``wood`` | iron.
    """

    far_off: float
    kind: Literal["wood", "iron"] = "wood"
    name: str = ""
    parts: tuple[str, ...] = ()
    tip: dict[str, int] | None = None


def test_a_struct_tells_its_fields() -> None:
    assert structs.fields(Arrow) == [
        structs.Field("farOff", "number", "", "How far, in metres."),
        structs.Field("kind", "wood or iron", "`wood`", "Of `wood` | iron."),
        structs.Field("name", "text", "empty", structs.COMMON["name"]),
        structs.Field("parts", "list of text", "empty", ""),
        structs.Field("tip", "map of whole number or nothing", "none", ""),
    ]
    assert structs.summary(Arrow) == "Flies | far."


def test_a_table_survives_what_stands_in_its_cells() -> None:
    table = structs.table(Arrow)
    assert "Of `wood` \\| iron." in table
    assert {line.replace("\\|", "").count("|") for line in table.splitlines()} == {5}


def test_the_committed_reference_is_not_stale() -> None:
    assert pages.stale() == [], "run `make reference`"


def test_nothing_is_missing_from_the_reference() -> None:
    assert pages.missing() == []


def test_every_registered_thing_is_in_the_reference() -> None:
    texts = pages.written()
    for file, names in (
        ("rules.md", FUNCTIONS.names),
        ("computed-attributes.md", COMPUTED.names),
        ("block-types.md", BLOCK_TYPES.names),
        ("metrics.md", METRICS.names),
        ("learners.md", LEARNERS.names),
    ):
        assert len(names) >= 2
        for name in names:
            assert f"`{name}" in texts[file], f"{name} in {file}"
    for members, terms in (
        (Reason, documents.REASONS),
        (Purpose, documents.PURPOSES),
        (Source, documents.SOURCES),
        (EventType, documents.EVENT_TYPES),
    ):
        assert set(terms) == set(members)


def test_a_stale_page_is_found_and_written(tmp_path: Path) -> None:
    assert set(pages.write(tmp_path)) == set(pages.written())
    assert pages.stale(tmp_path) == []
    (tmp_path / "rules.md").write_text("old")
    (tmp_path / "gone.md").write_text("a page that is no more")
    assert pages.stale(tmp_path) == ["gone.md", "rules.md"]
    pages.write(tmp_path)
    assert pages.stale(tmp_path) == []


@pytest.fixture
def proofs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with three proofs: one that holds, one that does not, one that cannot run."""
    folder = tmp_path / "proofs"
    folder.mkdir()
    (folder / "holds.py").write_text(
        '"""One and one is two.\n\nNo matter when.\n"""\n\ndef main():\n    print("2 = 2")\n'
    )
    (folder / "fails.py").write_text('"""Pigs fly."""\n\ndef main():\n    assert not "wings"\n')
    (folder / "skips.py").write_text('"""Data say so."""\n\ndef main():\n    return 77\n')
    (folder / "no_proof.py").write_text('"""Serves the others."""\n')
    monkeypatch.setattr(prove, "ROOT", tmp_path)
    monkeypatch.setattr(prove, "PROOFS", folder)
    monkeypatch.setattr(prove, "PAGES", tmp_path / "docs" / "proofs")
    return tmp_path


def test_a_proof_that_holds_gets_a_page(proofs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prove.main(["holds"]) == 0
    text = (proofs / "docs" / "proofs" / "holds.md").read_text()
    assert text.startswith("# One and one is two\n\nNo matter when.\n\nRepeat it with")
    assert text.endswith("The last run printed:\n\n2 = 2\n")
    assert "proved   holds" in capsys.readouterr().out


def test_a_proof_that_fails_fails_all_and_keeps_no_page(
    proofs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prove.main([]) == 1
    told = capsys.readouterr().out
    assert "FAILED   fails" in told
    assert "skipped  skips" in told
    assert "proved   holds" in told
    assert sorted(path.name for path in (proofs / "docs" / "proofs").iterdir()) == [
        "README.md",
        "holds.md",
    ]
    assert "no_proof" not in told


@pytest.mark.usefixtures("proofs")
def test_an_unknown_proof_is_refused() -> None:
    with pytest.raises(SystemExit):
        prove.main(["nothing"])


def test_fast_tests_run_first(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  browser\n  server\n  slow\n")
    (tmp_path / "test_order.py").write_text(
        "import pytest\n"
        "@pytest.mark.browser\n"
        "def test_browser(): pass\n"
        "@pytest.mark.server\n"
        "@pytest.mark.slow\n"
        "def test_server(): pass\n"
        "@pytest.mark.slow\n"
        "def test_slow(): pass\n"
        "def test_plain(): pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "scripts.fast_first", "-v", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    order = [
        line.partition("::test_")[2].split()[0]
        for line in done.stdout.splitlines()
        if "::test_" in line
    ]
    assert order == ["plain", "slow", "server", "browser"]
