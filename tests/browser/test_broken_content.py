"""Stored content that this version cannot show: the page stands, and it can be noticed.

What is published is valid, so the snapshot is broken where it is stored, as another version, a
damaged disk or a hand would leave it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, expect

from persx.cli import main
from tests.browser.served import copied_home
from tests.browser.test_accessibility import violations
from tests.browser.visits import blocks_of, declare, watch
from tests.conftest import WRITE_KEY, Server, running
from tests.content.conftest import SAMPLES

CARD: dict[str, Any] = {"title": "A card", "parts": 2}
CONTENTS: dict[str, dict[str, Any]] = {**SAMPLES, "card": CARD, "moody": CARD}
"""A valid content for every built-in block type, and for two that the workspace declares."""

TYPES = {
    "card": "<p>{{ content.title }} has {{ content.parts }} parts</p>",
    "moody": "<p>{{ content.title }} has {{ content.parts }} moods</p>",
}
SCHEMA = {
    "properties": {"title": {"type": "string"}, "parts": {"type": "integer"}},
    "required": ["title", "parts"],
}
QUESTIONS = SAMPLES["quiz"]["questions"]
HERO = SAMPLES["hero"]
HEADLINE = HERO["headline"]
REASONS = re.compile(r'persx_decisions_total\{reason="(\w+)"\} ([\d.]+)')
ERRORS = re.compile(r'persx_errors_total\{place="(\w+)"\} ([\d.]+)')


def write(folder: Path, name: str, document: Any) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document), "utf-8")


def workspace(folder: Path) -> None:
    """A page for every block type, the block between two others, with a variant for SaaS."""
    write(folder, "settings.yaml", {"name": "Broken", "holdout": {"share": 0}})
    write(folder, "industries.yaml", {"SaaS": {"label": "SaaS"}, "Education": {}})
    attributes: dict[str, Any] = {
        "industry": {"values": "industries"},
        "goals": {"type": "strings", "kept_for": "tests"},
        "cart.value": {"type": "number", "source": "contextual", "kept_for": "tests"},
        "viewed_categories": {"type": "strings", "kept_for": "tests"},
        "size": {"values": ["small", "large"], "kept_for": "tests"},
    }
    questions = {name: {"attribute": "size", "text": "Which?"} for name in QUESTIONS}
    write(folder, "questions.yaml", questions)
    write(folder, "attributes.yaml", attributes)
    write(folder, "pipelines.yaml", {"for-you": {"sources": [{"recommender": "popularity"}]}})
    for name, template in TYPES.items():
        document = {"schema": SCHEMA, "template": template, "description": "One."}
        write(folder, f"block_types/{name}.yaml", document)
    write(folder, "blocks/first.yaml", {"type": "hero", "content": HERO})
    write(folder, "blocks/last.yaml", {"type": "cta", "content": SAMPLES["cta"]})
    for type_, content in CONTENTS.items():
        name = type_.replace("_", "-")
        variant = {"when": 'industry == "SaaS"', "content": {}, "priority": 10}
        block = {"type": type_, "content": content, "variants": {"saas": variant}}
        write(folder, f"blocks/{name}.yaml", block)
        page = {"path": f"/{name}", "title": name, "blocks": ["first", name, "last"]}
        write(folder, f"pages/{name}.yaml", page)
    write(folder, "pages/home.yaml", {"path": "/", "title": "Home", "blocks": ["first", "last"]})


def persx(*arguments: object) -> str:
    """Run a command in this process, which is never the one that serves the home.

    In a thread of its own, because the browser's driver has a loop running in this one.
    """
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(CliRunner().invoke, main, [*map(str, arguments)]).result()
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def tamper(home: Path, change: Callable[[dict[str, Any]], object], number: int = 1) -> None:
    """Change a snapshot where it is stored."""
    with closing(sqlite3.connect(home / "persx.db")) as database, database:
        (body,) = database.execute(
            "select body from snapshot where number = ?", [number]
        ).fetchone()
        snapshot = json.loads(body)
        change(snapshot["workspace"])
        stored = json.dumps(snapshot).encode()
        database.execute("update snapshot set body = ? where number = ?", [stored, number])


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("broken")
    workspace(folder / "workspace")
    persx("publish", folder / "workspace", "--home", folder / "home")
    return folder / "home"


def server_of(
    published: Path, folder: Path, change: Callable[[dict[str, Any]], object]
) -> Iterator[Server]:
    home = copied_home(published, folder / "home")
    tamper(home, change)
    with running(home) as server:
        yield server


def own_blocks(workspace: dict[str, Any]) -> list[dict[str, Any]]:
    return [workspace["blocks"][name.replace("_", "-")] for name in CONTENTS]


@pytest.fixture(scope="module")
def bad_variants(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Every block's variant has a field of another version."""

    def change(workspace: dict[str, Any]) -> None:
        for block in own_blocks(workspace):
            block["variants"][0]["content"] = {"headline_of_2031": "?"}
        # Of this type the content is right and the template is not.
        workspace["blocks"]["moody"]["variants"][0]["content"] = {"parts": 0}
        template = "<p>{{ 6 // content.parts }} moods, by default</p>"
        workspace["block_types"]["moody"]["template"] = template

    yield from server_of(published, tmp_path_factory.mktemp("variants"), change)


@pytest.fixture(scope="module")
def bad_defaults(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Neither a block's default content nor its variant can be shown."""

    def change(workspace: dict[str, Any]) -> None:
        for block in own_blocks(workspace):
            block["content"] = {"headline_of_2031": "?"}
        workspace["blocks"]["moody"]["content"] = {"title": "x", "parts": 1}
        workspace["block_types"]["moody"]["template"] = "<p>{{ 6 // 0 }}</p>"

    yield from server_of(published, tmp_path_factory.mktemp("defaults"), change)


@pytest.fixture(scope="module")
def no_types(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Every block's type has gone."""

    def change(workspace: dict[str, Any]) -> None:
        for block in own_blocks(workspace):
            block["type"] = block["type"] + "_of_2019"
        workspace["block_types"] = {}

    yield from server_of(published, tmp_path_factory.mktemp("types"), change)


def counted(page: Page, pattern: re.Pattern[str]) -> dict[str, float]:
    text = page.context.request.get("/metrics").text()
    return {name: float(count) for name, count in pattern.findall(text)}


def read_as_saas(
    browser: Browser, server: Server, type_: str
) -> tuple[dict[str, Any], dict[str, float]]:
    """Read a type's page as a visitor from SaaS; return its blocks, and what was counted."""
    context = browser.new_context(base_url=server.url)
    try:
        declare(context, industry="SaaS")
        page = context.new_page()
        problems = watch(page)
        before = counted(page, REASONS)
        answer = page.goto("/" + type_.replace("_", "-"))
        assert answer is not None
        assert answer.status == 200
        after = counted(page, REASONS)
        # The rest of the page is as it always is.
        expect(page.locator("h1")).to_have_text(HEADLINE)
        expect(page.locator("#last")).to_contain_text(SAMPLES["cta"]["label"])
        expect(page.locator("img.exposure")).to_have_count(1)
        assert problems == []
        return blocks_of(page), {
            reason: count - before[reason]
            for reason, count in after.items()
            if count != before[reason]
        }
    finally:
        context.close()


REST = {"first": ("default", "no_match"), "last": ("default", "no_match")}


@pytest.mark.parametrize("type_", CONTENTS)
def test_a_variant_that_cannot_be_shown_gives_way_to_the_default(
    browser: Browser, bad_variants: Server, type_: str
) -> None:
    reason = "error" if type_ == "moody" else "invalid"
    blocks, counts = read_as_saas(browser, bad_variants, type_)
    assert blocks == {**REST, type_.replace("_", "-"): ("default", reason)}
    assert counts == {reason: 1, "no_match": 2}


@pytest.mark.parametrize("type_", CONTENTS)
def test_a_block_whose_default_is_broken_too_is_left_out(
    browser: Browser, bad_defaults: Server, type_: str
) -> None:
    reason = "error" if type_ == "moody" else "invalid"
    blocks, counts = read_as_saas(browser, bad_defaults, type_)
    assert blocks == REST
    assert counts == {reason: 1, "no_match": 2}


@pytest.mark.parametrize("type_", CONTENTS)
def test_a_block_whose_type_has_gone_is_left_out(
    browser: Browser, no_types: Server, type_: str
) -> None:
    blocks, counts = read_as_saas(browser, no_types, type_)
    assert blocks == REST
    assert counts == {"invalid": 1, "no_match": 2}


def test_the_operator_and_the_visitor_are_told(browser: Browser, bad_variants: Server) -> None:
    log = bad_variants.output.read_text("utf-8")
    assert "Snapshot 1: Content 'saas' of block 'hero' (hero): " in log
    assert "headline_of_2031" in log
    context = browser.new_context(base_url=bad_variants.url)
    declare(context, industry="SaaS")
    page = context.new_page()
    page.goto("/hero")
    page.goto("/moody")
    errors = counted(page, ERRORS)
    assert errors["publication"] >= len(CONTENTS) - 1
    assert errors["render"] >= 1
    assert (
        "Block 'moody' could not be rendered: ZeroDivisionError" in bad_variants.output.read_text()
    )
    page.goto("/privacy")
    receipts = page.get_by_test_id("receipt")
    expect(receipts).to_have_count(2)
    page.evaluate("document.querySelectorAll('main details').forEach(d => d.open = true)")
    assert violations(page) == []
    context.close()


def test_applications_get_the_default_too(browser: Browser, bad_variants: Server) -> None:
    context = browser.new_context(base_url=bad_variants.url)
    declare(context, industry="SaaS")
    answer = context.request.post(
        "/v1/decide",
        headers={"Authorization": f"Bearer {WRITE_KEY}"},
        data={"blocks": ["hero", "card", "first", "nothing"]},
    )
    found = answer.json()["decisions"]
    assert {name: each["reason"] for name, each in found.items()} == {
        "hero": "invalid", "card": "invalid", "first": "no_match", "nothing": "invalid",
    }  # fmt: skip
    assert found["hero"]["content"]["headline"] == HEADLINE
    assert found["card"]["content"] == CARD
    context.close()


def test_a_rule_and_a_block_that_are_not_there_any_more(
    browser: Browser, published: Path, tmp_path: Path
) -> None:
    def change(workspace: dict[str, Any]) -> None:
        workspace["blocks"]["hero"]["variants"][0]["when"] = "industry resembles 'SaaS'"
        workspace["pages"]["cta"]["blocks"] = ["first", "gone", "last"]

    for server in server_of(published, tmp_path, change):
        blocks, counts = read_as_saas(browser, server, "hero")
        assert blocks["hero"] == ("default", "no_match")
        blocks, counts = read_as_saas(browser, server, "cta")
        assert (blocks, counts) == (REST, {"no_match": 2})
        log = server.output.read_text("utf-8")
        assert "Variant 'saas' of block 'hero'" in log
        assert "Page 'cta': there is no block 'gone'." in log


BROKEN: dict[str, Callable[[dict[str, Any]], object]] = {
    "a field of another version": lambda workspace: workspace.update(telepathy={}),
    "a settings field of another version": lambda workspace: workspace["settings"].update(aura=1),
    "an audience that nobody can read": lambda workspace: workspace["audiences"].update(
        seers={"name": "seers", "when": "sees(future)"}
    ),
    "a place without time": lambda workspace: workspace["settings"].update(zone="Atlantis/Port"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_snapshot_that_cannot_be_read_leaves_the_one_before(
    browser: Browser, published: Path, tmp_path: Path, how: str
) -> None:
    home = copied_home(published, tmp_path / "home")
    persx("pull", tmp_path / "copy", "--home", home)
    settings = tmp_path / "copy" / "settings.yaml"
    settings.write_text(settings.read_text("utf-8") + "tagline: Second\n", "utf-8")
    persx("push", tmp_path / "copy", "--home", home)
    persx("publish", "--home", home)
    tamper(home, BROKEN[how], 2)
    with running(home) as server:
        blocks, _ = read_as_saas(browser, server, "hero")
        assert blocks["hero"] == ("saas", "targeted")
        log = server.output.read_text("utf-8")
        assert "Snapshot 2 cannot be served" in log
        assert "Snapshot 1 is served in place of 2." in log
        # Publishing again is the way out, while it is served.
        settings.write_text(settings.read_text("utf-8").replace("Second", "Third"), "utf-8")
        persx("push", tmp_path / "copy", "--home", home)
        persx("publish", "--home", home)
        page = browser.new_page(base_url=server.url)
        page.goto("/")
        expect(page.locator("footer")).to_contain_text("Third")
        page.close()
