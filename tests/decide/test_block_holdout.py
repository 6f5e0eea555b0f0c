"""A block's own holdout: who is held out, who counts, and that nobody moves when it grows."""

from __future__ import annotations

from typing import Any

import pytest

from persx.app.deciding import record
from persx.decide.compilation import compile_snapshot
from persx.decide.engine import decide
from persx.decide.plan import Plan
from persx.decide.receipt import Rulebook, receipt
from persx.model.attribute import Attribute
from persx.model.decision import PageDecision, Reason
from persx.model.visitor import Profile
from persx.model.workspace import (
    Arm,
    Block,
    Experiment,
    HoldoutSettings,
    Industry,
    Page,
    Settings,
    Snapshot,
    Variant,
    Workspace,
)
from persx.workspace.validation import validate

NOW = 1_790_000_000_000
VISITORS = [f"a:visitor-{n}" for n in range(600)]


def workspace(share: float, *experiments: Experiment, everywhere: float = 0.0) -> Workspace:
    def block(name: str, **fields: Any) -> Block:
        return Block(
            name=name,
            type="cta",
            content={"headline": "Default", "label": "Go", "href": "/"},
            variants=(Variant(name="saas", when='industry == "SaaS"', content={"headline": name}),),
            **fields,
        )

    return Workspace(
        settings=Settings(holdout=HoldoutSettings(share=everywhere)),
        industries={"SaaS": Industry(name="SaaS")},
        attributes={"industry": Attribute(name="industry", values="industries")},
        blocks={"hero": block("hero", holdout=share), "side": block("side")},
        pages={"home": Page(name="home", path="/", title="Home", blocks=("hero", "side"))},
        experiments={each.key: each for each in experiments},
    )


def plan(*given: Any, **options: Any) -> Plan:
    return compile_snapshot(
        Snapshot(
            number=1, digest="", published=0, author="", message="",
            workspace=workspace(*given, **options),
        )
    )  # fmt: skip


def decided(of: Plan, visitor: str, industry: str = "SaaS") -> PageDecision:
    known = {"industry": industry} if industry else {}
    return decide(
        of, of.pages["home"], Profile(bucketing_id=visitor, attributes=known), {}, NOW
    )  # fmt: skip


def shown(decision: PageDecision) -> dict[str, str]:
    return {each.block: each.variant for each in decision.decisions}


def test_a_share_gets_the_blocks_default_and_everybody_counts_alike() -> None:
    of = plan(0.25)
    found = [decided(of, visitor) for visitor in VISITORS]
    held = [each for each in found if each.decisions[0].arms == {"holdout:hero": "generic"}]
    assert 0.18 < len(held) / len(found) < 0.32
    assert all(shown(each) == {"hero": "default", "side": "saas"} for each in held)
    assert all(each.decisions[0].reason is Reason.HOLDOUT for each in held)
    for each in found:
        (assignment,) = each.assignments
        assert (assignment.experiment, assignment.eligible) == ("holdout:hero", True)
        assert each.decisions[1].arms == {}
    nobody = [decided(of, visitor, industry="").assignments[0] for visitor in VISITORS[:50]]
    assert not any(each.eligible for each in nobody)


def test_a_larger_share_holds_out_more_and_lets_nobody_go() -> None:
    held = [
        {visitor for visitor in VISITORS if shown(decided(of, visitor))["hero"] == "default"}
        for of in (plan(0.0), plan(0.1), plan(0.3))
    ]
    assert held[0] == set()
    assert held[1] < held[2]
    epochs = [decided(plan(share), "a:1").assignments[0].epoch for share in (0.1, 0.3)]
    assert epochs[0] != epochs[1]


def test_it_comes_before_other_experiments_and_behind_the_sites_holdout() -> None:
    always = Experiment(key="all", arms=(Arm(name="a", show="saas"), Arm(name="b", show="saas")))
    of = plan(0.3, always, everywhere=0.2)
    reasons = set()
    for visitor in VISITORS:
        decision = decided(of, visitor)
        hero = decision.decisions[0]
        if hero.arms.get("holdout:hero") == "generic":
            assert hero.variant == "default"
        if hero.arms == {"holdout": "generic"}:
            assert [each.experiment for each in decision.assignments] == ["holdout"]
        reasons.add(hero.reason)
    assert reasons == {Reason.HOLDOUT, Reason.ARM}


@pytest.mark.parametrize("share", [-0.1, 1.0, 2.0, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    faults = [each for each in validate(workspace(share)) if each.path == "holdout"]
    assert [each.severity for each in faults] == ["error"]
    assert not [each for each in validate(workspace(0.1)) if each.path == "holdout"]


def test_a_receipt_tells_which_holdout_it_was() -> None:
    always = Experiment(key="all", arms=(Arm(name="generic", show="saas"),), blocks=("side",))
    of = plan(0.3, always, everywhere=0.2)
    found = set()
    for visitor in VISITORS:
        line = record(decided(of, visitor), of.pages["home"], NOW)
        for name, block in receipt(line, Rulebook(of.workspace)).blocks.items():
            if block.reason is Reason.HOLDOUT:
                found.add((name, block.experiment, block.arm))
            elif block.reason is Reason.ARM:
                assert (name, block.experiment) == ("side", "all")
    assert found == {
        ("hero", "holdout", "generic"),
        ("side", "holdout", "generic"),
        ("hero", "holdout:hero", "generic"),
    }
