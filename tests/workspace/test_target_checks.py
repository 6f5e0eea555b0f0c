"""Targets: what is refused before a workspace is published."""

from __future__ import annotations

import pytest

from persx.model.workspace import Goal, Industry, Target, Workspace
from persx.workspace.validation import check, validate


def faults(**targets: Target) -> list[str]:
    workspace = Workspace(
        industries={"SaaS": Industry(name="SaaS")},
        goals={"order": Goal(name="order", event="Order Completed", value="revenue")},
        targets=targets,
    )
    return [each.message for each in validate(workspace) if each.file == "targets.yaml"]


def test_targets_that_make_sense() -> None:
    assert not faults(
        all=Target(lift=0.15),
        saas=Target(lift=0.3, industries=("SaaS",)),
        money=Target(metric="order.revenue", lift=0.1),
        orders=Target(metric="order", lift=0.1),
    )


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ({"a": Target(metric="oder")}, "no metric 'oder'"),
        ({"a": Target(metric="order.profit")}, "no metric"),
        ({"a": Target(industries=("Saas",))}, "no industry 'Saas'"),
        ({"a": Target(lift=-1)}, "above -1"),
        ({"a": Target(lift=float("nan"))}, "above -1"),
        ({"a": Target(), "b": Target(lift=0.2)}, "same metric for all industries"),
        (
            {"a": Target(industries=("SaaS",)), "b": Target(industries=("SaaS",))},
            "industry 'SaaS'",
        ),
    ],
)
def test_targets_that_do_not(targets: dict[str, Target], said: str) -> None:
    (fault,) = faults(**targets)
    assert said in fault


def test_targets_are_a_file_of_the_workspace() -> None:
    workspace, found = check(
        {
            "settings.yaml": "name: Shop\n",
            "goals.yaml": "order:\n  event: Order Completed\n",
            "targets.yaml": "all:\n  lift: 0.2\n  metric: order\n",
        }
    )
    assert workspace is not None, found
    assert workspace.targets["all"].lift == 0.2
