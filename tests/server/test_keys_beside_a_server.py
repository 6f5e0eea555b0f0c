"""`persx key` beside a running server: made, used, rotated, revoked; what stays in the files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import Server


def key(home: Path, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "persx", "key", *arguments, "--home", str(home), "--json"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return json.loads(done.stdout)


def track(server: Server, key: str) -> int:
    event = {"event": "Seen", "anonymousId": "v1"}
    return httpx.post(f"{server.url}/v1/track", json=event, auth=(key, "")).status_code


def test_commands_take_effect_at_the_next_request(
    serve: Callable[..., Server],
) -> None:
    server = serve("--demo")
    made = key(server.home, "create", "--name", "CI", "--scope", "collect,report:read")
    assert track(server, made["key"]) == 200
    found = httpx.post(
        f"{server.url}/v1/commands/snapshots", json={}, headers={"X-API-Key": made["key"]}
    )
    assert found.status_code == 200
    new = key(server.home, "rotate", "CI", "--overlap", "0s")
    assert (track(server, made["key"]), track(server, new["key"])) == (403, 200)
    assert [key(server.home, "revoke", "CI")["already"] for _ in "ab"] == [False, True]
    assert track(server, new["key"]) == 403
    server.stop()
    again = serve(home=server.home)
    assert track(again, new["key"]) == 403, "and after a restart"
    assert key(server.home, "list")["keys"][0]["state"] == "revoked"
    again.stop()
    everything = b"".join(path.read_bytes() for path in server.home.rglob("*") if path.is_file())
    for each in (made["key"], new["key"]):
        assert each.split("_", 2)[2].encode() not in everything, "no secret is in any file"


def test_a_server_key_that_was_made_is_kept_as_a_hash_once_it_was_shown(
    serve: Callable[..., Server],
) -> None:
    server = serve("--demo", server_key="", write_key="")
    (shown,) = re.findall(r"server_[\w-]{32}", server.output.read_text("utf-8"))
    assert (
        httpx.delete(f"{server.url}/v1/visitors/a:nobody", headers={"X-API-Key": shown}).status_code
        == 200
    )
    server.stop()
    kept = b"".join(path.read_bytes() for path in server.home.rglob("*") if path.is_file())
    assert shown.encode() not in kept
    again = serve(home=server.home, server_key="", write_key="")
    for given, code in ((shown, 200), ("server_nothing", 403)):
        answer = httpx.delete(f"{again.url}/v1/visitors/a:nobody", headers={"X-API-Key": given})
        assert answer.status_code == code
    hashes = set(re.findall(rb"sha256:[0-9a-f]{64}", kept))
    assert hashes
    for each in hashes:
        refused = httpx.delete(
            f"{again.url}/v1/visitors/a:nobody", headers={"X-API-Key": each.decode()}
        )
        assert refused.status_code == 403, "the hash opens nothing"
    assert os.stat(server.home).st_mode & 0o077 == 0
