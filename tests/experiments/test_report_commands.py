"""`persx import experiment` and `persx report`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from persx.cli import main
from persx.cli.block_table import print_blocks
from persx.cli.commands.import_ import command as import_command
from persx.cli.commands.report import command as report_command
from persx.experiments.block_lifts import Basis, BlockLift, BlockLifts, VariantShare
from persx.experiments.readout import Pli
from persx.model.errors import BadInput, NotFound, PersxError

ROWS = "".join(
    f"{'AB'[i % 2]},{int(i % 10 < 2 or (i % 2 and i % 7 == 0))},{i % 13 / 4},[red]{i % 3}\n"
    for i in range(2_000)
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    (folder / "test.csv").write_text("group,sold,amount,city\n" + ROWS, encoding="utf-8")
    imported = bring(folder, "--weight", "A=0.5", "--weight", "B=0.5")
    assert "2,000 rows of test.csv" in imported.output
    assert "A (control), B" in imported.output
    return folder


def call(command: Any, *arguments: str) -> Result:
    result = CliRunner().invoke(command, arguments, **main.context_settings)
    if isinstance(result.exception, PersxError):
        raise result.exception
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def bring(folder: Path, *more: str) -> Result:
    return call(
        import_command, "experiment", str(folder / "test.csv"), "--home", str(folder / "home"),
        "--name", "test", "--arm", "group", "--control", "A", "--metrics", "sold, amount",
        "--attributes", "city", *more,
    )  # fmt: skip


def test_a_table_in_a_file_folds_no_name(tmp_path: Path) -> None:
    names = ["Multichannel customers", "Everybody else there is"]
    arms = ["No message at all", "A message of some length"]
    rows = "".join(f"{arms[i % 2]},{i % 3 % 2},{names[i % 5 % 2]}\n" for i in range(200))
    (tmp_path / "test.csv").write_text('group,"sold, and paid",city\n' + rows, encoding="utf-8")
    call(
        import_command, "experiment", str(tmp_path / "test.csv"), "--home", str(tmp_path / "home"),
        "--name", "test", "--arm", "group", "--control", arms[0], "--attributes", "city",
        "--metrics", '"sold, and paid"',
    )  # fmt: skip
    table = call(report_command, "test", "--home", str(tmp_path / "home")).stdout
    for name in [*names, *arms, "sold, and paid by city"]:
        assert name in table


def test_json_table_and_page_agree(place: Path, tmp_path: Path) -> None:
    home = str(place / "home")
    found = json.loads(call(report_command, "test", "--home", home, "--json").stdout)
    lift = found["arms"]["B"]["metrics"]["sold"]["lift"]
    assert found["arms"]["A"]["n"] == found["arms"]["B"]["n"] == 1_000
    assert found["srm"]["assumed"] is False
    assert set(found["segments"]["city"]) == {"[red]0", "[red]1", "[red]2"}
    shown = f"{lift * 100:+.1f}%".replace("-", "−")
    table = call(report_command, "test", "--home", home).stdout
    assert shown in table
    assert "[red]1" in table
    page = tmp_path / "page.html"
    both = call(report_command, "test", "--home", home, "--html", str(page), "--json")
    assert json.loads(both.stdout)["arms"] == found["arms"]
    assert shown in page.read_text(encoding="utf-8")


def test_confidence_moves_interval_and_p_stays(place: Path) -> None:
    wide, narrow = (
        json.loads(
            call(
                report_command, "test", "--home", str(place / "home"), "--json",
                "--confidence", level,
            ).stdout
        )["arms"]["B"]["metrics"]["sold"]
        for level in ("0.99", "0.8")
    )  # fmt: skip
    assert wide["low"] < narrow["low"] < narrow["high"] < wide["high"]
    assert wide["p"] == narrow["p"]


@pytest.mark.parametrize("weight", ["A", "A=", "=1", "A=much", ""])
def test_a_share_that_is_none(place: Path, weight: str) -> None:
    with pytest.raises(BadInput, match="not a share"):
        bring(place, "--weight", weight)


def test_mistakes_are_named(place: Path, tmp_path: Path) -> None:
    home = str(place / "home")
    with pytest.raises(NotFound, match="Did you mean 'test'"):
        call(report_command, "tset", "--home", home)
    with pytest.raises(NotFound, match="no home"):
        call(report_command, "test", "--home", str(tmp_path / "elsewhere"))
    with pytest.raises(BadInput, match="cannot be written"):
        call(report_command, "test", "--home", home, "--html", str(tmp_path / "no" / "page.html"))
    with pytest.raises(BadInput, match="has no column"):
        bring(place, "--unit", "user")


def test_one_look_or_every_day_is_told(place: Path) -> None:
    home = str(place / "home")
    for more in ([], ["--fixed"]):
        found = json.loads(call(report_command, "test", "--home", home, "--json", *more).stdout)
        assert found["method"] == "fixed"  # an imported experiment is looked at once


@pytest.mark.parametrize("arguments", [[], ["test", "--blocks"], ["--blocks", "--html", "x.html"]])
def test_a_report_is_of_one_experiment_or_of_all_blocks(place: Path, arguments: list[str]) -> None:
    with pytest.raises(BadInput, match="one experiment, or of all"):
        call(report_command, *arguments, "--home", str(place / "home"))


def test_blocks_need_a_publication(place: Path) -> None:
    with pytest.raises(NotFound, match="no blocks yet"):
        call(report_command, "--blocks", "--home", str(place / "home"))


def test_the_table_of_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    pli = Pli(
        arm="targeted", metric="m", lift=0.2, low=0.1, high=0.3, p=0.01,
        total=60, n=1_000, control_total=50, control_n=1_000,
    )  # fmt: skip
    few = msgspec.structs.replace(pli, lift=None, low=None, high=None, withheld=["Too few [yet]."])
    shares = [VariantShare(variant="[b]x", visitors=200, reached=20)]
    print_blocks(
        Console(width=120),
        BlockLifts(
            blocks=[
                BlockLift(block="hero", basis=Basis.HOLDOUT, experiment="holdout:hero", pli=[pli]),
                BlockLift(block="side", basis=Basis.EXPERIMENT, experiment="e", pli=[few]),
                BlockLift(block="foot", basis=Basis.DESCRIPTIVE, variants=shares),
            ],
            goal="Order",
            as_of="2026-11-22",
        ),
    )
    said = capsys.readouterr().out
    for part in ("hero: +20.0% targeted", "Too few [yet].", "[b]x", "10.00%", "they are no lift"):
        assert part in said.replace("\n", " ")


def test_all_experiments_are_listed_and_read_once(place: Path) -> None:
    home = str(place / "home")
    told = json.loads(call(report_command, "--all", "--home", home, "--json").stdout)
    (line,) = told["experiments"]
    assert (line["name"], line["status"], line["visitors"]) == ("test", "imported", 2_000)
    alone = json.loads(call(report_command, "test", "--home", home, "--json").stdout)
    assert line["pli"] == alone["pli"]
    again = json.loads(call(report_command, "--all", "--home", home, "--json").stdout)
    assert again == told
    fresh = json.loads(call(report_command, "--all", "--fresh", "--home", home, "--json").stdout)
    assert fresh == told
    table = call(report_command, "--all", "--home", home).stdout
    assert "2,000" in table
    assert "imported" in table


def test_what_does_not_go_together_is_refused(place: Path) -> None:
    home = ("--home", str(place / "home"))
    for arguments in (("test", "--all"), ("--all", "--blocks"), ("--all", "--html", "x.html")):
        with pytest.raises(BadInput, match="A report is of one experiment"):
            call(report_command, *arguments, *home)
    with pytest.raises(BadInput, match="--fresh goes with --all"):
        call(report_command, "test", "--fresh", *home)


def test_a_home_without_experiments_says_so(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    shown = call(report_command, "--all", "--home", str(tmp_path / "home")).stdout
    assert "There are no experiments yet" in shown
