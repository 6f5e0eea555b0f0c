"""The catalogue beside a real server: imports while it serves, kill -9, and a backup."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import SERVER_KEY, Server
from tests.server.conftest import Cli

KEY = {"Authorization": f"Bearer {SERVER_KEY}"}


def item(server: Server, id: str) -> Any:
    return httpx.get(f"{server.url}/v1/items/{id}", headers=KEY).json()


def total(server: Server) -> int:
    answer = httpx.get(f"{server.url}/v1/items", headers=KEY, params={"limit": 1})
    return int(answer.json()["total"])


def feed(path: Path, count: int, price: int) -> Path:
    rows = "".join(f"sku-{n},Thing {n},{price}\n" for n in range(count))
    path.write_text(f"id,title,price\n{rows}")
    return path


def test_an_import_beside_a_server_counts_at_once(
    serve: Callable[..., Server], home: Path, persx: Cli, tmp_path: Path
) -> None:
    server = serve(home=home)
    file = feed(tmp_path / "feed.csv", 3_500, 5)
    told = json.loads(persx("import", "items", str(file), "--json").output)
    assert told["written"]["added"] == 3_500
    assert (total(server), item(server, "sku-3499")["price"]) == (3_500, 5.0)
    persx("items", "hide", "sku-7")
    assert item(server, "sku-7")["hidden"] is True
    told = json.loads(
        persx(
            "import", "items", str(feed(tmp_path / "less.csv", 10, 6)), "--replace", "--json"
        ).output
    )
    assert told["written"] == {"added": 0, "changed": 10, "removed": 3_490, "same": 0}
    assert total(server) == 10
    assert (item(server, "sku-7")["hidden"], item(server, "sku-7")["price"]) == (True, 6.0)


def test_what_was_answered_survives_kill_9(
    serve: Callable[..., Server], home: Path, persx: Cli, tmp_path: Path
) -> None:
    server = serve(home=home)
    body = {"items": [{"id": f"i{n}", "title": f"T{n}"} for n in range(500)]}
    httpx.post(f"{server.url}/v1/items", headers=KEY, json=body).raise_for_status()
    httpx.patch(
        f"{server.url}/v1/items/i1", headers=KEY, json={"available": False}
    ).raise_for_status()
    importing = subprocess.Popen(
        [sys.executable, "-m", "persx", "import", "items",
         str(feed(tmp_path / "feed.csv", 60_000, 5)), "--home", str(home)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while total(server) < 1_500:
        assert importing.poll() is None, "the import ended before it was interrupted"
    server.kill()
    importing.wait(60)
    again = serve(home=home)
    assert total(again) >= 1_500
    assert (total(again) - 500) % 1_000 == 0, "a piece is kept whole or not at all"
    assert item(again, "i1")["available"] is False
    finished = json.loads(persx("import", "items", str(tmp_path / "feed.csv"), "--json").output)
    assert finished["rows"] == 60_000
    assert total(again) == 60_500


def test_a_backup_has_the_catalogue(persx: Cli, tmp_path: Path) -> None:
    persx("import", "items", str(feed(tmp_path / "feed.csv", 20, 5)))
    archive, restored = tmp_path / "home.tar", tmp_path / "restored"
    persx("backup", str(archive))
    persx("items", "remove", "sku-3")
    result = subprocess.run(
        [sys.executable, "-m", "persx", "restore", str(archive), "--home", str(restored)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0
    listed = subprocess.run(
        [sys.executable, "-m", "persx", "items", "list", "--home", str(restored), "--json"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert json.loads(listed.stdout)["total"] == 20
