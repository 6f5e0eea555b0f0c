"""`persx predict` beside a running server: trained there, taken up, told in figures, stopped."""

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

from persx.app.exporting import segment_form
from persx.app.simulating import events_of
from tests.conftest import SERVER_KEY, Server
from tests.prediction.conftest import NOW, crowd, files

pytestmark = pytest.mark.server

HEADERS = {"Authorization": f"Bearer {SERVER_KEY}"}


def persx(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "persx", *arguments], capture_output=True, text=True, timeout=120
    )


def publish(tmp_path: Path, home: Path) -> None:
    site = tmp_path / "site"
    for path, text in files().items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    for command in (("push", str(site)), ("publish",)):
        done = persx(*command, "--home", str(home))
        assert done.returncode == 0, done.stderr


def send(server: Server, **more: Any) -> None:
    """Let a crowd visit, over HTTP."""
    events = [segment_form(event) for event in events_of(crowd(**more))]
    for start in range(0, len(events), 500):
        answer = httpx.post(
            f"{server.url}/v1/import",
            json={"batch": events[start : start + 500]},
            headers=HEADERS,
            timeout=60,
        )
        assert answer.status_code == 200, answer.text


def decided(server: Server) -> dict[str, Any]:
    answer = httpx.post(
        f"{server.url}/v1/decide", json={"anonymousId": "reader", "page": "home"}, headers=HEADERS
    )
    found: dict[str, Any] = answer.json()
    return found


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_train_use_stop_and_start_again(tmp_path: Path, serve: Callable[..., Server]) -> None:
    server = serve()
    home = str(server.home)
    publish(tmp_path, server.home)
    until(lambda: decided(server).get("snapshot") == 1)
    early = persx("predict", "train", "--home", home)
    assert early.returncode == 3
    assert early.stderr.strip().count("\n") == 0, "one line"
    assert "0 visitors declared 'industry'" in early.stderr
    send(server)
    for path in ("/solutions/saas", "/cases/saas"):
        page = {"anonymousId": "reader", "type": "page", "properties": {"path": path}}
        httpx.post(f"{server.url}/v1/page", json=page, headers=HEADERS)
    assert "guesses" not in decided(server)["visitor"]
    trained = persx("predict", "train", "--home", home)
    assert trained.returncode == 0, trained.stderr
    assert "SIMULATED: " in trained.stdout
    assert "Model 1 of 'likely_industry' is used (simulated visitors): log loss" in trained.stdout
    found = decided(server)
    assert found["decisions"]["hero"]["content"]["headline"] == "For SaaS"
    assert found["visitor"]["guesses"]["likely_industry"]["artifact"] == 1
    shown = json.loads(persx("predict", "show", "--json", "--home", home).stdout)
    (attribute,) = shown["attributes"]
    (model,) = attribute["models"]
    assert (attribute["active"], model["active"], model["snapshot"]) == (1, True, 1)
    assert model["training"]["figures"]["ece"] <= 0.05
    catalogue = persx("catalogue", "--home", home).stdout
    assert "predicted (guesses industry from 0.8 on)" in " ".join(catalogue.split())
    rule = 'likely_industry == "SaaS"'
    why = persx("explain", rule, "--anonymous-id", "reader", "--home", home)
    assert "likely_industry is a guess at industry" in why.stdout
    # What is active outlives the server, however it ended.
    server.kill()
    server = serve(home=server.home)
    assert decided(server)["decisions"]["hero"]["content"]["headline"] == "For SaaS"
    off = persx("predict", "off", "--home", home)
    assert off.stdout.startswith("likely_industry  guesses industry from 0.8 on")
    assert ": off" in off.stdout
    assert decided(server)["decisions"]["hero"]["content"]["headline"] == "For everybody"
    again = persx("predict", "activate", "1", "--home", home)
    assert "model 1 is used" in again.stdout
    assert persx("predict", "activate", "7", "--home", home).returncode == 4
    assert persx("predict", "train", "industry", "--home", home).returncode == 4


def test_what_is_not_better_than_the_base_rate_stays_off(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    from tests.prediction.conftest import DULL

    server = serve()
    publish(tmp_path, server.home)
    until(lambda: decided(server).get("snapshot") == 1)
    send(server, visitors=1_500, **DULL)
    trained = persx("predict", "train", "--json", "--home", str(server.home))
    assert trained.returncode == 3
    assert "is not surely below the base rate's" in trained.stderr
    assert trained.stderr.strip().count("\n") == 0
    assert json.loads(trained.stdout)["activated"] is False
    assert json.loads(trained.stdout)["model"]["training"]["test_to"] < NOW
    refused = persx("predict", "activate", "1", "--home", str(server.home))
    assert refused.returncode == 3
    assert "did not pass its test" in refused.stderr
