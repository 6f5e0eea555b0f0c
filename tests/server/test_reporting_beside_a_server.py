"""`persx report` and `persx export` beside a server that visitors are using."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from tests.conftest import PASSWORD, Server
from tests.server.conftest import Cli, counted

pytestmark = pytest.mark.server

VISITORS = 12


def test_the_holdouts_report_of_real_visits(
    serve: Callable[..., Server], persx: Cli, home: Path
) -> None:
    server = serve("--demo", home=home, seal_rows="20", seal_seconds="0.1")
    arms: Counter[str] = Counter()
    for number in range(VISITORS):
        with httpx.Client(base_url=server.url) as visitor:
            visitor.post("/start", data={"industry": "SaaS", "complete": "1"})
            page = visitor.get("/").text
            image = re.search(r'src="(/v1/x/[^"]+)"', page)
            assert image is not None
            if number % 4:
                assert visitor.get(image[1]).headers["content-type"] == "image/gif"
                arms["generic" if 'data-reason="holdout"' in page else "targeted"] += 1
    report = json.loads(persx("report", "holdout", "--json").output)
    assert +Counter({name: arm["n"] for name, arm in report["arms"].items()}) == arms
    assert sum(arms.values()) == VISITORS * 3 // 4
    segments = report["segments"]["industry"]["SaaS"]["arms"]
    assert +Counter({name: arm["n"] for name, arm in segments.items()}) == arms
    (pli,) = report["pli"]
    assert pli["lift"] is None
    assert pli["withheld"]
    listed = json.loads(persx("report", "--all", "--json").output)["experiments"]
    (holdout,) = (each for each in listed if each["name"] == "holdout")
    assert (holdout["visitors"], holdout["pli"][0]["n"]) == (sum(arms.values()), pli["n"])
    lines = persx("export", "events", "--json").output.splitlines()
    events = [json.loads(line) for line in lines]
    assert len({event["messageId"] for event in events}) == len(events)
    assert counted(server.url) == {
        "accepted": len(events),
        "duplicate": 0,
        "rejected": 0,
        "erased": 0,
        "unconsented": 0,
    }
    server.stop()
    assert json.loads(persx("report", "holdout", "--json").output)["arms"] == report["arms"]
    assert persx("export", "events", "--json").output.splitlines() == lines


def test_a_server_that_is_killed_reads_again_what_somebody_wants_to_know(
    serve: Callable[..., Server], persx: Cli, home: Path
) -> None:
    server = serve("--demo", home=home)
    before = all_read(server)
    server.kill()
    again = serve(home=home)
    assert all_read(again) == before
    assert again.stop() == 0
    listed = json.loads(persx("report", "--all", "--json").output)["experiments"]
    assert sorted(each["name"] for each in listed) == before


def all_read(server: Server) -> list[str]:
    """Look at the studio's page until all experiments are read; return their names."""
    deadline = time.monotonic() + 60
    with httpx.Client(base_url=server.url, follow_redirects=True) as studio:
        studio.post("/admin/login", data={"password": PASSWORD})
        while time.monotonic() < deadline:
            page = studio.get("/admin/experiments").text
            names = re.findall(r'<h3><a href="/admin/report/([^"]+)">', page)
            assert names
            if "Being read." not in page:
                return sorted(map(unquote, names))
            time.sleep(0.2)
    raise AssertionError("Some experiments are never read.")
