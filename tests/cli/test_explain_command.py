"""persx explain: which clause decided, with which value, from a home and from a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from persx import Engine
from persx.model.errors import BadInput
from tests.cli.test_workspace_commands import Cli

RULE = 'industry == "SaaS" and page_views > 3'


@pytest.fixture
def persx(tmp_path: Path) -> Cli:
    """The command line on a home with the small workspace."""
    persx = Cli(tmp_path / "home")
    persx("new", tmp_path / "site")
    return persx


def test_a_rule_for_facts_that_are_given(persx: Cli, tmp_path: Path) -> None:
    facts = ("--attributes", '{"industry": "SaaS", "page_views": 2}')
    lines = [
        '* false  industry == "SaaS" and page_views > 3',
        '    true   industry == "SaaS"  (industry is "SaaS")',
        "*   false  page_views > 3  (page_views is 2)",
    ]
    assert persx("explain", RULE, *facts).output.splitlines() == lines
    folder = ("--folder", tmp_path / "site")
    assert persx("explain", RULE, *facts, *folder).output.splitlines() == lines
    found = json.loads(persx("explain", RULE, *facts, "--json").output)
    assert found["result"] is False
    assert [part["deciding"] for part in found["parts"]] == [False, True]
    assert found["parts"][1]["values"] == {"page_views": 2}


def test_an_audience_and_what_follows_from_the_moment(persx: Cli) -> None:
    output = persx("explain", 'in_audience("readers") or hour >= 0').output
    assert "page_views is not known" in output
    assert "hour is " in output


def test_a_count_that_nothing_counts_yet_can_be_given(persx: Cli) -> None:
    rule = 'count("Signup", "30d") >= 2'
    assert "is not known" in persx("explain", rule).output
    facts = json.dumps({'count("Signup", "30d")': 2})
    assert persx("explain", rule, "--attributes", facts).output.startswith("* true ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (['industri == "SaaS"'], "Did you mean 'industry'?"),
        ([RULE, "--attributes", '{"industri": "SaaS"}'], "Did you mean 'industry'?"),
        ([RULE, "--attributes", '{"industry": "Saas"}'], "one of: eCommerce, SaaS."),
        ([RULE, "--attributes", '{"page_views": "2"}'], "It is of the type number."),
        ([RULE, "--attributes", "industry=SaaS"], "is not a JSON object"),
        ([RULE, "--attributes", "[]"], "is not a JSON object"),
        ([RULE, "--folder", ".", "--user-id", "ann"], "A folder knows no visitors"),
    ],
)
def test_what_cannot_be_explained_is_told_in_a_line(
    persx: Cli, words: list[str], told: str
) -> None:
    output = persx("explain", *words, code=2).output
    assert told in output
    assert output.count("\n") == 1


def test_a_visitor_of_whom_nothing_is_known(persx: Cli) -> None:
    assert "'ann'" in persx("explain", RULE, "--user-id", "ann", code=4).output


def test_the_engine_explains(tmp_path: Path, persx: Cli) -> None:
    persx("check")
    engine = Engine.from_folder(tmp_path / "site")
    assert engine.explain(RULE, {"industry": "SaaS", "page_views": 4}).result
    with pytest.raises(BadInput):
        engine.explain("nothing > 3")
