"""The exported script finds the readout's figures again, without any of our code."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from persx.app.readout_export import ReadoutExportRequest, export_readout
from persx.app.readout_folder import UnitsFile
from persx.app.services import Services
from persx.cli.commands.import_ import command as import_command
from persx.cli.commands.report import command as report_command
from persx.model.clock import DAY
from persx.model.errors import BadInput, NotFound

from .test_live_report import NOW, WORKSPACE, Log, see
from .test_report_commands import call

DATA = Path(os.environ.get("PERSX_DATA", "")) / "experiments" / "hillstrom.csv"

Run = Callable[[Any], Any]


def reproduce(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script as whoever gets the folder does: isolated, so that persx is not there."""
    return subprocess.run(
        [sys.executable, "-I", "-c",
         "import sys, runpy; sys.modules['persx'] = None; sys.modules['scipy'] = None; "
         "sys.path.insert(0, sys.argv[1].removesuffix('reproduce.py')); "
         "runpy.run_path(sys.argv[1], run_name='__main__')", str(folder / "reproduce.py")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def export(services: Services, run: Run, name: str, folder: Path) -> dict[str, Any]:
    run(export_readout(services, ReadoutExportRequest(name=name, folder=str(folder))))
    return dict(json.loads((folder / "experiment.json").read_text(encoding="utf-8")))


@pytest.fixture
def log(services: Services, run: Run) -> Log:
    return Log(services, run)


def fill(log: Log) -> None:
    """Two experiments: the holdout with segments, and one with two epochs and revenue."""
    draw = random.Random(7)
    names = ["SaaS", "Health, care", 'say "hi"', "a\nb", "\u2028"]
    for who in range(600):
        name, start = f"a:visitor-{who}", NOW - 20 * DAY + who * 1_000_000
        arm = draw.choice(["generic", "targeted"])
        segments = {"industry": draw.choice(names)} if who % 7 else {}
        see(log, name, arm, start, segments=segments, snapshot=1)
        epoch, share = (1, 0.3) if who < 250 else (2, 0.6)
        long = draw.random() < share
        log(
            "Experiment Viewed", name, start, experiment_id="hero",
            variation_id="long" if long else "short", epoch=epoch,
        )  # fmt: skip
        if draw.random() < (0.4 if arm == "targeted" else 0.25):
            log("Form Submitted", name, start + 5_000, form="contact")
        for _ in range(draw.randrange(3)):
            log("Order Completed", name, start + 9_000, revenue=draw.random() * 100)


def test_a_live_experiment_is_found_again(
    services: Services, run: Run, log: Log, tmp_path: Path
) -> None:
    fill(log)
    for name in ("holdout", "hero"):
        manifest = export(services, run, name, tmp_path / name)
        done = reproduce(tmp_path / name)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "largest difference" in done.stdout
        assert manifest["seed"] == name
        assert (manifest["snapshot"], manifest["units"]) == (1, 600)
        assert manifest["position"] > 1_000
    assert WORKSPACE.experiments["hero"].epoch == manifest["epoch"] == 2


def test_nothing_that_was_exported_names_anybody(
    services: Services, run: Run, log: Log, tmp_path: Path
) -> None:
    fill(log)
    export(services, run, "holdout", tmp_path / "a")
    export(services, run, "holdout", tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert "visitor-" not in path.read_text(encoding="utf-8")
    one, two = (
        list(csv.reader(io.StringIO((tmp_path / each / "units.csv").read_bytes().decode())))
        for each in "ab"
    )
    assert one[0] == ["unit", "epoch", "arm", "entered_day", "segment:industry",
                      "metric:signup", "metric:purchase", "metric:purchase.revenue"]  # fmt: skip
    assert sorted(row[1:] for row in one) == sorted(row[1:] for row in two)
    assert one != two, "numbers are drawn anew, so that two exports cannot be joined by them"


def test_a_readout_that_lies_is_found_out(
    services: Services, run: Run, log: Log, tmp_path: Path
) -> None:
    fill(log)
    export(services, run, "holdout", tmp_path / "x")
    path = tmp_path / "x" / "readout.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    told["arms"]["targeted"]["metrics"]["signup"]["low"] += 1e-6
    path.write_text(json.dumps(told), encoding="utf-8")
    assert reproduce(tmp_path / "x").returncode == 1
    units = tmp_path / "x" / "units.csv"
    units.write_bytes(units.read_bytes() + b"601,1,targeted,2023-01-01,SaaS,1,0,0.0\n")
    assert "SHA-256" in reproduce(tmp_path / "x").stderr


@pytest.mark.usefixtures("log")
def test_what_cannot_be_exported_is_refused(services: Services, run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me", encoding="utf-8")
    with pytest.raises(BadInput, match="something else"):
        export(services, run, "holdout", tmp_path)
    with pytest.raises(NotFound):
        export(services, run, "holdoot", tmp_path / "new")
    assert not (tmp_path / "new").exists()
    # Nobody came: the files say so, and there is nothing to differ in.
    assert export(services, run, "holdout", tmp_path / "new")["units"] == 0
    assert reproduce(tmp_path / "new").returncode == 0


def test_nothing_is_left_of_what_was_not_finished(
    services: Services, run: Run, log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    see(log, "a:1", "targeted", NOW - DAY)
    real = UnitsFile.add

    def full(self: UnitsFile, rows: Sequence[Sequence[Any]]) -> None:
        real(self, rows)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(UnitsFile, "add", full)
        with pytest.raises(BadInput, match="No space left"):
            export(services, run, "holdout", tmp_path / "x")
    assert list((tmp_path / "x").iterdir()) == []
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BadInput, match="cannot be written"):
        export(services, run, "holdout", tmp_path / "file" / "x")
    export(services, run, "holdout", tmp_path / "x")
    assert reproduce(tmp_path / "x").returncode == 0


def test_more_visitors_than_a_portion_are_all_there(tmp_path: Path) -> None:
    lines = "".join(f"{'AB'[who % 2]},{int(who % 7 < 2)}\n" for who in range(25_001))
    (tmp_path / "test.csv").write_text("arm,sold\n" + lines, encoding="utf-8")
    call(
        import_command, "experiment", str(tmp_path / "test.csv"), "--home", str(tmp_path / "home"),
        "--name", "test", "--arm", "arm", "--control", "A", "--metrics", "sold",
    )  # fmt: skip
    call(report_command, "test", "--home", str(tmp_path / "home"), "--export", str(tmp_path / "x"))
    units = (tmp_path / "x" / "units.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert {int(line.split(",")[0]) for line in units} == set(range(1, 25_002))
    assert reproduce(tmp_path / "x").returncode == 0


def test_a_file_with_several_rows_a_unit_is_found_again(tmp_path: Path) -> None:
    draw = random.Random(3)
    rows = "".join(
        f"{who},{'AB'[who % 2]},{int(draw.random() < 0.2)},{draw.random():.4f},{who % 90 / 7}\n"
        for who in range(900)
        for _ in range(1 + who % 3)
    )
    (tmp_path / "test.csv").write_text("who,group,sold,amount,age\n" + rows, encoding="utf-8")
    call(
        import_command, "experiment", str(tmp_path / "test.csv"), "--home", str(tmp_path / "home"),
        "--name", "test", "--arm", "group", "--control", "A", "--metrics", "amount,sold",
        "--attributes", "age", "--unit", "who",
    )  # fmt: skip
    call(report_command, "test", "--home", str(tmp_path / "home"), "--export", str(tmp_path / "x"))
    done = reproduce(tmp_path / "x")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(
    not DATA.is_file(), reason="PERSX_DATA with experiments/hillstrom.csv is not there"
)
def test_the_email_test_is_found_again(tmp_path: Path) -> None:
    call(
        import_command, "experiment", str(DATA), "--home", str(tmp_path / "home"),
        "--name", "hillstrom", "--arm", "segment", "--control", "No E-Mail",
        "--metrics", "conversion,visit,spend", "--attributes", "channel,recency,history",
    )  # fmt: skip
    call(
        report_command, "hillstrom", "--home", str(tmp_path / "home"),
        "--export", str(tmp_path / "x"),
    )  # fmt: skip
    done = reproduce(tmp_path / "x")
    assert done.returncode == 0, done.stdout + done.stderr
