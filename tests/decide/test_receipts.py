"""Receipts: what the log keeps is enough to say why, for every case of the case files."""

from __future__ import annotations

from typing import Any

import pytest

from persx.app.deciding import record
from persx.decide.engine import decide
from persx.decide.receipt import NOTHING_FITTED, Rulebook, receipt
from persx.decide.uses import uses
from persx.model.decision import Reason
from persx.model.visitor import Profile
from tests.decide.test_decision_cases import NOW, cases, load, plan_of


@pytest.mark.parametrize(("file", "case"), cases("decisions.json") + cases("experiments.json"))
def test_the_log_line_explains_every_block(file: str, case: dict[str, Any]) -> None:
    plan = plan_of(load(file)["workspace"])
    visitor = case["visitor"]
    (page,) = plan.pages.values()
    profile = Profile(
        bucketing_id=visitor["id"],
        attributes=visitor.get("attributes", {}),
        withheld=visitor.get("withheld", {}),
    )
    context, forced = case.get("context", {}), case.get("forced")
    decision = decide(plan, page, profile, context, NOW, id="1", forced=forced)
    rulebook = Rulebook(plan.workspace)
    found = receipt(record(decision, page, NOW), rulebook)
    assert list(found.blocks) == [each.block for each in decision.decisions]
    for each in decision.decisions:
        told = found.blocks[each.block]
        assert (told.variant, told.reason) == (each.variant, each.reason)
        variants = {it.name: it.when for it in plan.workspace.blocks[each.block].variants}
        if each.reason is Reason.TARGETED:
            assert told.rule == variants.get(each.variant, "")
            if told.rule:
                explained = rulebook.explain(told.rule, found.attributes, NOW)
                assert explained is not None
                assert explained.result, "what the line keeps makes the rule true again"
                assert told.clauses
        elif each.reason in (Reason.ARM, Reason.HOLDOUT):
            assert each.arms[told.experiment] == told.arm
        elif each.reason in NOTHING_FITTED:
            for other in told.alternatives:
                explained = rulebook.explain(other.rule, found.attributes, NOW)
                assert not other.rule or (explained is not None and not explained.result)
        only = receipt(record(decision, page, NOW), rulebook, each.block)
        assert dict(only.blocks) == {each.block: told}
        bare = receipt(record(decision, page, NOW), None)
        assert bare.blocks[each.block].reason == each.reason, "without the snapshot too"


def test_the_uses_of_an_attribute_go_through_audiences_and_orders() -> None:
    plan = plan_of(load("decisions.json")["workspace"])
    found = uses(plan)
    assert found["visits"].audiences == ("regulars",)
    assert found["visits"].blocks == ("hero",)
    assert found["industry"].blocks == ("hero", "ideas")
    assert found["industry"].pages == ("home",)
    assert found["email"].blocks == ("note",)
    assert not found["email"].persona
