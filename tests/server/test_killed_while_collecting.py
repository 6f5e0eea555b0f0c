"""Force at any moment: what was acknowledged is there, and what is sent again counts once."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import pytest

from tests.conftest import SERVER_KEY, Server, free_port
from tests.server.conftest import Cli, Site

pytestmark = pytest.mark.server

KILLS = 2
SENDERS = 3


class Sender(threading.Thread):
    """Sends batches and forms until told to stop; what is not acknowledged is sent again."""

    def __init__(self, number: int, url: str) -> None:
        super().__init__()
        self.number = number
        self.url = url
        self.stopping = threading.Event()
        self.acknowledged: list[str] = []
        self.forms = 0
        self.uncertain = 0

    def run(self) -> None:
        batch = 0
        key = {"Authorization": f"Bearer {SERVER_KEY}"}
        while not self.stopping.is_set():
            ids = [f"{self.number}-{batch}-{place}" for place in range(7)]
            events = [
                {"type": "track", "event": "Sent", "messageId": id, "userId": f"user {place}"}
                for place, id in enumerate(ids)
            ]
            if self.post("/v1/batch", json={"batch": events}, headers=key) == 200:
                self.acknowledged += ids
                batch += 1
            form = {"page": "home", "block": "home-form", "name": "Ann", "email": "a@b.example"}
            status = self.post("/forms/contact", data=form)
            self.forms += status == 303
            self.uncertain += status == 0

    def post(self, path: str, **content: object) -> int:
        """Send, and return the status; 0 where there was no answer."""
        try:
            return httpx.post(self.url + path, timeout=5, **content).status_code  # type: ignore[arg-type]
        except httpx.HTTPError:
            time.sleep(0.02)
            return 0


def wait_for_more(senders: Sequence[Sender]) -> None:
    """Wait until every sender was acknowledged two more batches, and a form."""
    goals = [(len(each.acknowledged) + 14, each.forms + 1) for each in senders]
    deadline = time.monotonic() + 60
    while any(
        len(each.acknowledged) < events or each.forms < forms
        for each, (events, forms) in zip(senders, goals, strict=True)
    ):
        assert time.monotonic() < deadline, "the server answers nobody"
        time.sleep(0.02)


def test_acknowledged_means_durable(
    serve: Callable[..., Server], persx: Cli, site: Site, home: Path
) -> None:
    site.write(
        "blocks/home-form.yaml",
        "type: contact_form\ncontent:\n  headline: Write to us\n  reasons:\n"
        "    - {title: A, description: a}\n    - {title: B, description: b}\n"
        "    - {title: C, description: c}\ncoverage_opt_out: ['*']\n",
    )
    site.write("pages/home.yaml", "path: /\ntitle: Home\nblocks: [home-hero, home-form]\n")
    persx("publish", site.folder)
    port = free_port()
    server = serve(home=home, port=port, seal_rows="50", seal_seconds="0.1")
    senders = [Sender(number, server.url) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    try:
        for _ in range(KILLS):
            wait_for_more(senders)
            server.kill()
            server = serve(home=home, port=port, seal_rows="50", seal_seconds="0.1")
        wait_for_more(senders)
    finally:
        for sender in senders:
            sender.stopping.set()
        for sender in senders:
            sender.join()
    events = [json.loads(line) for line in persx("export", "events").output.splitlines()]
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    stored = Counter(event["messageId"] for event in events)
    assert set(stored.values()) == {1}
    for sender in senders:
        assert len(sender.acknowledged) > 7 * KILLS
        assert not set(sender.acknowledged) - set(stored)
    kept = sum(event.get("event") == "Form Submitted" for event in events)
    forms = sum(sender.forms for sender in senders)
    assert forms > KILLS
    # A form has no id of its own: one without an answer may have been kept or not.
    assert forms <= kept <= forms + sum(sender.uncertain for sender in senders)
    shown = persx("export", "submissions").output.splitlines()
    assert len(shown) == kept
