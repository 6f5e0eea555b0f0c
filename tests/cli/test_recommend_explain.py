"""`persx recommend explain`: why a list was as it was, after the fact."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from persx.app.asked_lists import asked_list
from persx.app.deciding import decide_for, page_plan
from persx.app.home import open_home
from persx.app.recommending import RecommendRequest
from persx.app.starting import load_demo
from persx.app.visiting import Visitor
from persx.cli import main
from persx.testing import see


def explain(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["recommend", "explain", *arguments, "--home", str(home)])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    asyncio.run(make(tmp_path))
    return tmp_path


async def make(home: Path) -> None:
    """A shop that has answered one visitor: with a list, and with a block of a page."""
    async with open_home(home) as services:
        await load_demo(services, "shop")
        await services.refresh()
        plan = services.publication.plan
        assert plan is not None
        ada = Visitor(anonymous_id="ada", trusted=True)
        await asked_list(services, ada, RecommendRequest(pipeline="for-you", count=3))
        page = page_plan(plan, "", ["for-you"])
        await decide_for(services, ada, plan=plan, page=page, context={})
        await services.decision_log.flush(services.store)


async def lines(home: Path) -> list[str]:
    async with open_home(home, read_only=True) as services:
        found = await see(services.store).decisions_of(["a:ada"], 9)
        return sorted(line.id for line in found)


def test_a_list_and_a_page_are_explained(home: Path) -> None:
    told = [explain(home, id).output for id in asyncio.run(lines(home))]
    listed = next(each for each in told if each.startswith("for-you,"))
    assert "Nothing was trained then: the newest items led." in listed
    assert "to a:ada" in listed
    assert "\n  1  " in listed
    assert "rule 1: boost by 2: contains(viewed_categories, item.category_path)" in listed
    page = next(each for each in told if each.startswith("blocks,"))
    assert "for-you: for-you (" in page


def test_as_json_and_what_is_not_there(home: Path) -> None:
    found = [json.loads(explain(home, id, "--json").output) for id in asyncio.run(lines(home))]
    (listed,) = [each["recommended"] for each in found if "recommended" in each]
    assert len(listed["items"]) == 3
    missing = explain(home, "0" * 27)
    assert missing.exit_code != 0
    assert "There is no such decision" in missing.output
