"""What the tests with real servers share: a small workspace, and the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from persx.cli import main


class Cli:
    """Runs persx against one home, in this process: never the one that serves it."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *arguments: object, code: int = 0) -> Result:
        """Run a command and expect an exit code."""
        result = CliRunner().invoke(main, [*map(str, arguments), "--home", str(self.home)])
        assert result.exit_code == code, (result.output, result.exception)
        return result


class Site:
    """A workspace folder whose two blocks say which edition they are of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        assert CliRunner().invoke(main, ["new", str(folder)]).exit_code == 0
        self.edition(1)

    def edition(self, number: int) -> None:
        """Write blocks of an edition, both on the home page."""
        self.write(
            "blocks/home-hero.yaml",
            f"type: hero\ncontent: {{headline: Edition-{number}, text: Text, "
            "primary_label: Begin, primary_href: /start}\ncoverage_opt_out: ['*']\n",
        )
        self.write(
            "blocks/home-cta.yaml",
            f"type: cta\ncontent: {{headline: Edition-{number}, label: Go, href: /start}}\n"
            "coverage_opt_out: ['*']\n",
        )

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        (self.folder / path).write_text(text, encoding="utf-8")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where a home will be."""
    return tmp_path / "home"


@pytest.fixture
def persx(home: Path) -> Cli:
    """The command line on the home."""
    return Cli(home)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A small workspace."""
    return Site(tmp_path / "site")


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run persx in a process of its own, as a shell would, and return how it ended."""

    def started(*arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
        own = {f"PERSX_{name.upper()}": value for name, value in settings.items()}
        return subprocess.run(
            [sys.executable, "-m", "persx", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=30,
            env={**os.environ, **own},
        )

    return started


def counted(url: str) -> dict[str, int]:
    """Return how many events a server has counted, by what became of them."""
    text = httpx.get(f"{url}/metrics").text
    found = {}
    for line in text.splitlines():
        if line.startswith("persx_events_total{"):
            name, _, value = line.partition('"')[2].partition('"} ')
            found[name] = int(float(value))
    return found
