"""Starting and stopping: one server a home, signals, what force leaves behind, plain refusals."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from persx.app.home import SERVER_FILE
from tests.conftest import SERVER_KEY, WRITE_KEY, Server, free_port, start_server
from tests.server.conftest import Cli, Site

pytestmark = pytest.mark.server

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_the_second_server_of_a_home_leaves_the_first_alone(
    serve: Callable[..., Server], run: Run, home: Path
) -> None:
    first = serve(home=home)
    address = (home / SERVER_FILE).read_bytes()
    second = run("serve", "--home", home, "--port", free_port())
    assert second.returncode == 3
    assert second.stdout == ""
    (line,) = second.stderr.splitlines()
    assert line.startswith(f"Error: Another process is serving {home} (process ")
    assert str(first.process.pid) in line
    assert (home / SERVER_FILE).read_bytes() == address
    assert httpx.get(f"{first.url}/healthz").status_code == 200
    assert first.stop() == 0


def test_a_signal_stops_gracefully(persx: Cli, site: Site, home: Path) -> None:
    persx("publish", site.folder)
    for number, sent in enumerate((signal.SIGTERM, signal.SIGINT), start=1):
        server = start_server(home)
        asked = {"anonymousId": "ann", "page": "home"}
        key = {"Authorization": f"Bearer {SERVER_KEY}"}
        answer = httpx.post(f"{server.url}/v1/decide", json=asked, headers=key)
        assert answer.status_code == 200
        # At once: the decision log, written behind, has not had its turn.
        server.process.send_signal(sent)
        assert server.process.wait(20) == 0
        assert not (home / SERVER_FILE).exists()
        assert decisions(home) == number
    output = (home.parent / "home.log").read_text()
    assert "Traceback" not in output
    assert "Error" not in output


def decisions(home: Path) -> int:
    """Lines of the decision log."""
    with closing(sqlite3.connect(home / "persx.db")) as database:
        found: int = database.execute("SELECT coalesce(sum(rows), 0) FROM decision").fetchone()[0]
        return found


def test_requests_under_way_are_answered_before_it_stops(home: Path) -> None:
    server = start_server(home)
    body = json.dumps({"event": "Late", "anonymousId": "ann", "messageId": "late"}).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        head = (
            f"POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {WRITE_KEY}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode() + body[:10])
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        connection.sendall(body[10:])
        assert connection.recv(4_096).startswith(b"HTTP/1.1 200")
    assert server.process.wait(20) == 0
    assert exported(Cli(home)) == ["late"]


def exported(persx: Cli) -> list[str]:
    """The message ids of all stored events."""
    lines = persx("export", "events", "--json").output.splitlines()
    return [json.loads(line)["messageId"] for line in lines]


def test_after_a_kill_everything_works_again(
    persx: Cli, site: Site, home: Path, serve: Callable[..., Server]
) -> None:
    persx("publish", site.folder)
    server = serve(home=home)
    server.kill()
    assert (home / SERVER_FILE).exists()
    # Commands do not wait for a server that is gone, nor send it anything.
    site.edition(2)
    began = time.monotonic()
    persx("publish", site.folder)
    assert "* " in persx("rollback").output
    assert time.monotonic() - began < 5
    again = serve(home=home)
    assert httpx.get(f"{again.url}/readyz").json() == {"ready": True, "snapshot": 2}
    persx("rollback", 1)
    assert httpx.get(f"{again.url}/readyz").json()["snapshot"] == 1


HOLD = """
import pathlib, sys, time
from persx.storage.backends.home_lock import HomeLock
with HomeLock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(1.5)
"""


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Another process, such as a long import, has the home for a moment."""
    command = [sys.executable, "-c", HOLD, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        assert process.wait(20) == 0


def test_commands_wait_for_each_other(persx: Cli, site: Site, home: Path) -> None:
    persx("push", site.folder)
    began = time.monotonic()
    with held(home):
        assert "Snapshot 1 is active" in persx("publish").output
    assert time.monotonic() - began > 1


def test_a_stale_address_is_not_trusted(persx: Cli, site: Site, home: Path) -> None:
    """The port of a killed server may be somebody else's by now: nothing is sent there."""
    persx("push", site.folder)
    with socket.create_server(("127.0.0.1", 0)) as stranger, ThreadPoolExecutor(1) as pool:
        stranger.settimeout(3)

        def is_asked() -> bool:
            with suppress(TimeoutError), closing(stranger.accept()[0]):
                return True
            return False

        asked = pool.submit(is_asked)
        url = f"http://127.0.0.1:{stranger.getsockname()[1]}"
        stale = {"url": url, "token": "secret", "pid": 1}
        (home / SERVER_FILE).write_text(json.dumps(stale))
        with held(home):
            assert "Snapshot 1 is active" in persx("publish").output
        assert not asked.result()


def test_an_empty_home_says_what_to_do_and_comes_up(
    serve: Callable[..., Server], persx: Cli, site: Site, home: Path
) -> None:
    server = serve(home=home)
    front = httpx.get(server.url)
    assert front.status_code == 503
    assert "Nothing is published here yet" in front.text
    assert "persx push" in front.text
    for path, status in (("/readyz", 503), ("/healthz", 200), ("/start", 503), ("/x", 503)):
        assert httpx.get(server.url + path).status_code == status
    key = {"Authorization": f"Bearer {WRITE_KEY}"}
    asked = {"anonymousId": "ann", "page": "home"}
    early = httpx.post(f"{server.url}/v1/decide", json=asked, headers=key)
    assert early.status_code == 503
    assert "persx publish" in early.json()["message"]
    assert httpx.get(f"{server.url}/v1/state").status_code == 503
    # Events come in before there is anything to show.
    event = {"event": "Early", "anonymousId": "ann"}
    assert httpx.post(f"{server.url}/v1/track", json=event, headers=key).status_code == 200
    with httpx.Client(base_url=server.url, follow_redirects=True) as owner:
        studio = owner.get(server.admin_link().removeprefix(server.url))
        assert studio.status_code == 200
        assert owner.get("/admin/submissions").status_code == 200
        assert owner.get("/admin/report/holdout").status_code == 404
    persx("push", site.folder)
    assert httpx.get(server.url).status_code == 503
    persx("publish")
    assert httpx.get(server.url).status_code == 200
    assert httpx.get(f"{server.url}/readyz").status_code == 200


def one_line(ended: subprocess.CompletedProcess[str]) -> str:
    """The one line with which a command refused."""
    assert ended.returncode not in (0, 1), ended
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("Error: ")
    return line


def test_a_home_that_cannot_be_one(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    assert "is a file; a home is a folder" in one_line(run("serve", "--home", file))
    assert "cannot be used as a home" in one_line(run("serve", "--home", file / "below"))
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "persx.db").write_bytes(b"no database" * 500)
    assert "file is not a database" in one_line(run("serve", "--home", broken))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_home_that_is_not_ours(run: Run, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o500)
    assert "cannot be written" in one_line(run("serve", "--home", theirs))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("port = [", "persx.toml is not TOML"),
        ("prot = 1", "Unknown setting 'prot'"),
        ("[section]\nport = 1", "Unknown setting 'section'"),
        ("port = 'many'", "it should be a whole number from 0 to 65535"),
        ("store = 'nope'", "Unknown backend 'nope'"),
        ("host = 'no.such.host.invalid'", "Cannot listen on no.such.host.invalid"),
        ("port = 70000", "is 70000; it should be a whole number from 0 to 65535"),
        ("stream = 'memory'", "does not go with the store"),
    ],
)
def test_settings_that_cannot_be_used(run: Run, home: Path, text: str, told: str) -> None:
    home.mkdir()
    (home / "persx.toml").write_text(text)
    assert told in one_line(run("serve", "--home", home))


def test_a_port_in_use_costs_no_secrets(run: Run, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = one_line(run("serve", "--home", home, "--port", port))
    assert f"Cannot listen on 127.0.0.1, port {port}: Address already in use." in line
    # What is made at the first start is still shown at the first that listens.
    first, second = starts(home), starts(home)
    for name in ("Password", "Write key", "Server key"):
        assert name in first
        assert name not in second


def test_keys_are_shown_once_beside_a_given_password(home: Path) -> None:
    shown = starts(home, PERSX_ADMIN_PASSWORD="given-by-the-operator")
    assert "Password" not in shown
    assert "given-by-the-operator" not in shown
    assert "Server key  server_" in shown
    assert "Server key" not in starts(home)


def starts(home: Path, **environment: str) -> str:
    """Start a server, stop it, and return what it showed."""
    output = home.parent / "shown.log"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PERSX_")}
    with output.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "persx", "serve", "--home", str(home), "--port", "0"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**clean, **environment},
        )
    try:
        deadline = time.monotonic() + 20
        while "Serving" not in output.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    return output.read_text()
