"""Commands beside a running server: what they publish is served at once, and never by halves."""

from __future__ import annotations

import csv
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from persx.app.home import SERVER_FILE
from persx.workspace.documents import read_folder
from tests.conftest import SERVER_KEY, WRITE_KEY, Server
from tests.server.conftest import Cli, Site

pytestmark = pytest.mark.server

KEY = {"Authorization": f"Bearer {SERVER_KEY}"}
EDITION = re.compile(r"Edition-(\d+)")


@pytest.fixture
def server(serve: Callable[..., Server], home: Path, persx: Cli, site: Site) -> Server:
    """A server of edition 1."""
    persx("publish", site.folder)
    return serve(home=home)


def page(server: Server) -> list[str]:
    """The editions that the home page holds."""
    return EDITION.findall(httpx.get(server.url, timeout=10).text)


def within_a_second(look: Callable[[], bool]) -> None:
    """Look until it is so, for a second."""
    deadline = time.monotonic() + 1
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_publication_is_served_within_a_second(server: Server, persx: Cli, site: Site) -> None:
    assert set(page(server)) == {"1"}
    site.edition(2)
    assert "pushed blocks/home-cta.yaml" in persx("push", site.folder).output
    assert set(page(server)) == {"1"}
    persx("publish")
    within_a_second(lambda: set(page(server)) == {"2"})
    assert httpx.get(f"{server.url}/readyz").json() == {"ready": True, "snapshot": 2}
    assert "Snapshot 1 is active; before it was 2." in persx("rollback", 1).output
    within_a_second(lambda: set(page(server)) == {"1"})


@pytest.mark.usefixtures("server")
def test_pull_and_import_work_beside_a_server(persx: Cli, site: Site, tmp_path: Path) -> None:
    other = tmp_path / "other"
    persx("pull", other)
    assert read_folder(other) == read_folder(site.folder)
    file = tmp_path / "mails.csv"
    with file.open("w", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(["arm", "sold"])
        rows.writerows([("A", n % 10 == 0) for n in range(200)])
        rows.writerows([("B", n % 5 == 0) for n in range(200)])
    shown = persx(
        "import", "experiment", file, "--name", "mails", "--arm", "arm", "--control", "A",
        "--metrics", "sold",
    )  # fmt: skip
    assert "400 rows" in shown.output
    report = json.loads(persx("report", "mails", "--json").output)
    assert [arm["metrics"]["sold"]["total"] for arm in report["arms"].values()] == [20, 40]
    refused = persx(
        "import", "experiment", file, "--name", "x", "--arm", "arm", "--control", "C",
        "--metrics", "sold", code=2,
    )  # fmt: skip
    assert "No row has 'C'" in refused.output


@contextmanager
def asking(ask: Callable[[httpx.Client], None], threads: int = 3) -> Iterator[None]:
    """Ask again and again from several threads; their first failure is raised at the end."""
    stop = threading.Event()

    def keep_asking() -> int:
        asked = 0
        with httpx.Client(timeout=20) as client:
            while not stop.is_set():
                ask(client)
                asked += 1
        return asked

    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(keep_asking) for _ in range(threads)]
        try:
            yield
        finally:
            stop.set()
        for each in running:
            assert each.result() > 5


def test_every_answer_is_of_one_snapshot(server: Server, persx: Cli, site: Site) -> None:
    site.edition(2)
    persx("publish", site.folder)
    seen: set[str] = set()

    def ask(client: httpx.Client) -> None:
        found = EDITION.findall(client.get(server.url).raise_for_status().text)
        assert len(found) >= 2
        assert len(set(found)) == 1, f"A page of several snapshots: {found}"
        asked = {"anonymousId": "somebody", "page": "home"}
        answer = client.post(f"{server.url}/v1/decide", json=asked, headers=KEY)
        decided = answer.raise_for_status().json()
        headlines = {each["content"]["headline"] for each in decided["decisions"].values()}
        assert headlines == {f"Edition-{decided['snapshot']}"}
        seen.update(headlines)

    with asking(ask):
        for _ in range(8):
            persx("rollback", 1)
            time.sleep(0.1)
            persx("rollback", 2)
            time.sleep(0.1)
    assert seen == {"Edition-1", "Edition-2"}


def test_an_invalid_workspace_is_refused_and_the_old_one_served(
    server: Server, persx: Cli, site: Site, tmp_path: Path
) -> None:
    site.write("pages/home.yaml", "path: /\ntitle: Home\nblocks: [home-hero, home-cat]\n")
    site.write("audiences.yaml", "readers: page_vews >= 3\nothers: 1 +\n")
    site.write("goals.yaml", "contact: [not, a, goal\n")
    persx("push", site.folder)
    told = persx("publish", code=2).output
    # A home without a server says the very same.
    alone, copy = Cli(tmp_path / "alone"), tmp_path / "copy"
    for path, text in read_folder(site.folder).items():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text(text)
    alone("push", copy)
    assert alone("publish", code=2).output == told
    for place in ("home-cat", "page_vews", "audiences.yaml", "goals.yaml"):
        assert place in told
    assert set(page(server)) == {"1"}
    assert [head["number"] for head in heads(persx)] == [1]


def heads(persx: Cli) -> list[dict[str, int]]:
    """The snapshots."""
    found: list[dict[str, int]] = json.loads(persx("rollback", "--json").output)["snapshots"]
    return found


@pytest.mark.usefixtures("server")
def test_a_diverged_push_is_refused_by_name(persx: Cli, site: Site, tmp_path: Path) -> None:
    other = Site(tmp_path / "other")
    persx("pull", other.folder, "--beside", code=0)
    for path in tmp_path.glob("other/**/*.theirs"):
        path.unlink()
    other.edition(7)
    persx("push", other.folder)
    site.edition(8)
    refused = persx("push", site.folder, code=3).output
    assert "blocks/home-cta.yaml" in refused
    assert "blocks/home-hero.yaml" in refused
    assert "settings.yaml" not in refused


def test_a_command_needs_the_token(server: Server, home: Path) -> None:
    address = json.loads((home / SERVER_FILE).read_text())
    assert (home / SERVER_FILE).stat().st_mode & 0o077 == 0
    url = f"{server.url}/v1/commands/rollback"
    tokens = ["", "Bearer", "Bearer x", f"Bearer {WRITE_KEY}", address["token"][:-1]]
    for token in tokens:
        refused = httpx.post(url, json={"number": 1}, headers={"Authorization": token})
        assert refused.status_code == 403
    for allowed in (SERVER_KEY, address["token"]):
        token = {"Authorization": f"Bearer {allowed}"}
        assert httpx.post(url, json={"number": 1}, headers=token).status_code == 200
    assert httpx.post(url, json={"number": 9}, headers=token).status_code == 404
    assert httpx.post(url, json={"number": "1"}, headers=token).status_code == 400
    assert httpx.post(url, content=b"{", headers=token).status_code == 400
    unknown = httpx.post(f"{server.url}/v1/commands/drop", json={}, headers=token)
    assert unknown.status_code == 404


def test_what_is_published_beside_a_server_is_folded_too(
    server: Server, persx: Cli, site: Site
) -> None:
    """A computed attribute that is published now counts earlier and later events."""

    def track(message: str) -> None:
        event = {"event": "Tried", "anonymousId": "ann", "messageId": message}
        assert httpx.post(f"{server.url}/v1/track", json=event, headers=KEY).status_code == 200

    def shown() -> str:
        asked = {"anonymousId": "ann", "blocks": ["home-hero"]}
        answer = httpx.post(f"{server.url}/v1/decide", json=asked, headers=KEY).json()
        return str(answer["decisions"]["home-hero"]["variant"])

    track("before")
    with (site.folder / "attributes.yaml").open("a") as attributes:
        attributes.write(
            "tries:\n  type: number\n  source: computed\n  compute: {kind: count, event: Tried}\n"
        )
    site.write(
        "blocks/home-hero.yaml",
        "type: hero\ncontent: {headline: H, text: T, primary_label: B, primary_href: /}\n"
        "variants:\n  third: {when: tries >= 3, content: {headline: Third}}\n"
        "  first: {when: tries >= 1, content: {headline: First}}\ncoverage_opt_out: ['*']\n",
    )
    persx("publish", site.folder)
    within_a_second(lambda: shown() == "first")
    track("after")
    track("and again")
    within_a_second(lambda: shown() == "third")


def test_a_server_that_keeps_all_in_memory_is_asked_for_reading_too(
    serve: Callable[..., Server], home: Path, persx: Cli, site: Site, tmp_path: Path
) -> None:
    server = serve("--store", "memory", home=home)
    persx("publish", site.folder)
    site.edition(2)
    assert "Snapshot 2 is active" in persx("publish", site.folder).output
    assert set(page(server)) == {"2"}
    persx("pull", tmp_path / "other")
    assert read_folder(tmp_path / "other") == read_folder(site.folder)
    assert len(persx("rollback").output.splitlines()) == 2
    assert json.loads(persx("report", "holdout", "--json").output)["control"] == "generic"
    assert "in memory" in persx("export", "events", code=6).output


def test_without_a_server_a_store_in_memory_keeps_nothing_and_says_so(
    persx: Cli, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSX_STORE", "memory")
    for words in (("push", site.folder), ("publish",), ("rollback",), ("report", "holdout")):
        assert "'memory' keeps nothing" in persx(*words, code=2).output
