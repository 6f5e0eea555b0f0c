"""Erase, back up, restore and retention: by command beside a real server, and over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from persx.model.clock import iso, system_clock
from tests.conftest import SERVER_KEY, WRITE_KEY, Server
from tests.server.conftest import Cli, Site, counted

WRITE = {"Authorization": f"Bearer {WRITE_KEY}"}
TRUSTED = {"Authorization": f"Bearer {SERVER_KEY}"}
NEEDLES = (b"phone-of-jane", b"jane@example.com", b"about the blue heron")


@pytest.fixture
def server(serve: Callable[..., Server], home: Path, persx: Cli, site: Site) -> Server:
    """A server that seals often, with somebody to forget and somebody to keep."""
    persx("publish", site.folder)
    server = serve(home=home, seal_rows="40", seal_seconds="0.1")
    for number in range(200):
        whose = "phone-of-jane" if number % 20 == 0 else f"phone-{number}"
        send(server, f"m{number}", anonymousId=whose, properties={"n": number})
    send(
        server,
        "form",
        anonymousId="phone-of-jane",
        event="Form Submitted",
        properties={"message": "about the blue heron"},
    )
    send(server, "link", key=TRUSTED, anonymousId="phone-of-jane", userId="jane@example.com")
    httpx.post(f"{server.url}/v1/batch", content=b'{"userId": "jane@example.com"', headers=WRITE)
    httpx.post(
        f"{server.url}/v1/decide",
        json={"anonymousId": "phone-of-jane", "page": "home"},
        headers=WRITE,
    ).raise_for_status()
    return server


def send(server: Server, id: str, *, key: dict[str, str] = WRITE, **fields: object) -> None:
    """Send a track event."""
    message = {"messageId": id, "event": "Product Viewed", **fields}
    httpx.post(f"{server.url}/v1/track", json=message, headers=key).raise_for_status()


def found(home: Path) -> set[bytes]:
    """Return which of the texts stand readable in the home's database."""
    content = b"".join(path.read_bytes() for path in home.glob("persx.db*"))
    return {needle for needle in NEEDLES if needle in content}


def left(persx: Cli) -> list[dict[str, object]]:
    """Return all stored events."""
    lines = persx("export", "events", "--json").output.splitlines()
    return [json.loads(line) for line in lines]


def test_a_command_erases_beside_a_server(
    server: Server, home: Path, persx: Cli, tmp_path: Path
) -> None:
    before = left(persx)
    assert len(before) == 202
    assert found(home), "there is something to find"
    early = iso(system_clock())
    persx("backup", tmp_path / "early.tar")
    shown = persx("erase", "--user", "jane@example.com", "--yes", "--json").output
    receipt = json.loads(shown)
    assert receipt["counts"]["events_sealed"] + receipt["counts"]["events_hot"] == 12
    assert receipt["counts"]["decisions_sealed"] + receipt["counts"]["decisions_hot"] == 1
    assert receipt["counts"]["rejected"] == 1
    assert found(home) == set()
    kept = [event for event in before if event["anonymousId"] != "phone-of-jane"]
    assert left(persx) == kept
    (tmp_path / "receipt.json").write_text(shown)
    assert "Genuine" in persx("erase", "--verify", tmp_path / "receipt.json").output
    forged = shown.replace('"rejected": 1', '"rejected": 2')
    (tmp_path / "forged.json").write_text(forged)
    assert "not genuine" in persx("erase", "--verify", tmp_path / "forged.json", code=2).output

    # Late retries go nowhere; whoever comes back is new.
    send(server, "late", anonymousId="phone-of-jane", timestamp=early)
    assert counted(server.url)["erased"] == 1
    assert left(persx) == kept
    send(server, "new", anonymousId="phone-of-jane")
    assert len(left(persx)) == len(kept) + 1

    # What was backed up before does not bring anybody back.
    again = Cli(tmp_path / "again")
    told = again("restore", tmp_path / "early.tar", "--tombstones", home).output
    assert "erased again" in told
    assert left(again) == kept
    assert found(again.home) == set()
    assert "not empty" in again("restore", tmp_path / "early.tar", code=3).output


def test_the_server_key_erases_over_http(server: Server, persx: Cli) -> None:
    address = f"{server.url}/v1/visitors/{quote('u:jane@example.com', safe='')}"
    for headers in ({}, WRITE):
        refused = httpx.delete(address, headers=headers)
        assert refused.status_code == 403
        assert "scope 'erase'" in refused.json()["message"]
    assert len(left(persx)) == 202
    answer = httpx.delete(address, headers=TRUSTED)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["tombstones"]) == 3
    assert len(left(persx)) == 190
    assert httpx.delete(f"{server.url}/v1/visitors/jane", headers=TRUSTED).status_code == 400


def test_questions_that_erase_nobody(persx: Cli, site: Site) -> None:
    persx("publish", site.folder)
    assert "one of --user" in persx("erase", code=2).output
    assert "one of --user" in persx("erase", "--user", "a", "--anonymous", "b", code=2).output
    assert "Aborted" in persx("erase", "--user", "nobody", code=1).output
    assert "Nothing was kept" in persx("erase", "--user", "nobody", "--yes").output
    assert "no 'retention'" in persx("retention").output


def test_retention_is_told_and_run_by_command(persx: Cli, site: Site) -> None:
    with (site.folder / "settings.yaml").open("a") as settings:
        settings.write("\nretention:\n  events: {page: 30d, default: 400d}\n  rejected: 7d\n")
    persx("publish", site.folder)
    told = json.loads(persx("retention", "--run", "--json").output)
    assert [(rule["place"], rule["kind"], rule["keep"]) for rule in told["rules"]][:3] == [
        ("events", "page", "30d"),
        ("events", "default", "400d"),
        ("rejected", "", "7d"),
    ]
    assert told["looked"] > 0
    assert "Next at" in persx("retention").output
