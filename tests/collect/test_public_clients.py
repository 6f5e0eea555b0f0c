"""The public client libraries, unchanged, against a real server."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from persx.model.event import EventType
from persx.model.visitor import EdgeKind
from persx.testing import see

NODE = Path(__file__).parent / "node"
MOMENT = datetime(2026, 1, 5, 12, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def node_clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside the project with the Node clients in it."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "send.mjs"):
        shutil.copy(NODE / name, folder)
    command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        pytest.skip("npm cannot reach a registry: it took too long")
    if done.returncode:
        pytest.skip(f"npm cannot install the clients: {done.stderr[-200:]}")
    return folder


@pytest.mark.parametrize("zipped", [False, True])
def test_segment_for_python(collector: Any, zipped: bool) -> None:
    analytics = pytest.importorskip("segment.analytics")
    failures: list[Exception] = []
    client = analytics.Client(
        "secret-key",
        host=collector.url,
        gzip=zipped,
        max_retries=1,
        on_error=lambda error, _: failures.append(error),
    )
    client.identify("u-7", {"industry": "saas", "since": MOMENT}, anonymous_id="v")
    for n in range(250):
        client.track(
            "u-7", "Order Completed", {"revenue": n + 0.5, "name": "Grüße 😀"}, timestamp=MOMENT
        )
    client.page(None, "Docs", "Home", {"path": "/"}, anonymous_id="v")
    client.screen("u-7", "app", "Start")
    client.group("u-7", "acme", {"size": 12})
    client.alias("00000000-0000-4000-8000-000000000009", "u-7")
    client.track("u-7", "Bad number", {"value": float("nan")})
    client.shutdown()

    assert failures == []
    events = collector.events()
    assert Counter(event.type for event in events) == {
        EventType.TRACK: 250,
        **dict.fromkeys([EventType.IDENTIFY, EventType.PAGE, EventType.SCREEN], 1),
        **dict.fromkeys([EventType.GROUP, EventType.ALIAS], 1),
    }
    order = next(event for event in events if event.name == "Order Completed")
    # Corrected by (received − sentAt), which is the request's way here: not a minute.
    assert 0 <= order.timestamp - int(MOMENT.timestamp() * 1_000) < 60_000
    assert order.properties["name"] == "Grüße 😀"
    assert all(event.verified for event in events)
    joined = {state.identity for state in collector.states("u:u-7")}
    assert joined == {"u:u-7", "a:v", "a:00000000-0000-4000-8000-000000000009"}
    # The client writes NaN, which is no JSON: that event is kept aside, its batch is not.
    assert len(collector.rejected()) == 1
    assert "not JSON" in collector.rejected()[0]


def test_segment_for_python_tells_of_a_wrong_key(collector: Any) -> None:
    analytics = pytest.importorskip("segment.analytics")
    failures: list[Exception] = []
    client = analytics.Client(
        "wrong", host=collector.url, max_retries=1, on_error=lambda error, _: failures.append(error)
    )
    client.track("u", "Order Completed")
    client.shutdown()
    (failure,) = failures
    assert "Unauthorized" in str(failure)
    assert collector.events() == []


def test_rudder_for_python(collector: Any) -> None:
    rudder = pytest.importorskip("rudderstack.analytics.client")
    failures: list[Exception] = []
    client = rudder.Client(
        "public-key", host=collector.url, on_error=lambda error, _: failures.append(error)
    )
    client.identify("u-7", {"industry": "saas"}, anonymous_id="v")
    client.track("u-7", "Order Completed", {"revenue": 5}, anonymous_id="v")
    client.shutdown()

    assert failures == []
    assert len(collector.events()) == 2
    (state,) = collector.states("a:v")
    assert state.facts["industry"].value == "saas"
    (edge,) = collector.call(see(collector.services.store).edges())
    assert edge.kind is EdgeKind.CLAIMED


@pytest.mark.parametrize("name", ["segment", "rudder"])
@pytest.mark.parametrize("key", ["public-key", "secret-key"])
def test_node(collector: Any, node_clients: Path, name: str, key: str) -> None:
    done = subprocess.run(
        ["node", "send.mjs", name, collector.url, key],
        cwd=node_clients,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    events = collector.events()
    assert Counter(event.type for event in events) == dict.fromkeys(EventType, 1)
    assert collector.rejected() == []
    order = next(event for event in events if event.type is EventType.TRACK)
    assert order.properties == {"revenue": 9.5, "name": "Grüße 😀"}
    verified = key == "secret-key"
    assert all(event.verified is verified for event in events)
    (state,) = [it for it in collector.states("u:u-7" if verified else "a:v") if it.facts]
    assert state.facts["industry"].value == "saas"
