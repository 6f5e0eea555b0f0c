"""Reviews through the studio, over HTTP, and on the command line."""

from __future__ import annotations

import json
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from persx.app.access import make_link
from persx.app.reviewing import ReviewRequest, review
from persx.cli import main
from persx.health.review.periods import Kind, before, period_at


@pytest.mark.anyio
async def test_the_studio_shows_last_weeks_and_hands_out_files(client: Any, services: Any) -> None:
    assert "Sign in" in (await client.get("/admin/review")).text
    assert "Sign in" in (await client.get("/admin/review/2026-10.md")).text
    await client.get(await make_link(services))
    page = await client.get("/admin/review")
    week = before(period_at(services.clock(), Kind.WEEK, "UTC"))
    assert page.status_code == 200
    assert "Weekly review" in page.text
    assert "cannot be told yet" in page.text
    assert "No figure" in page.text
    assert f'value="{week.name}" selected' in page.text
    assert "<script>" not in page.text
    assert "style=" not in page.text
    for form, kind in (("md", "text/markdown"), ("html", "text/html"), ("eml", "message/rfc822")):
        file = await client.get(f"/admin/review/{week.name}.{form}")
        assert (file.status_code, file.headers["content-type"].partition(";")[0]) == (200, kind)
    mail = message_from_bytes(file.content, policy=default)
    assert "Weekly review" in mail["Subject"]
    assert (await client.get(f"/admin/review/{week.name}.pdf")).status_code == 404
    missing = await client.get("/admin/review/2026-W60")
    assert missing.status_code == 404
    assert "no week and no month" in missing.text
    chosen = await client.get("/admin/review?period=../../evil%0d%0a2026-10")
    assert chosen.status_code == 303
    assert chosen.headers["location"] == "/admin/review/evil2026-10"


@pytest.mark.anyio
async def test_who_reads_twice_reads_the_same(services: Any) -> None:
    first = await review(services, ReviewRequest())
    assert await review(services, ReviewRequest()) == first


def persx(home: Path, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [*arguments, "--home", str(home)])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def test_the_command_writes_every_form(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "site"
    assert CliRunner().invoke(main, ["new", str(folder)]).exit_code == 0
    home.mkdir()
    persx(home, "push", str(folder))
    persx(home, "publish")
    assert "## What improved" in persx(home, "review").stdout
    made = json.loads(persx(home, "review", "--month", "2026-10", "--format", "json").stdout)
    assert made["period"]["name"] == "2026-10"
    assert made["everybody"]["lift"] is None
    assert made["everybody"]["why"]
    for form in ("md", "html", "eml", "json"):
        file = tmp_path / f"review.{form}"
        persx(home, "review", "--month", "2026-10", "--format", form, "--out", str(file))
        assert "October 2026" in file.read_bytes().decode() or form == "json"
    assert "<title>" in (tmp_path / "review.html").read_text(encoding="utf-8")
    assert "2026-10" in persx(home, "review", "--list").stdout
    for wrong in (
        ["--week", "2026-10"],
        ["--month", "2026-W10"],
        ["--week", "2026-W10", "--month", "2026-10"],
        ["--week", "2999-W10"],
        ["--out", str(tmp_path)],
    ):
        persx(home, "review", *wrong, code=2)
