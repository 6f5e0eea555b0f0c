"""`persx learn` and `persx replay` beside a running server, from visits over HTTP to the report."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import SERVER_KEY, Server
from tests.learning.conftest import HERO, files

pytestmark = pytest.mark.server

HEADERS = {"Authorization": f"Bearer {SERVER_KEY}"}


def persx(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "persx", *arguments, "--home", str(home)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def write(folder: Path, site: dict[str, str]) -> None:
    for path, text in site.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def hero(server: Server, who: str) -> dict[str, Any]:
    answer = httpx.post(
        f"{server.url}/v1/decide", json={"anonymousId": who, "page": "home"}, headers=HEADERS
    )
    found: dict[str, Any] = answer.json()["decisions"]["hero"]
    return found


def track(server: Server, who: str, event: str, **properties: Any) -> None:
    answer = httpx.post(
        f"{server.url}/v1/track",
        json={"anonymousId": who, "event": event, "properties": properties},
        headers=HEADERS,
    )
    assert answer.status_code == 200, answer.text


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_from_visits_to_a_publication_to_a_draft(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    server = serve()
    home = server.home
    # Windows are over as soon as they can be.
    site = files(HERO.replace("window: 1d", "window: 1s"))
    write(tmp_path / "site", site)
    for command in (("push", str(tmp_path / "site")), ("publish",), ("learn", "train")):
        done = persx(*command, home=home)
        assert done.returncode == 0, done.stderr
    assert "draws by number 1" in done.stdout
    until(lambda: hero(server, "somebody")["reason"] in ("learned", "targeted"))
    drawn = 0
    for number in range(120):
        who = f"v{number}"
        found = hero(server, who)
        arm = found["arms"]["learn:hero"]
        drawn += arm == "learned"
        track(
            server, who, "Experiment Viewed", experiment_id="learn:hero", variation_id=arm,
            decision_id=found["id"],
        )  # fmt: skip
        if number % 3 == 0 or found["variant"] == "long":
            track(server, who, "Signed Up")

    def learned() -> dict[str, Any]:
        done = persx("learn", "train", "hero", "--json", home=home)
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    told: dict[str, Any] = {}

    def over() -> bool:
        told.update(learned())
        return not told["learned_from"]["waiting"]

    until(over)
    assert told["learned_from"]["visitors"] == drawn
    assert told["learned_from"]["held_out"] == 120 - drawn
    assert told["probabilities"]["overall"]["shares"]["long"] > 0.8
    readout = json.loads(persx("report", "learn:hero", "--json", home=home).stdout)
    assert readout["arms"]["learned"]["n"] == drawn

    draft = tmp_path / "bolder.yaml"
    draft.write_text("block: hero\nshares: {long: 1}\n")
    done = persx("replay", "--policy", str(draft), "--json", home=home)
    assert done.returncode == 0, done.stderr
    (block,) = json.loads(done.stdout)["blocks"]
    assert block["evaluation"]["estimates"]["snipw"]["value"] > block["evaluation"]["logged"]
    shown = persx("replay", "--policy", str(tmp_path / "site"), home=home)
    assert shown.returncode == 0, shown.stderr
    assert "visitors in the log" in shown.stdout
    shown = persx("learn", "show", home=home)
    assert "everybody else" in shown.stdout
    assert "persx report learn:hero" in shown.stdout

    off = persx("learn", "off", home=home)
    assert "the rules alone choose, stopped" in off.stdout
    until(lambda: hero(server, "v1")["reason"] == "targeted")
    assert hero(server, "v1")["variant"] == "short"
    again = persx("learn", "activate", "1", home=home)
    assert "number 1 is used" in again.stdout
    missing = persx("learn", "activate", "99", home=home)
    assert missing.returncode == 4
    assert persx("replay", "--policy", str(tmp_path / "nothing"), home=home).returncode == 2
