"""Simulating while a server runs: it is done there, gives way, and shows at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.conftest import Server
from tests.server.conftest import Cli, counted

pytestmark = pytest.mark.server


def until(holds: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait for a condition, and return what made it true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.05)
    raise AssertionError("It did not happen.")


def entered(persx: Cli) -> int:
    return int(persx("report", "holdout").stdout.split(" · ")[1].split()[0].replace(",", ""))


def test_a_command_beside_a_server_is_seen_on_its_next_page(serve: Callable[..., Server]) -> None:
    server = serve("--demo")
    assert "Simulated data" not in httpx.get(server.url).text
    persx = Cli(server.home)
    persx("simulate", "--visitors", 100, "--days", 8)
    assert "Simulated data" in httpx.get(server.url).text
    # They came in the past: the process did not see them.
    assert counted(server.url)["accepted"] == 0
    assert entered(persx) > 20


def test_a_demo_fills_itself_while_it_serves_and_only_once(serve: Callable[..., Server]) -> None:
    server = serve("--demo", "--simulate", "120")
    persx = Cli(server.home)
    until(lambda: "simulate" in persx("audit").stdout)
    before = entered(persx)
    assert before > 20
    server.stop()
    again = serve("--demo", "--simulate", "120", home=server.home)
    assert "Simulated data" in httpx.get(again.url).text
    again.stop()
    assert entered(persx) == before


def test_a_server_that_stops_meanwhile_keeps_what_came_and_still_says_so(
    serve: Callable[..., Server],
) -> None:
    server = serve("--demo", "--simulate", "100000")
    until(lambda: "Simulated data" in httpx.get(server.url).text)
    persx = Cli(server.home)
    until(lambda: entered(persx) > 0)
    server.kill()
    assert persx("report", "holdout").stdout.startswith("Simulated data")
    again = serve(home=server.home)
    assert "Simulated data" in httpx.get(again.url).text
