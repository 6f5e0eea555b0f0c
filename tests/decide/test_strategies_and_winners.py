"""Layers of personalization as arms, A/A, and what becomes of a winner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.decide.compilation import compile_snapshot
from persx.decide.engine import decide
from persx.decide.plan import Plan
from persx.model.attribute import Attribute, ValueType
from persx.model.decision import PageDecision, Reason
from persx.model.visitor import Profile
from persx.model.workspace import (
    DEFAULT,
    Arm,
    Audience,
    Block,
    Experiment,
    HoldoutSettings,
    Industry,
    Page,
    Policy,
    Settings,
    Snapshot,
    Strategy,
    Variant,
    Workspace,
)

NOW = 1_790_000_000_000
VISITORS = [f"a:visitor-{n}" for n in range(200)]
ITEMS = [
    {"title": "Shoes", "text": "Shoes for running.", "href": "/shoes", "tags": ["Running"]},
    {"title": "Churn", "text": "Less of it.", "href": "/churn", "tags": ["SaaS"]},
]


def attribute(name: str, **fields: Any) -> Attribute:
    return Attribute(name=name, **fields)


def block(name: str, **variants: str) -> Block:
    """A call to action whose variants are called as they say."""
    return Block(
        name=name,
        type="cta",
        content={"headline": "Default", "label": "Go", "href": "/"},
        variants=tuple(
            Variant(name=each, when=when, content={"headline": each})
            for each, when in variants.items()
        ),
    )


def plan(*experiments: Experiment, share: float = 0.0) -> Plan:
    workspace = Workspace(
        settings=Settings(holdout=HoldoutSettings(share=share)),
        industries={name: Industry(name=name) for name in ("SaaS", "Retail")},
        attributes={
            "industry": attribute("industry", values="industries"),
            "orders": attribute("orders", type=ValueType.NUMBER),
            "interest": attribute("interest"),
        },
        audiences={"buyers": Audience(name="buyers", when="orders > 0")},
        strategies={
            "industry": Strategy(name="industry", attributes=("industry",)),
            "behaviour": Strategy(name="behaviour", attributes=("industry", "orders")),
        },
        blocks={
            "hero": block(
                "hero",
                again='industry == "SaaS" and in_audience("buyers")',
                saas='industry == "SaaS"',
            ),
            "side": block("side", buyer="orders > 0"),
            "list": Block(
                name="list",
                type="collection",
                content={
                    "headline": "For you",
                    "items": ITEMS,
                    "rank_by": ["interest", "industry"],
                },
            ),
        },
        pages={
            "home": Page(name="home", path="/", title="Home", blocks=("hero", "side", "list")),
            "other": Page(name="other", path="/other", title="Other", blocks=("side",)),
        },
        experiments={each.key: each for each in experiments},
    )
    return compile_snapshot(
        Snapshot(number=1, digest="", published=0, author="", message="", workspace=workspace)
    )


def layered(**fields: Any) -> Experiment:
    return Experiment(
        key="layers",
        arms=(
            Arm(name="generic", show="default"),
            Arm(name="industry", show="industry"),
            Arm(name="behaviour", show="behaviour"),
            Arm(name="all"),
        ),
        **fields,
    )


def decided(
    of: Plan, visitor: str, known: Mapping[str, Any], page: str = "home", **profile: Any
) -> PageDecision:
    made = Profile(bucketing_id=visitor, attributes=dict(known), **profile)
    return decide(of, of.pages[page], made, {}, NOW)


def shown(decision: PageDecision) -> dict[str, str]:
    return {each.block: each.variant for each in decision.decisions}


def by_arm(of: Plan, known: Mapping[str, Any], page: str = "home") -> dict[str, PageDecision]:
    """One decision for each arm."""
    found = {}
    for visitor in VISITORS:
        decision = decided(of, visitor, known, page)
        found[decision.assignments[0].arm] = decision
    return found


KNOWN = {"industry": "SaaS", "orders": 2.0, "interest": "Running"}


def test_each_arm_goes_by_one_layer_more() -> None:
    found = by_arm(plan(layered()), KNOWN)
    assert {arm: shown(each)["hero"] for arm, each in found.items()} == {
        "generic": "default",
        "industry": "saas",
        "behaviour": "again",
        "all": "again",
    }
    assert {arm: shown(each)["side"] for arm, each in found.items()} == {
        "generic": "default",
        "industry": "default",
        "behaviour": "buyer",
        "all": "buyer",
    }
    assert all(
        each.reason is Reason.ARM
        for arm, decision in found.items()
        for each in decision.decisions
        if arm != "all"
    )


def test_lists_are_ranked_by_the_layers_attributes_alone() -> None:
    found = by_arm(plan(layered()), KNOWN)

    def first(arm: str) -> str:
        items = next(each.content for each in found[arm].decisions if each.block == "list")["items"]
        return str(items[0]["title"])

    # Both speak for one item each: without the interest only the industry's is left.
    assert first("generic") == "Shoes"
    assert first("industry") == "Churn"
    assert first("all") == "Shoes"


def test_who_counts_is_alike_in_every_arm() -> None:
    for known in (KNOWN, {"industry": "SaaS"}, {"orders": 1.0}, {"industry": "Retail"}, {}):
        found = by_arm(plan(layered()), known)
        assert len(found) == 4
        assert len({each.assignments[0].eligible for each in found.values()}) == 1, known
    assert (
        not by_arm(plan(layered()), {"industry": "Retail"}, "other")["all"].assignments[0].eligible
    )


def test_everybody_who_sees_a_block_counts_in_a_test_of_alike_arms() -> None:
    alike = Experiment(key="aa", blocks=("hero",), arms=(Arm(name="a"), Arm(name="b")))
    found = by_arm(plan(alike), {})
    assert found.keys() == {"a", "b"}
    assert all(each.assignments[0].eligible for each in found.values())
    assert shown(found["a"]) == shown(found["b"])
    assert not decided(plan(alike), VISITORS[0], {}, "other").assignments


@pytest.mark.parametrize(
    ("winner", "hero", "side"),
    [
        ("generic", "default", "default"),
        ("industry", "saas", "default"),
        ("behaviour", "again", "buyer"),
        ("all", "again", "buyer"),
    ],
)
def test_a_winner_is_what_everybody_gets(winner: str, hero: str, side: str) -> None:
    of = plan(layered(status="stopped", winner=winner))
    # Even who may not be measured, and nobody is assigned or counted any more.
    for profile in ({}, {"storable": False}, {"measurable": False}):
        decision = decided(of, VISITORS[0], KNOWN, **profile)
        assert (shown(decision)["hero"], shown(decision)["side"]) == (hero, side)
        assert not decision.assignments


def test_a_winning_variant_is_shown_to_the_target_and_to_nobody_else() -> None:
    won = Experiment(
        key="test",
        target='industry == "Retail"',
        arms=(Arm(name="old"), Arm(name="new", show={"hero": "saas"})),
        status="stopped",
        winner="new",
    )
    of = plan(won)
    assert shown(decided(of, "a:v", {"industry": "Retail"}))["hero"] == "saas"
    assert shown(decided(of, "a:v", {"industry": "SaaS", "orders": 1.0}))["hero"] == "again"
    assert shown(decided(of, "a:v", {}))["hero"] == "default"


def test_a_strategy_that_won_leaves_others_than_its_target_alone() -> None:
    won = layered(target="orders > 5", status="stopped", winner="industry")
    few, many = {**KNOWN, "orders": 1.0}, {**KNOWN, "orders": 6.0}
    assert shown(decided(plan(won), "a:v", few))["hero"] == "again"
    assert shown(decided(plan(won), "a:v", many))["hero"] == "saas"


@pytest.mark.parametrize("target", ["", 'industry == "SaaS"'])
@pytest.mark.parametrize("winner", ["saas", DEFAULT])
def test_a_block_that_learns_has_nothing_else_to_draw_where_one_has_won(
    target: str, winner: str
) -> None:
    learning = msgspec.structs.replace(
        block("hero", saas='industry == "SaaS"', always=""), policy=Policy.LEARN
    )
    won = Experiment(
        key="test",
        target=target,
        arms=(Arm(name="old"), Arm(name="new", show={"hero": winner})),
        status="stopped",
        winner="new",
    )
    workspace = Workspace(
        settings=Settings(holdout=HoldoutSettings(share=0)),
        industries={"SaaS": Industry(name="SaaS")},
        attributes={"industry": attribute("industry", values="industries")},
        blocks={"hero": learning},
        pages={"home": Page(name="home", path="/", title="Home", blocks=("hero",))},
        experiments={"test": won},
    )
    of = compile_snapshot(
        Snapshot(number=1, digest="", published=0, author="", message="", workspace=workspace)
    )
    branches = of.blocks["hero"].branches
    eligible = of.program.page_chooser([[each] for each in branches])

    def open_to(known: dict[str, Any]) -> list[str]:
        held = eligible(known, NOW, {})
        names = of.blocks["hero"].names
        return [name for name, found in zip(names, held, strict=False) if found == 0]

    assert open_to({"industry": "SaaS"}) == [winner]
    assert open_to({}) == (["always"] if target else [winner])


def test_the_holdout_stays_held_out_of_a_winner() -> None:
    of = plan(layered(status="stopped", winner="all"), share=0.5)
    held = [each for each in VISITORS if shown(decided(of, each, KNOWN))["hero"] == "default"]
    assert 60 < len(held) < 140
    assert all(decided(of, each, KNOWN).assignments[0].eligible for each in VISITORS)


def test_two_factors_are_two_experiments_that_cross() -> None:
    """A multivariate test: every combination occurs, so each main effect is its own report."""
    of = plan(
        Experiment(
            key="f-hero", blocks=("hero",), arms=(Arm(name="off", show="default"), Arm(name="on"))
        ),
        Experiment(
            key="f-side", blocks=("side",), arms=(Arm(name="off", show="default"), Arm(name="on"))
        ),
    )
    cells: dict[tuple[str, ...], int] = {}
    for visitor in VISITORS:
        arms = tuple(each.arm for each in decided(of, visitor, KNOWN).assignments)
        cells[arms] = cells.get(arms, 0) + 1
    assert len(cells) == 4
    assert min(cells.values()) > 25


@settings(deadline=None)
@given(st.sampled_from(VISITORS), st.booleans(), st.floats(0, 9), st.sampled_from(["SaaS", ""]))
def test_nothing_but_the_layer_decides(
    visitor: str, has_interest: bool, orders: float, industry: str
) -> None:
    """What a strategy may not go by does not change what its arm shows."""
    known = {"industry": industry} if industry else {}
    more = {**known, "orders": orders, **({"interest": "Running"} if has_interest else {})}
    of = plan(layered())
    one, other = decided(of, visitor, known), decided(of, visitor, more)
    if one.assignments[0].arm == "industry":
        assert [each.content for each in one.decisions] == [
            each.content for each in other.decisions
        ]
