"""Probes against a real server: by command, by generated tests, on a schedule."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from persx.demo import demo_folder
from tests.conftest import Server
from tests.server.conftest import Cli, Site, counted

pytestmark = pytest.mark.server


def until(holds: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait for a condition, and return what made it true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.05)
    raise AssertionError("It did not happen.")


def test_the_demo_is_walked_whole_and_nothing_is_counted(demo_server: Server) -> None:
    persx = Cli(demo_server.home)
    before = counted(demo_server.url)
    told = json.loads(persx("probe", "--json").stdout)
    industries = [path.strip() for path in ("eCommerce", "Healthcare", "SaaS", "Education")]
    pages = {path.stem for path in (demo_folder() / "pages").rglob("*.yaml")}
    walked = {(cell["visitor"], cell["page"]) for cell in told["cells"]}
    assert walked >= {(industry, page) for industry in industries for page in pages}
    assert told["broken"] == []
    assert all(
        cell["state"] == "personal" for cell in told["cells"] if cell["visitor"] in industries
    )
    assert len(told["checks"]) >= 8
    assert counted(demo_server.url) == before


def test_the_shop_without_industries_is_walked_too(serve: Callable[..., Server]) -> None:
    server = serve("--demo", "shop")
    told = json.loads(Cli(server.home)("probe", "--json").stdout)
    assert told["broken"] == []
    assert {cell["visitor"] for cell in told["cells"]} >= {"anyone"}


def pytest_in(folder: Path, url: str, mark: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "."],
        cwd=folder,
        env={"PATH": "", "PERSX_URL": url, "PERSX_PROBE_MARK": mark},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_generated_tests_pass_on_the_site_they_were_made_of_and_fail_on_another(
    persx: Cli, site: Site, serve: Callable[..., Server], tmp_path: Path
) -> None:
    hero = (
        "type: hero\ncontent: {{headline: All, text: T, primary_label: Go, primary_href: /start}}\n"
        "variants:\n  saas: {{when: industry == '{industry}', content: {{headline: Trials}}}}\n"
        "coverage_opt_out: ['*']\n"
    )
    site.write("blocks/home-hero.yaml", hero.format(industry="SaaS"))
    server = serve(home=persx.home)
    persx("push", site.folder)
    persx("publish")
    folder = tmp_path / "generated"
    persx("probe", "--write-tests", folder)
    mark = persx("probe", "--mark", "--days", 1).stdout.strip()
    before = counted(server.url)
    passed = pytest_in(folder, server.url, mark)
    assert passed.returncode == 0, passed.stdout
    site.write("blocks/home-hero.yaml", hero.format(industry="eCommerce"))
    persx("push", site.folder)
    persx("publish")
    failed = pytest_in(folder, server.url, mark)
    assert failed.returncode == 1
    assert "home-hero shows default" in failed.stdout
    assert counted(server.url) == before
    assert "PERSX_PROBE_MARK is not set" in pytest_in(folder, server.url, "").stdout


BROKEN = """
schema:
  type: object
  properties: {top: {type: integer}, bottom: {type: integer}}
  required: [top, bottom]
template: "<p>{% if content.top is divisibleby(content.bottom) %}Even{% endif %}</p>"
"""


def test_what_breaks_for_one_industry_is_told_with_page_and_block(
    persx: Cli, site: Site, serve: Callable[..., Server]
) -> None:
    (site.folder / "block_types").mkdir(exist_ok=True)
    site.write("block_types/fraction.yaml", BROKEN)
    site.write(
        "blocks/home-cta.yaml",
        "type: fraction\ncontent: {top: 4, bottom: 2}\nvariants:\n"
        "  shops: {when: industry == 'eCommerce', content: {bottom: 0}}\n"
        "coverage_opt_out: ['*']\n",
    )
    serve(home=persx.home)
    persx("push", site.folder)
    persx("publish")
    result = persx("probe", code=3)
    broken = [line for line in result.stdout.splitlines() if line.startswith("Broken:")]
    assert broken == [
        "Broken: eCommerce × home (/): Block 'home-cta' cannot show its variant 'shops' "
        "(error): its default stands there."
    ]
    assert "1 broken" in result.stderr


def test_a_schedule_walks_by_itself_and_the_last_result_is_readable(
    serve: Callable[..., Server],
) -> None:
    server = serve("--demo", probe_seconds="0.3")
    figures = until(
        lambda: (
            text if "persx_probe_broken 0.0" in (text := httpx.get(f"{server.url}/metrics").text)
            else ""
        )
    )  # fmt: skip
    assert 'persx_probe_cells{state="broken"} 0.0' in figures
    assert counted(server.url)["accepted"] == 0


def test_a_server_that_is_not_there_or_serves_nothing_is_told(
    persx: Cli, serve: Callable[..., Server]
) -> None:
    server = serve(home=persx.home)
    assert "asked what to walk" in persx("probe", code=3).stdout
    server.stop()
    assert "No server of" in persx("probe", code=4).stderr
    gone = persx("probe", "--url", server.url, code=3)
    assert "No answer from" in gone.stdout
    assert "no address" in persx("probe", "--url", "site.example", code=2).stderr


def test_a_mark_of_another_home_is_told(
    demo_server: Server, tmp_path: Path, serve: Callable[..., Server]
) -> None:
    other = serve("--demo", home=tmp_path / "other")
    result = Cli(other.home)("probe", "--url", demo_server.url, code=3)
    assert "does not know the mark" in result.stdout
