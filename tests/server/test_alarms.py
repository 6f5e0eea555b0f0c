"""Alarms of a real server: a variant is broken on purpose, and a local sink hears of it once."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.conftest import SERVER_KEY, Server, running
from tests.health.sinks import WebhookSink, mail_sink, webhook_sink

pytestmark = pytest.mark.server

HERO = "home-hero"


def post(server: Server, path: str, body: dict[str, Any]) -> Any:
    request = Request(
        server.url + path, json.dumps(body).encode(), {"Authorization": f"Bearer {SERVER_KEY}"}
    )
    with urlopen(request, timeout=20) as answer:
        return json.loads(answer.read() or b"null")


def decides(server: Server, visitors: int, name: str) -> int:
    """Visitors from SaaS ask for the home page; return how many decisions were eligible."""
    eligible = 0
    for number in range(visitors):
        who = {"anonymousId": f"{name}-{number}"}
        post(server, "/v1/identify", {**who, "traits": {"industry": "SaaS"}})
        found = post(server, "/v1/decide", {**who, "page": "home"})["decisions"][HERO]
        eligible += found["reason"] != "holdout"
    return eligible


def health(home: Path, *more: str) -> tuple[int, Any]:
    command = [sys.executable, "-m", "persx", "health", *more, "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode in (0, 3), done.stderr
    return done.returncode, json.loads(done.stdout) if "--json" in more else done.stdout


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def broken(home: Path) -> None:
    """Break the variant where it is stored, as another version or a damaged disk would."""
    with closing(sqlite3.connect(home / "persx.db")) as database, database:
        (body,) = database.execute("select body from snapshot where number = 1").fetchone()
        snapshot = json.loads(body)
        for variant in snapshot["workspace"]["blocks"][HERO]["variants"]:
            if "SaaS" in variant["when"]:
                variant["content"] = {"headline_of_2031": "?"}
        text = json.dumps(snapshot).encode()
        database.execute("update snapshot set body = ? where number = 1", [text])


def repaired(home: Path, kept: bytes) -> None:
    with closing(sqlite3.connect(home / "persx.db")) as database, database:
        database.execute("update snapshot set body = ? where number = 1", [kept])


def stored(home: Path) -> bytes:
    with closing(sqlite3.connect(home / "persx.db")) as database:
        (body,) = database.execute("select body from snapshot where number = 1").fetchone()
        return bytes(body) if isinstance(body, bytes) else str(body).encode()


def told(sink: WebhookSink, objective: str) -> list[str]:
    return [kind for kind, name, _ in sink.events() if name == objective]


def test_a_broken_variant_is_heard_of_once_and_so_is_its_end(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with webhook_sink() as hook, mail_sink() as mails:
        settings = {
            "health_seconds": "0.2",
            "alert_webhook": hook.url,
            "alert_email_to": "ops@shop.example",
            "smtp_host": "127.0.0.1",
            "smtp_port": str(mails.port),
            "smtp_security": "none",
        }
        with running(home, "--demo", **settings) as server:
            decides(server, 60, "before")
            code, status = health(home, "--json")
            assert code == 0
            states = {each["name"]: each["finding"]["state"] for each in status["objectives"]}
            assert states["content-works"] == states["industries-served"] == "ok"
        assert hook.messages == []

        kept = stored(home)
        broken(home)
        with running(home, **settings) as server:
            assert decides(server, 80, "during") <= 200
            until(lambda: told(hook, "content-works"), "the webhook heard of nothing")
            until(lambda: mails.mails, "no mail came")
            code, status = health(home, "--json")
            assert code == 3
            (subject,) = next(
                each["subjects"] for each in status["objectives"]
                if each["name"] == "content-works"
            )  # fmt: skip
            assert subject["subject"] == f"{HERO} · SaaS"
            assert "CONFIRMED" in health(home)[1]
            with urlopen(server.url + "/metrics") as answer:
                metrics = answer.read().decode()
            assert 'persx_objective_state{objective="content-works"} 2.0' in metrics
            decides(server, 20, "still")
            # Killed, with the alarm on: whoever starts again knows that people were told.
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.wait(20)
        with running(home, **settings) as server:
            decides(server, 20, "after-the-crash")
            health(home)
            with urlopen(server.url + "/healthz") as answer:
                assert answer.status == 200
        assert told(hook, "content-works") == ["confirmed"]

        repaired(home, kept)
        with running(home, **settings) as server:
            decides(server, 60, "repaired")
            until(lambda: len(told(hook, "content-works")) == 2, "nobody heard of the end")
            assert health(home)[0] == 0
            log = server.output.read_text("utf-8")
        assert told(hook, "content-works") == ["confirmed", "recovered"]
        assert told(hook, "industries-served") == ["confirmed", "recovered"]
        subjects = [str(mail["Subject"]) for mail in mails.mails]
        assert len(subjects) == len(set(subjects)) == 4
        assert not re.search("secret-of-the-hook", log)
        assert "Content that fails misses its objective" in log


def test_a_silence_beside_a_running_server(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with webhook_sink() as hook:
        settings = {"health_seconds": "0.2", "alert_webhook": hook.url}
        with running(home, "--demo", **settings):
            pass
        broken(home)
        with running(home, **settings) as server:
            command = [sys.executable, "-m", "persx", "health", "silence", "content-works"]
            subprocess.run(
                [*command, "--for", "1h", "--why", "on purpose", "--home", str(home)], check=True
            )
            decides(server, 60, "during")
            until(lambda: told(hook, "industries-served"), "the webhook heard of nothing")
            code, text = health(home)
            assert code == 3
            assert "on purpose" in text
        assert told(hook, "content-works") == []
