"""`persx health` without a server: what it prints, its exit status, and silences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from persx.cli import main
from persx.cli.commands.health import CONFIRMED_STATUS
from persx.demo import demo_folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    run(folder, "publish", str(demo_folder("persx_ai")))
    return folder


def run(home: Path, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [*arguments, "--home", str(home)])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def status(home: Path, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(home, "health", "--json", code=code).stdout)
    return found


def test_a_fresh_home_is_not_well_but_unknown(home: Path) -> None:
    found = status(home)
    states = {each["name"]: each["finding"]["state"] for each in found["objectives"]}
    assert states["content-works"] == "unknown"
    assert states["fresh-variants"] == "ok"
    assert found["snapshot"] == 1
    text = run(home, "health", "--indicators", "--scorecard").output
    assert "UNKNOWN" in text
    assert " 6. unknown  Automated tests prevent regressions" in text
    for name in ("session-coverage", "visitor-rate", "cell-coverage"):
        assert name in text


def test_what_is_confirmed_is_in_the_exit_status(home: Path, tmp_path: Path) -> None:
    """A cell that wants content of its own and has none is counted, not estimated."""
    copy = tmp_path / "copy"
    run(home, "pull", str(copy))
    (copy / "objectives.yaml").write_text(
        "all-of-it: {measure: untouched-variants, at_most: 0.1}\n"
        "whole: {measure: cell-coverage, at_least: 1.0, description: Every cell.}\n"
    )
    run(home, "push", str(copy))
    run(home, "publish")
    assert status(home)["snapshot"] == 2
    settings = copy / "settings.yaml"
    settings.write_text(settings.read_text().replace("coverage: full", "coverage: warn"))
    form = copy / "blocks" / "contact" / "contact-form.yaml"
    form.write_text(
        form.read_text().replace(
            'industry == "Healthcare"', 'industry == "Healthcare" and device == "tablet"'
        )
    )
    run(home, "push", str(copy))
    run(home, "publish")
    found = status(home, code=CONFIRMED_STATUS)
    (wrong,) = [each for each in found["objectives"] if each["finding"]["state"] == "confirmed"]
    assert (wrong["name"], wrong["subjects"][0]["subject"]) == ("whole", "Healthcare")
    text = run(home, "health", code=CONFIRMED_STATUS).output
    assert "whole: Healthcare: 96.7%. Counted, not estimated." in text


def test_a_silence_is_kept_told_ended_and_audited(home: Path) -> None:
    asked = ("health", "silence", "latency", "--for", "2d", "--why", "moving house")
    made = json.loads(run(home, *asked, "--json").stdout)
    assert made["who"].startswith("cli:")
    text = run(home, "health").output
    assert "moving house" in text
    assert made["id"] in text
    run(home, "health", "unsilence", made["id"])
    assert status(home)["silences"] == []
    audit = run(home, "audit").output
    assert "health.silence latency" in audit
    assert "health.unsilence latency" in audit


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("silence", "latencey", "--for", "1d", "--why", "x"), "Did you mean 'latency'?"),
        (("silence", "latency", "--for", "soon", "--why", "x"), "is not a length of time"),
        (("silence", "latency", "--for", "99d", "--why", "x"), "at most 90 days"),
        (("silence", "latency", "--for", "1d", "--why", ""), "needs a reason"),
        (("unsilence", "nothing"), "There is no silence 'nothing'"),
    ],
)
def test_what_makes_no_sense_is_one_clear_line(
    home: Path, arguments: tuple[str, ...], words: str
) -> None:
    result = CliRunner().invoke(main, ["health", *arguments, "--home", str(home)])
    assert result.exit_code not in (0, CONFIRMED_STATUS)
    assert words in result.output
