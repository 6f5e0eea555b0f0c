"""Effects to simulate: checked against the workspace, and filled in where nobody says others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from persx.app.simulated_people import usual_effects
from persx.decide.plan import Plan
from persx.experiments.live import live_goals
from persx.model.errors import BadInput, did_you_mean
from persx.model.simulation import Effects, Habits
from persx.model.workspace import HOLDOUT, Goal

FIRST_RATE: Final = 0.08
OTHER_RATE: Final = 0.04
"""Conversion rates of goals of which nobody says others: the first of the holdout's, the rest."""


def checked(plan: Plan, effects: Effects) -> Effects:
    """Return effects with all that was left open filled in.

    Raises:
        BadInput: They name what the workspace does not have.
    """
    workspace = plan.workspace

    def known(kind: str, name: str, names: Sequence[str]) -> None:
        if name and name not in names:
            raise BadInput(
                f"There is no {kind} '{name}'.", value=name, hint=did_you_mean(name, names)
            )

    for name in effects.industries:
        known("industry", name, list(workspace.industries))
    for name in effects.goals:
        known("goal", name, list(workspace.goals))
    for each in effects.effects:
        known("industry", each.industry, list(workspace.industries))
        known("block", each.block, list(workspace.blocks))
        if each.variant and each.block:
            names = [variant.name for variant in workspace.blocks[each.block].variants]
            known(f"variant of block '{each.block}'", each.variant, names)
    first = [goal.name for goal in measured_goals(plan)]
    usual = {name: FIRST_RATE if not place else OTHER_RATE for place, name in enumerate(first)}
    return Effects(
        industries={
            name: effects.industries.get(name, Habits(share=1 / (place + 1)))
            for place, name in enumerate(workspace.industries)
        },
        goals=effects.goals or usual,
        effects=effects.effects or usual_effects(list(workspace.industries)),
    )


def measured_goals(plan: Plan) -> list[Goal]:
    """Return the goals that are measured, the primary one first."""
    if plan.holdout is not None:
        return live_goals(plan.workspace, HOLDOUT)
    return list(plan.workspace.goals.values())
