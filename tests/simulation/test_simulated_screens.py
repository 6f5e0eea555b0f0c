"""A home with simulated visitors says so on every screen; one without says nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from persx.app.simulation import simulate
from persx.cli import main
from persx.cli.commands.simulate import read_effects
from persx.model.errors import BadInput
from persx.model.simulation import SIMULATED_LABEL, Simulation
from persx.web.admin.doors import Door
from persx.web.admin.routes import DOORS
from tests.staff import enter

pytestmark = pytest.mark.anyio

SITE = ("/", "/about", "/start", "/privacy", "/privacy/choices", "/preferences", "/nowhere")


def pages(doors: tuple[Door, ...]) -> list[str]:
    """Return the studio's pages that somebody who is signed in can open without an argument."""
    return [
        door.path
        for door in doors
        if door.method == "GET" and door.action and "{" not in door.path and "." not in door.path
    ]


async def test_every_screen_says_that_its_data_are_simulated(client: Any, services: Any) -> None:
    await enter(client, services)
    for path in (*SITE, *pages(DOORS)):
        assert SIMULATED_LABEL not in (await client.get(path)).text, path
    await simulate(services, Simulation(visitors=30, days=8))
    for path in (*SITE, *pages(DOORS), "/admin/report/holdout", "/admin/report/none"):
        assert SIMULATED_LABEL in (await client.get(path)).text, path
    german = await client.get("/?locale=de")
    assert "Simulierte Daten" in german.text


OUTSIDE = (
    *("/admin", "/admin/report/holdout", "/admin/people"),
    *("/admin/enter/none", "/admin/join/none"),
)


async def test_who_has_not_signed_in_is_told_too(client: Any, services: Any) -> None:
    async def told(path: str) -> bool:
        answer = await client.get(path, follow_redirects=True)
        assert "Studio" in answer.text, path
        return SIMULATED_LABEL in answer.text

    assert not any([await told(path) for path in OUTSIDE])
    await simulate(services, Simulation(visitors=30, days=8))
    for path in OUTSIDE:
        assert await told(path), path
    wrong = {"name": "admin", "password": "not the password"}
    assert SIMULATED_LABEL in (await client.post("/admin/login", data=wrong)).text


def run(home: Path, *arguments: object, code: int = 0) -> Any:
    result = CliRunner().invoke(main, [*map(str, arguments), "--home", str(home)])
    assert result.exit_code == code, (result.output, result.exception)
    return result


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a small workspace."""
    site = tmp_path / "site"
    assert CliRunner().invoke(main, ["new", str(site)]).exit_code == 0
    for command in (("push", site), ("publish",)):
        run(tmp_path / "home", *command)
    return tmp_path / "home"


def test_the_command_tells_what_is_true_and_the_report_that_it_is_simulated(home: Path) -> None:
    result = run(home, "simulate", "--visitors", 200, "--days", 9)
    assert SIMULATED_LABEL in result.stdout
    assert "true lift" in result.stdout
    assert run(home, "report", "holdout").stdout.startswith(SIMULATED_LABEL)
    assert '"simulated": true' in run(home, "report", "holdout", "--json").stdout
    page = home / "report.html"
    run(home, "report", "holdout", "--html", page)
    assert SIMULATED_LABEL in page.read_text("utf-8")
    assert "simulate" in run(home, "audit").stdout


def test_effects_come_from_a_file_and_a_wrong_one_is_told_with_its_place(
    home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "effects.yaml"
    file.write_text("effects:\n  - {industry: SaaS, conversion: 1.5}\n", "utf-8")
    assert read_effects(file).effects[0].conversion == 1.5
    result = run(home, "simulate", "--visitors", 50, "--effects", file)
    assert "+50.0%" in result.stdout or "undefined" in result.stdout
    for wrong, said in (
        ("effects: [{industri: SaaS}]", "industri"),
        ("goals: {a: 2}", "goals"),
        ("effects: 3", "effects"),
        (": : :", "does not describe effects"),
    ):
        file.write_text(wrong, "utf-8")
        with pytest.raises(BadInput, match=said):
            read_effects(file)
        assert run(home, "simulate", "--effects", file, code=2).stdout == ""


def test_what_happened_meanwhile_is_told_unless_nobody_tends(home: Path) -> None:
    asked = ("simulate", "--visitors", 300, "--days", 8, "--break", "home-hero/saas@2")
    assert "confirmed" not in run(home, *asked, "--untended").stdout
    told = run(home, *asked, "--seed", 2).stdout
    assert "content-works confirmed: home-hero · SaaS" in told
    assert "CONFIRMED" in run(home, "health", code=3).stdout


@pytest.mark.parametrize("wrong", ["hero", "hero/saas", "hero/saas@", "hero/saas@x", "/a@1"])
def test_a_break_of_another_form_is_told(home: Path, wrong: str) -> None:
    assert "BLOCK/VARIANT@DAY" in run(home, "simulate", "--break", wrong, code=2).stderr


def test_a_home_without_anything_published_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "Nothing is published" in run(tmp_path / "empty", "simulate", code=6).stderr
