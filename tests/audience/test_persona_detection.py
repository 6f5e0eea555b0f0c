"""Personas are scored by the documented formula; the example of the strategy comes out right."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persx.audience.personas import PersonaScorer, detect_persona, score_personas
from persx.audience.program import Program
from persx.audience.schema import Schema
from persx.model.attribute import Attribute, ValueType
from persx.model.errors import BadInput
from persx.model.workspace import Persona, PersonaSettings

ATTRIBUTES = {
    name: Attribute(name=name, type=type)
    for name, type in {
        "industry": ValueType.STRING,
        "goals": ValueType.STRINGS,
        "tools": ValueType.STRINGS,
        "visited_pages": ValueType.STRINGS,
        "time_on_site": ValueType.NUMBER,
        "sessions": ValueType.NUMBER,
        "returning_visitor": ValueType.BOOLEAN,
    }.items()
}
AUDIENCES = {"readers": 'page.path == "/blog" or persona == "Reader"'}
PROGRAM = Program(Schema(ATTRIBUTES, AUDIENCES), AUDIENCES)
SETTINGS = PersonaSettings()
PERSONAS = {
    persona.name: persona
    for persona in (
        Persona(
            name="eCommerce-Starter-NewVisitor",
            industry="eCommerce",
            goals=("Get more traffic", "Launch a shop"),
            tools=("WooCommerce", "Mailchimp", "Google Analytics"),
            behaviour=("not returning_visitor", "sessions <= 1"),
        ),
        Persona(
            name="eCommerce-Growth-ReturnVisitor",
            industry="eCommerce",
            goals=("Increase AOV", "Reduce cart abandonment"),
            tools=("Shopify", "Klaviyo", "Google Analytics", "Attentive"),
            behaviour=(
                "returning_visitor",
                "time_on_site >= 300",
                '"/blog/cart-abandonment" in visited_pages or "/contact" in visited_pages',
            ),
        ),
        Persona(
            name="eCommerce-Enterprise-Evaluator",
            industry="eCommerce",
            goals=("Unify customer data", "Increase AOV"),
            tools=("Salesforce Commerce Cloud", "Adobe Analytics"),
            behaviour=("returning_visitor", "size(visited_pages) >= 5"),
        ),
        Persona(
            name="SaaS-Growth-ReturnVisitor",
            industry="SaaS",
            goals=("Increase AOV", "Reduce cart abandonment"),
            tools=("Shopify", "Klaviyo", "Google Analytics"),
            behaviour=("returning_visitor",),
        ),
        Persona(name="Healthcare", industry="Healthcare"),
    )
}
EXAMPLE: dict[str, Any] = {
    "industry": "eCommerce",
    "goals": ["Increase AOV", "Reduce cart abandonment"],
    "tools": ["Shopify", "Klaviyo", "Google Analytics"],
    "visited_pages": ["/blog/cart-abandonment", "/contact"],
    "time_on_site": 420,
    "returning_visitor": True,
}


def test_the_example_of_the_strategy_is_detected() -> None:
    found = detect_persona(PERSONAS, SETTINGS, PROGRAM, EXAMPLE, 0)
    assert found is not None
    assert found.name == "eCommerce-Growth-ReturnVisitor"
    assert found.parts == {"industry": 1.0, "goals": 1.0, "tools": 0.75, "behaviour": 1.0}
    assert found.score == pytest.approx(0.4 + 0.25 + 0.15 * 0.75 + 0.2)
    scores = score_personas(PERSONAS, SETTINGS, PROGRAM, EXAMPLE, 0)
    assert scores[0] == found
    assert [score.score for score in scores] == sorted(
        (score.score for score in scores), reverse=True
    )
    assert {score.name for score in scores} == set(PERSONAS)


def test_each_part_counts_as_documented() -> None:
    persona = {"P": PERSONAS["eCommerce-Growth-ReturnVisitor"]}

    def score(**visitor: Any) -> float:
        return score_personas(persona, SETTINGS, PROGRAM, visitor, 0)[0].score

    assert score() == 0
    assert score(industry="eCommerce") == pytest.approx(0.4)
    assert score(industry="SaaS") == 0
    assert score(goals=["Increase AOV", "Other"]) == pytest.approx(0.125)
    assert score(goals=["increase aov ", "REDUCE CART ABANDONMENT"]) == pytest.approx(0.25)
    assert score(goals=["Increase AOV"] * 5) == pytest.approx(0.125)
    assert score(tools=["Shopify"]) == pytest.approx(0.15 / 4)
    assert score(time_on_site=300) == pytest.approx(0.2 / 3, abs=1e-8)


def test_a_part_about_which_a_persona_says_nothing_counts_half() -> None:
    general = Persona(industry="eCommerce")
    personas = {"General": general, **PERSONAS, "Nothing": Persona()}
    only_industry = {"industry": "eCommerce"}
    found = detect_persona(personas, SETTINGS, PROGRAM, only_industry, 0)
    assert found is not None
    assert (found.name, found.score) == ("General", pytest.approx(0.7))
    # What says more, and fits, comes before it.
    best = score_personas(personas, SETTINGS, PROGRAM, EXAMPLE, 0)
    assert [best[0].name, best[1].name] == ["eCommerce-Growth-ReturnVisitor", "General"]
    assert next(score.score for score in best if score.name == "Nothing") == 0


def test_ties_go_in_the_documents_order_and_the_threshold_counts() -> None:
    twins = {"B": Persona(industry="SaaS"), "A": Persona(industry="SaaS")}
    visitor = {"industry": "SaaS"}
    assert [s.name for s in score_personas(twins, SETTINGS, PROGRAM, visitor, 0)] == ["B", "A"]
    exact = PersonaSettings(threshold=0.7)
    assert detect_persona(twins, exact, PROGRAM, visitor, 0) is not None
    above = PersonaSettings(threshold=0.71)
    assert detect_persona(twins, above, PROGRAM, visitor, 0) is None
    assert detect_persona({}, SETTINGS, PROGRAM, visitor, 0) is None
    assert detect_persona(twins, PersonaSettings(threshold=0), PROGRAM, {}, 0) is not None


def test_strange_weights_do_no_harm() -> None:
    nothing = PersonaSettings(industry=0, goals=0, tools=0, behaviour=0, threshold=0)
    assert detect_persona(PERSONAS, nothing, PROGRAM, EXAMPLE, 0) is None
    negative = PersonaSettings(industry=-5, goals=1, tools=0, behaviour=0)
    best = score_personas(PERSONAS, negative, PROGRAM, EXAMPLE, 0)[0]
    assert (best.name, best.score) == ("eCommerce-Growth-ReturnVisitor", 1.0)


def test_behaviour_may_ask_audiences_without_fixing_their_answers() -> None:
    personas = {"Reader": Persona(behaviour=('in_audience("readers")',), industry="SaaS")}
    scorer = PersonaScorer(personas, SETTINGS, PROGRAM)
    visitor: dict[str, Any] = {"industry": "SaaS"}
    memo: dict[str, bool] = {}
    assert scorer.reads == {"industry", "goals", "tools", "page.path", "persona"}
    assert scorer.score(visitor, 0)[0].parts["behaviour"] == 0
    with_persona = {**visitor, "persona": "Reader"}
    assert PROGRAM.predicate('in_audience("readers")')(with_persona, 0, memo) is True


def test_a_faulty_behaviour_rule_is_refused() -> None:
    with pytest.raises(BadInput, match="Unknown attribute"):
        PersonaScorer({"P": Persona(behaviour=("nobody",))}, SETTINGS, PROGRAM)


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from(["eCommerce", "SaaS", ""]),
    st.lists(st.one_of(st.sampled_from(["Increase AOV", "Shopify"]), st.none(), st.integers())),
    st.just({"a": 1}),
)


@given(st.dictionaries(st.sampled_from(sorted(ATTRIBUTES)), values))
def test_scores_stay_between_zero_and_one_whatever_is_known(visitor: dict[str, Any]) -> None:
    scores = score_personas(PERSONAS, SETTINGS, PROGRAM, visitor, 0)
    anyone = PersonaSettings(threshold=0)
    found = detect_persona(PERSONAS, anyone, PROGRAM, visitor, 0)
    assert found == (scores[0] if scores[0].score else None)
    for score in scores:
        assert 0 <= score.score <= 1
        assert all(0 <= part <= 1 for part in score.parts.values())
