"""A hint of the visitor's network: from a real file in MaxMind's format, by a trusted proxy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from persx.demo import demo_folder
from persx.testing.network_file import write_network_file
from persx.workspace.documents import read_folder
from tests.browser.served import copied_home
from tests.browser.test_accessibility import violations
from tests.browser.visits import blocks_of, cookies_of, tell_industry, visit, visit_as, visitor_id
from tests.conftest import SERVER_KEY, Server, running

CAMPUS, CLINIC, ISP, NOBODY = "81.2.69.142", "2a02:1234:5::7", "89.160.20.113", "8.8.8.8"
NETWORKS = {
    "81.2.69.0/24": {
        "autonomous_system_organization": "Uppsala UNIVERSITY",
        "country": {"iso_code": "SE"},
    },
    "2a02:1234::/32": {
        "autonomous_system_organization": "Mayo Clinic",
        "country": {"iso_code": "DE"},
    },
    "89.160.20.0/24": {"autonomous_system_organization": "Bredband AB"},
}
ATTRIBUTES = """
network.organisation:
  source: contextual
  purpose: personalization
  freshness: real time
  label: Organisation of your network
network.country: {source: contextual, purpose: personalization, label: Country of your network}
"""
SETTINGS = """
network:
  attributes:
    network.organisation: autonomous_system_organization
    network.country: country.iso_code
  industries:
    Education: contains(lower(network.organisation), "university")
    Healthcare: contains(lower(network.organisation), "clinic") and network.country != "US"
"""
WELCOME = """
  campus:
    when: network.industry == "Education" and not known(industry)
    priority: 5
    content: {headline: Welcome from your campus}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network")
    files = read_folder(demo_folder("persx_ai"))
    files["attributes.yaml"] += ATTRIBUTES
    files["settings.yaml"] += SETTINGS
    block = "blocks/home/home-hero.yaml"
    assert "\nvariants:\n" in files[block]
    files[block] = files[block].replace("\nvariants:\n", f"\nvariants:{WELCOME}", 1)
    for name, text in files.items():
        path = folder / "workspace" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    command = [sys.executable, "-m", "persx", "publish", str(folder / "workspace")]
    subprocess.run([*command, "--home", str(folder / "home")], check=True, capture_output=True)
    write_network_file(folder / "home" / "networks.mmdb", NETWORKS)
    return folder / "home"


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with running(home, network_file="networks.mmdb") as server:
        yield server


@contextmanager
def visit_from(browser: Browser, server: Server, address: str, **options: Any) -> Iterator[Page]:
    """A visitor whose address a proxy tells us; this machine is one that is trusted."""
    headers = {"X-Forwarded-For": address}
    with visit(browser, server.url, extra_http_headers=headers, **options) as page:
        yield page


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_network_drives_variants_and_fills_in_the_question(
    browser: Browser, server: Server, scripts: bool
) -> None:
    with visit_from(browser, server, CAMPUS, java_script_enabled=scripts) as page:
        page.goto("/")
        assert blocks_of(page)["home-hero"] == ("campus", "targeted")
        expect(page.locator("h1")).to_have_text("Welcome from your campus")
        # It is no declared industry: what asks for that stays as it is for strangers.
        assert blocks_of(page)["home-features"][0] == "default"
        asking = page.get_by_test_id("asking")
        expect(asking).to_contain_text("Are you in Education?")
        expect(page.get_by_test_id("industry-chip")).to_have_count(0)
        if scripts:
            assert violations(page) == []
        asking.get_by_role("button", name="Yes, Education").click()
        page.wait_for_url("**/?industry=education")
        assert blocks_of(page)["home-hero"] == ("education", "targeted")
        expect(page.get_by_test_id("asking")).to_have_count(0)


def test_what_the_visitor_says_wins(browser: Browser, server: Server) -> None:
    with visit_from(browser, server, CLINIC) as page:
        page.goto("/")
        expect(page.get_by_test_id("asking")).to_contain_text("Are you in Healthcare?")
        tell_industry(page, "SaaS")
        page.goto("/")
        assert blocks_of(page)["home-hero"] == ("saas", "targeted")
        expect(page.get_by_test_id("asking")).to_have_count(0)


@pytest.mark.parametrize(
    "address", [ISP, NOBODY, "10.0.0.7", "127.0.0.1", "::1", "fe80::1", "unknown", "x" * 300]
)
def test_who_comes_from_elsewhere_is_asked_as_ever(
    browser: Browser, server: Server, address: str
) -> None:
    with visit_from(browser, server, address) as page:
        page.goto("/")
        assert blocks_of(page)["home-hero"][0] == "default"
        expect(page.get_by_test_id("asking")).to_have_count(0)
        page.goto("/contact")
        expect(page.get_by_test_id("reprompt")).to_be_visible()


def test_it_is_shown_to_the_visitor_and_kept_nowhere(browser: Browser, server: Server) -> None:
    with visit_from(browser, server, CAMPUS) as page:
        page.goto("/")
        who = visitor_id(page.context)
        page.goto("/privacy")
        said = page.locator("section.facts", has_text="From this request")
        expect(said).to_contain_text("Organisation of your network")
        expect(said).to_contain_text("Uppsala UNIVERSITY")
        expect(said).to_contain_text("Industry that your network suggests")
        assert page.get_by_role("button", name="Delete: Organisation").count() == 0
        assert violations(page) == []
        assert set(cookies_of(page.context)) == {"persx_visitor", "persx_asked"}
    # The same visitor from somewhere else: nothing of it was kept.
    answer = httpx.post(
        f"{server.url}/v1/decide",
        json={"anonymousId": who, "page": "home"},
        headers={"Authorization": f"Bearer {SERVER_KEY}", "X-Forwarded-For": CAMPUS},
    ).json()
    assert answer["decisions"]["home-hero"]["variant"] == "default"
    assert "industry" not in answer["visitor"]
    states = httpx.get(
        f"{server.url}/v1/me?anonymousId={who}", headers={"Authorization": f"Bearer {SERVER_KEY}"}
    ).json()
    kept = str([states["identities"], states["events"]])
    assert CAMPUS not in str(states)
    assert "UNIVERSITY" not in kept
    for file in (server.home / "persx.db", server.home / "persx.db-wal"):
        if file.exists():
            assert CAMPUS.encode() not in file.read_bytes()


def test_who_denied_personalization_is_not_looked_up(browser: Browser, server: Server) -> None:
    with visit_from(browser, server, CAMPUS) as page:
        page.goto("/privacy/choices")
        page.get_by_role("checkbox", name="Personalization").uncheck()
        page.get_by_role("button", name="Save my choice").click()
        expect(page.get_by_role("status")).to_contain_text("Done")
        page.goto("/")
        assert blocks_of(page)["home-hero"][0] == "default"
        expect(page.get_by_test_id("asking")).to_have_count(0)
        page.goto("/privacy")
        expect(page.get_by_role("main")).not_to_contain_text("UNIVERSITY")


@pytest.mark.parametrize(
    ("proxies", "forwarded", "variant"),
    [
        # This machine is none of them: whoever calls may be anybody.
        ("10.9.9.0/24", CAMPUS, "default"),
        # The visitor may write what they like: what the first trusted proxy saw counts.
        ("127.0.0.1, 10.9.9.0/24", f"{NOBODY}, {CAMPUS}, 10.9.9.4", "campus"),
        ("127.0.0.1, 10.9.9.0/24", f"{CAMPUS}, {NOBODY}, 10.9.9.4", "default"),
    ],
)
def test_only_trusted_proxies_are_believed(
    browser: Browser, home: Path, tmp_path: Path, proxies: str, forwarded: str, variant: str
) -> None:
    copy = copied_home(home, tmp_path / "home")
    file = str(home / "networks.mmdb")
    with (
        running(copy, network_file=file, trusted_proxies=proxies) as server,
        visit_from(browser, server, forwarded) as page,
    ):
        page.goto("/")
        assert blocks_of(page)["home-hero"][0] == variant


def test_a_file_may_be_missing_damaged_and_replaced_meanwhile(
    browser: Browser, home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "later.mmdb"

    def sees_campus(page: Page) -> bool:
        page.goto("/")
        return blocks_of(page)["home-hero"] == ("campus", "targeted")

    def told(server: Server) -> str:
        return server.output.read_text("utf-8")

    with running(copied_home(home, tmp_path / "home"), network_file=str(file)) as server:
        log = told(server)
        assert f"The network database {file} cannot be used: No such file or directory" in log
        context = visit_as(browser, server.url, extra_http_headers={"X-Forwarded-For": CAMPUS})
        page = context.new_page()
        assert not sees_campus(page)
        write_network_file(file, NETWORKS)
        wait_for(page, lambda: sees_campus(page))
        # Cut short in place, while it is in use, as a full disk does.
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
        wait_for(page, lambda: "not a whole database in MaxMind's format" in told(server))
        assert sees_campus(page), "what was read before is used"
        renamed = {"81.2.69.0/24": {"autonomous_system_organization": "Somebody else"}}
        write_network_file(file, renamed)
        wait_for(page, lambda: not sees_campus(page))
        # Damaged inside: it can be opened, and its records cannot be read.
        damaged = whole.replace(b"\x5eautonomous_system_organization", b"\xff" * 32)
        damaged = damaged.replace(b"\x5d\x01autonomous_system_organization", b"\xff" * 32)
        assert damaged != whole
        fresh = tmp_path / "fresh"
        fresh.write_bytes(damaged)
        fresh.replace(file)

        def tells() -> bool:
            assert not sees_campus(page)
            return "a record is damaged" in told(server)

        wait_for(page, tells)
        file.unlink()
        assert page.goto("/").status == 200  # type: ignore[union-attr]
        errors = context.request.get("/metrics").text()
        assert 'persx_errors_total{place="network"}' in errors
        context.close()


def wait_for(page: Page, condition: Any) -> None:
    """Wait until something holds that the server does by itself."""
    for _ in range(300):
        if condition():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it did not happen")
