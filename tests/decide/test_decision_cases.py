"""Decision behaviour as the case files tell it, for whoever writes another client."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from persx.decide.allocation import bucket
from persx.decide.compilation import compile_snapshot
from persx.decide.engine import decide
from persx.decide.plan import Plan
from persx.model.visitor import Profile
from persx.model.workspace import Snapshot, Workspace

CASES = Path(__file__).parent.parent / "cases"
NOW = 1_790_000_000_000


def load(name: str) -> Any:
    return json.loads((CASES / name).read_text(encoding="utf-8"))


def plan_of(workspace: Any) -> Plan:
    space = msgspec.convert(workspace, Workspace)
    return compile_snapshot(
        Snapshot(number=1, digest="", published=0, author="", message="", workspace=space)
    )


def cases(name: str) -> list[Any]:
    return [pytest.param(name, case, id=case["name"]) for case in load(name)["cases"]]


@pytest.mark.parametrize(("file", "case"), cases("decisions.json") + cases("experiments.json"))
def test_case(file: str, case: dict[str, Any]) -> None:
    plan = plan_of(load(file)["workspace"])
    visitor = case["visitor"]
    now = NOW
    if "now" in case:
        now = int(datetime.fromisoformat(case["now"]).timestamp() * 1000)
    (page,) = plan.pages.values()
    decision = decide(
        plan,
        page,
        Profile(
            bucketing_id=visitor["id"],
            attributes=visitor.get("attributes", {}),
            withheld=visitor.get("withheld", {}),
            storable=visitor.get("storable", True),
        ),
        case.get("context", {}),
        now,
        forced=case.get("forced"),
    )
    found = {each.block: each for each in decision.decisions}
    for block, (variant, reason) in case.get("expect", {}).items():
        assert (found[block].variant, found[block].reason) == (variant, reason), block
    for block, headline in case.get("headline", {}).items():
        assert found[block].content["headline"] == headline
    for block, title in case.get("first_item", {}).items():
        assert found[block].content["items"][0]["title"] == title
    if "arms" in case:
        assert {each.experiment: each.arm for each in decision.assignments} == case["arms"]
    if "eligible" in case:
        assert [each.experiment for each in decision.assignments if each.eligible] == case[
            "eligible"
        ]


@pytest.mark.parametrize("case", load("buckets.json")["cases"])
def test_bucket(case: dict[str, Any]) -> None:
    assert bucket(case["seed"], case["bucketing_id"]) == case["bucket"]
