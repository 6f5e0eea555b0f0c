"""Tests for a continuous integration: a pytest file with one test for each industry × page."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from persx.app.probe_browser import plain
from persx.model.decision import Reason
from persx.model.errors import BadInput
from persx.model.probe import ExpectedBlock, ProbeVisitor, Walk

FILE: Final = "test_personalization.py"

_DRAWN: Final = (Reason.ARM, Reason.LEARNED)
"""What another home would draw otherwise: its variant is not pinned."""

_TEMPLATE: Final = '''"""Each industry on each page of a persx site, as delivered, without scripts.

Written by `persx probe --write-tests` from snapshot {snapshot}; after a publication that changes
what somebody should see, write it anew. It needs pytest and httpx, and a running server:

    export PERSX_URL=http://127.0.0.1:8321
    export PERSX_PROBE_MARK=$(persx probe --mark --home HOME)
    pytest {file}

The mark makes these visitors probes: they count nowhere.
"""

import html
import os
import re

import httpx
import pytest

URL = os.environ.get("PERSX_URL", "http://127.0.0.1:8321").rstrip("/")
MARK = os.environ.get("PERSX_PROBE_MARK", "")
MISSING = "tests-ask-for-what-is-missing"

# Visitor -> path -> block -> variant (None: an experiment draws it) and a text that it says.
EXPECTED = {expected}

INDUSTRIES = {industries}
CASES = [(visitor, path) for visitor, pages in EXPECTED.items() for path in pages]


def browser(**cookies):
    assert MARK, "PERSX_PROBE_MARK is not set: these visitors would count as people."
    return httpx.Client(base_url=URL, headers={{"Persx-Probe": MARK}}, cookies=cookies, timeout=20)


def seen(page):
    """Return block -> (variant, reason), and the text of the page."""
    blocks = {{}}
    for tag in re.findall(r"<section [^>]*data-block=[^>]*>", page.text):
        given = dict(re.findall(r'data-(block|variant|reason)="([^"]*)"', tag))
        blocks[html.unescape(given["block"])] = (
            html.unescape(given["variant"]),
            given["reason"],
        )
    return blocks, " ".join(html.unescape(re.sub(r"<[^>]+>", "", page.text)).split())


@pytest.fixture(scope="module")
def visitors():
    """One browser for each visitor; those with an industry have sent the start form."""
    with browser() as first:
        told = first.get("/v1/probe")
        assert told.status_code == 200, told.text
    opened = {{}}
    for visitor in told.json()["visitors"]:
        client = opened[visitor["name"]] = browser(persx_visitor=visitor["cookie"])
        if visitor["industry"]:
            form = {{"industry": visitor["industry"], "complete": "1"}}
            sent = client.post("/start", data=form)
            assert sent.status_code == 303, f"The start form answered {{sent.status_code}}"
            assert "persx_state" in client.cookies, "The start form remembered nothing"
    yield opened
    for client in opened.values():
        client.close()


@pytest.mark.parametrize(("visitor", "path"), CASES, ids=[f"{{v}} on {{p}}" for v, p in CASES])
def test_a_visitor_sees_the_right_page(visitors, visitor, path):
    page = visitors[visitor].get(path)
    assert page.status_code == 200
    blocks, text = seen(page)
    for block, (variant, says) in EXPECTED[visitor][path].items():
        assert block in blocks, f"{{block}} is not in the page"
        shown, reason = blocks[block]
        assert reason not in ("error", "invalid"), f"{{block}} is broken: {{reason}}"
        if variant is not None:
            assert shown == variant, f"{{block}} shows {{shown}} ({{reason}})"
            assert says in text


@pytest.mark.parametrize("path", sorted({{path for _, path in CASES}}))
def test_a_page_without_cookies_is_whole(path):
    with browser() as client:
        page = client.get(path)
    assert page.status_code == 200
    blocks, _ = seen(page)
    assert not [block for block, (_, reason) in blocks.items() if reason in ("error", "invalid")]


def test_an_unknown_page_says_so():
    with browser() as client:
        page = client.get(f"/{{MISSING}}")
    assert page.status_code == 404
    assert "<main" in page.text


@pytest.mark.skipif(not INDUSTRIES, reason="the site has no industries")
def test_an_unknown_industry_is_refused_and_the_form_shown_again():
    with browser() as client:
        page = client.post("/start", data={{"industry": MISSING}})
    assert page.status_code == 422
    assert 'action="/start"' in page.text


@pytest.mark.skipif(not INDUSTRIES, reason="the site has no industries")
def test_the_start_form_works_without_scripts():
    with browser() as client:
        form = html.unescape(client.get("/start").text)
    assert 'method="post"' in form
    for industry in INDUSTRIES:
        assert f'value="{{industry}}"' in form
'''


def write_tests(walk: Walk, folder: Path) -> list[Path]:
    """Write the tests of a site into a folder, which is made where it is missing.

    Returns:
        The files that were written.

    Raises:
        BadInput: The folder cannot be written.
    """
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(tests_of(walk), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}.", value=str(folder)) from error
    return [path]


def tests_of(walk: Walk) -> str:
    """Return the text of the tests of a site."""
    expected = {
        visitor.name: {
            stop.path: {
                each.block: (
                    None if _is_drawn(each, visitor) else each.variant,
                    "" if _is_drawn(each, visitor) else plain(each.text),
                )
                for each in stop.blocks
                if each.reason is not Reason.INVALID
            }
            for stop in visitor.stops
        }
        for visitor in walk.visitors
    }
    return _TEMPLATE.format(
        snapshot=walk.snapshot,
        file=FILE,
        expected=_literal(expected),
        industries=list(walk.industries),
    )


def _is_drawn(block: ExpectedBlock, visitor: ProbeVisitor) -> bool:
    """Tell whether chance chose the content: a block's holdout too, but not the whole site's."""
    return block.reason in _DRAWN or (block.reason is Reason.HOLDOUT and not visitor.held)


def _literal(value: object, indent: str = "") -> str:
    """Return a nested mapping as Python has it, an entry a line."""
    if not isinstance(value, dict):
        return repr(value)
    inner = indent + "    "
    entries = "".join(f"{inner}{key!r}: {_literal(each, inner)},\n" for key, each in value.items())
    return f"{{\n{entries}{indent}}}" if entries else "{}"
