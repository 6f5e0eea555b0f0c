"""On the e-mail test of 64,000 customers the report has the known counts and interval."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from persx.cli import main
from persx.cli.commands.import_ import command as import_command
from persx.cli.commands.report import command as report_command

DATA = Path(os.environ.get("PERSX_DATA", "")) / "experiments" / "hillstrom.csv"

pytestmark = pytest.mark.skipif(
    not os.environ.get("PERSX_DATA") or not DATA.exists(),
    reason="PERSX_DATA with experiments/hillstrom.csv is not there",
)

Call = Callable[..., str]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    _call(
        import_command, "experiment", str(DATA), "--home", str(home), "--name", "hillstrom",
        "--arm", "segment", "--control", "No E-Mail", "--metrics", "conversion,visit,spend",
        "--attributes", "channel,zip_code,recency,history,newbie",
    )  # fmt: skip
    return home


def _call(command: Any, *arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False, **main.context_settings)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def report(home: Path) -> dict[str, Any]:
    found = json.loads(_call(report_command, "hillstrom", "--home", str(home), "--json"))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("arm", "n", "visits", "conversions", "spend"),
    [
        ("Mens E-Mail", 21_307, 3_894, 267, 30_311.69),
        ("Womens E-Mail", 21_387, 3_238, 189, 23_038.11),
        ("No E-Mail", 21_306, 2_262, 122, 13_908.33),
    ],
)
def test_counts(
    report: dict[str, Any], arm: str, n: int, visits: int, conversions: int, spend: float
) -> None:
    found = report["arms"][arm]
    assert found["n"] == n
    totals = {name: metric["total"] for name, metric in found["metrics"].items()}
    assert totals == {"visit": visits, "conversion": conversions, "spend": spend}


def test_lift_and_interval(report: dict[str, Any]) -> None:
    mens = report["arms"]["Mens E-Mail"]["metrics"]["conversion"]
    assert [round(mens[part] * 100, 1) for part in ("lift", "low", "high")] == [118.8, 76.9, 170.8]
    assert mens["p"] < 1e-12
    assert report["pli"][0]["lift"] == mens["lift"]
    visits = report["arms"]["Mens E-Mail"]["metrics"]["visit"]
    assert round(visits["lift"], 2) == 0.72


def test_segments_add_up(report: dict[str, Any]) -> None:
    assert list(report["segments"]) == ["channel", "zip_code", "recency", "history", "newbie"]
    for values in report["segments"].values():
        for arm, whole in report["arms"].items():
            parts = [segment["arms"][arm] for segment in values.values()]
            assert sum(part["n"] for part in parts) == whole["n"]
            for name, metric in whole["metrics"].items():
                total = sum(part["metrics"][name]["total"] for part in parts)
                assert total == pytest.approx(metric["total"])


def test_p_and_interval_agree_in_every_cell(report: dict[str, Any]) -> None:
    cells = [report["arms"]] + [
        segment["arms"] for values in report["segments"].values() for segment in values.values()
    ]
    compared = 0
    for arms in cells:
        for arm in arms.values():
            for metric in arm["metrics"].values():
                if metric["p"] is not None:
                    excludes = metric["low"] > 0 or (
                        metric["high"] is not None and metric["high"] < 0
                    )
                    assert (metric["p"] < 0.05) == excludes
                    compared += 1
    assert compared > 100


def test_table_and_page(home: Path, tmp_path: Path) -> None:
    table = _call(report_command, "hillstrom", "--home", str(home))
    assert "PLI of Mens E-Mail: +118.8%" in table
    assert "+76.9% to +170.8%" in table
    page = tmp_path / "report.html"
    _call(report_command, "hillstrom", "--home", str(home), "--html", str(page))
    text = page.read_text(encoding="utf-8")
    assert "+118.8%" in text
    assert "267 of 21,307" in text
