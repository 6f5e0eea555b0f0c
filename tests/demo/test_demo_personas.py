"""The demo's personas: three for each industry, found from what visitors say and do."""

from __future__ import annotations

from typing import Any

import pytest

from persx.audience.personas import PersonaScorer
from persx.audience.program import Program
from persx.demo import demo_folder
from persx.model.workspace import Workspace
from persx.workspace.documents import read_folder
from persx.workspace.snapshot import schema
from persx.workspace.validation import check

NOW = 1_790_000_000_000

EXAMPLE: dict[str, Any] = {
    "industry": "eCommerce",
    "goals": ["Increase AOV", "Reduce cart abandonment"],
    "tools": ["Shopify", "Klaviyo", "Google Analytics"],
    "visited_pages": ["/blog/cart-abandonment", "/contact"],
    "time_on_site": 420,
    "returning_visitor": True,
}
"""The strategy's own example."""

DEEDS: dict[str, dict[str, Any]] = {
    "ReturnVisitor": {
        "returning_visitor": True,
        "sessions": 2,
        "page_views": 5,
        "time_on_site": 420,
        "visited_pages": ["/", "/contact"],
    },
    "Researcher": {
        "returning_visitor": False,
        "sessions": 1,
        "page_views": 9,
        "time_on_site": 600,
        "visited_pages": [
            "/blog/measuring-lift",
            "/blog/consent-first",
            "/blog/when-personalization-breaks",
        ],
    },
    "FirstVisit": {
        "returning_visitor": False,
        "sessions": 1,
        "page_views": 2,
        "time_on_site": 40,
        "visited_pages": ["/", "/test-ideas"],
    },
    "ContactIntender": {
        "returning_visitor": False,
        "sessions": 1,
        "page_views": 4,
        "time_on_site": 90,
        "visited_pages": ["/", "/contact"],
    },
}
"""What each kind of visitor has done, by the last part of a persona's name."""


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    found, _ = check(read_folder(demo_folder()))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def scorer(workspace: Workspace) -> PersonaScorer:
    rules = {name: audience.when for name, audience in workspace.audiences.items()}
    program = Program(schema(workspace), rules)
    return PersonaScorer(workspace.personas, workspace.settings.personas, program)


def test_there_are_three_for_each_industry_named_alike(workspace: Workspace) -> None:
    assert len(workspace.personas) == 15
    for industry in workspace.industries.values():
        own = [p for p in workspace.personas.values() if p.industry == industry.name]
        assert len(own) == 3
        for persona in own:
            prefix, focus, kind = persona.name.split("-")
            assert prefix == industry.name.replace(" ", "")
            assert focus
            assert kind in DEEDS
            assert set(persona.goals) <= set(industry.goals)
            assert set(persona.tools) <= set(industry.tools)
            assert len(persona.behaviour) >= 2
            assert persona.label
            assert persona.description


def test_the_example_of_the_strategy_is_recognised(scorer: PersonaScorer) -> None:
    found = scorer.detect(EXAMPLE, NOW)
    assert found is not None
    assert found.name == "eCommerce-Growth-ReturnVisitor"
    assert found.score == 1.0
    runner_up = scorer.score(EXAMPLE, NOW)[1]
    assert runner_up.score < found.score - 0.2


def test_every_persona_is_found_from_its_own_description(
    workspace: Workspace, scorer: PersonaScorer
) -> None:
    for persona in workspace.personas.values():
        visitor = {
            "industry": persona.industry,
            "goals": list(persona.goals),
            "tools": list(persona.tools),
            **DEEDS[persona.name.split("-")[2]],
        }
        found = scorer.detect(visitor, NOW)
        assert found is not None, persona.name
        assert found.name == persona.name
        assert found.score == 1.0, f"{persona.name} {found.parts}"


def test_an_industry_alone_makes_no_persona(workspace: Workspace, scorer: PersonaScorer) -> None:
    for industry in workspace.industries:
        assert scorer.detect({"industry": industry}, NOW) is None


def test_someone_who_said_everything_gets_a_persona_of_their_industry(
    workspace: Workspace, scorer: PersonaScorer
) -> None:
    for industry in workspace.industries.values():
        visitor: dict[str, Any] = {
            "industry": industry.name,
            "goals": list(industry.goals),
            "tools": list(industry.tools),
        }
        found = scorer.detect(visitor, NOW)
        assert found is not None
        assert workspace.personas[found.name].industry == industry.name


def test_a_stranger_gets_none(scorer: PersonaScorer) -> None:
    assert scorer.detect({}, NOW) is None
    assert scorer.detect({"goals": EXAMPLE["goals"], "tools": EXAMPLE["tools"]}, NOW) is None
