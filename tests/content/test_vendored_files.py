"""Files that others made are the files that we say they are."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

import persx
from persx.content.icons import ICON_NAMES, NEUTRAL, icon

PACKAGE = Path(persx.__file__).parent
FOLDERS = [PACKAGE / "web/static/vendor", PACKAGE / "content/icons"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_vendored_file_is_listed_with_its_hash(folder: Path) -> None:
    lines = (folder / "VENDORED.md").read_text("utf-8")
    listed = dict(re.findall(r"^\| ([\w.-]+) \|.*`([0-9a-f]{64})`", lines, re.MULTILINE))
    there = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.iterdir()
        if file.name != "VENDORED.md" and "LICENSE" not in file.name
    }
    assert listed == there
    assert list(folder.glob("*LICENSE*"))


def test_every_icon_draws_something() -> None:
    assert NEUTRAL in ICON_NAMES
    for name in ICON_NAMES:
        assert re.search(r"<(path|circle|rect|line|polyline|ellipse)\b", icon(name)), name
    assert icon("nothing of the kind") == icon(NEUTRAL) == icon("")
    assert icon("../LICENSE") == icon(NEUTRAL)
