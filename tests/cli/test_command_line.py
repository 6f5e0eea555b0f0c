"""The command line as a whole: help, errors, exit codes, and how fast it starts."""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from persx import __version__
from persx.cli import COMMANDS, exit_code, main
from persx.model import errors

PERSX = Path(sys.executable).with_name("persx")


def commands() -> list[tuple[tuple[str, ...], click.Command]]:
    """Every command and command of a group, with the words that call it."""
    found: list[tuple[tuple[str, ...], click.Command]] = []
    for entry in COMMANDS:
        command = importlib.import_module(f"persx.cli.commands.{entry.module}").command
        found.append(((entry.name,), command))
        if isinstance(command, click.Group):
            found += [((entry.name, name), each) for name, each in command.commands.items()]
    return found


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_command_has_help_with_an_example(entry: tuple[str, str, str]) -> None:
    result = CliRunner().invoke(main, [entry[0], "--help"])
    assert result.exit_code == 0, result.output
    assert "Example" in result.output
    assert f"persx {entry[0]}" in result.output


def test_every_command_takes_a_home() -> None:
    lacking = [
        " ".join(words)
        for words, command in commands()
        if not isinstance(command, click.Group)
        and not any("--home" in parameter.opts for parameter in command.params)
    ]
    assert lacking == []


def test_help_lists_all_commands_without_loading_them() -> None:
    script = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from persx.cli import main\n"
        "print(CliRunner().invoke(main, ['--help']).output)\n"
        "heavy = {'duckdb', 'scipy', 'numpy', 'rich', 'yaml', 'jinja2', 'starlette', 'asyncio'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    for entry in COMMANDS:
        assert f"  {entry.name} " in ran.stdout
        assert entry.summary in ran.stdout
    assert "LOADED []" in ran.stdout


def test_a_server_starts_without_what_only_figures_need() -> None:
    script = (
        "import sys, persx.web.server\n"
        "print('LOADED', sorted({'scipy', 'sklearn', 'pandas', 'pyarrow'} & set(sys.modules)))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert "LOADED []" in ran.stdout


def test_help_is_there_at_once() -> None:
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run([PERSX, "--help"], capture_output=True, check=True, timeout=60)
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 1


def test_version() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert result.output == f"persx, version {__version__}\n"


def test_a_misspelt_command_is_told_the_right_one() -> None:
    result = CliRunner().invoke(main, ["chek"])
    assert result.exit_code == 2
    assert "Did you mean 'check'?" in result.output


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.BadInput, 2),
        (errors.Conflict, 3),
        (errors.NotFound, 4),
        (errors.Forbidden, 5),
        (errors.Unavailable, 6),
        (errors.PersxError, 1),
    ],
)
def test_exit_codes_tell_kinds_of_errors(kind: type[errors.PersxError], code: int) -> None:
    assert exit_code(kind("x")) == code


def test_an_error_is_one_line_without_a_traceback(tmp_path: Path) -> None:
    ran = subprocess.run(
        [PERSX, "check", tmp_path / "none"], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 4
    assert ran.stdout == ""
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.startswith("Error: There is no folder")


@pytest.mark.parametrize(
    "words",
    ["--bogus", "chek", "rollback x", "rollback --hom x", "push a b", "import experiment",
     "export evnts", "serve --demo shoop", "new", "check a --home b", "report x --confidence 1/2"],
)  # fmt: skip
def test_a_wrong_call_is_one_line_that_names_the_help(words: str) -> None:
    result = CliRunner().invoke(main, words.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: ")
    assert result.stderr.endswith(" --help\n")
    assert result.stderr.count("\n") == 1


def test_what_the_system_refuses_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    result = CliRunner().invoke(main, ["new", str(tmp_path / "file" / "site")])
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert "Not a directory" in result.output
