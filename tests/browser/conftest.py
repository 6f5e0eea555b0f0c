"""Everything in this folder drives a real browser."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from persx.demo import demo_folder
from tests.conftest import Server, running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def opt_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The demo's pages in opt-in mode, on a real server."""
    folder = tmp_path_factory.mktemp("opt-in")
    workspace, home = folder / "workspace", folder / "home"
    shutil.copytree(Path(str(demo_folder("persx_ai"))), workspace)
    with (workspace / "settings.yaml").open("a", encoding="utf-8") as settings:
        settings.write("consent: {mode: opt_in}\n")
    subprocess.run(
        [sys.executable, "-m", "persx", "publish", str(workspace), "--home", str(home)],
        check=True,
        capture_output=True,
    )
    with running(home) as server:
        yield server
