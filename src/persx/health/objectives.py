"""Objectives: those that are there by themselves, and the workspace's own over them."""

from __future__ import annotations

from typing import Final

from persx.model.health import Measure, Objective
from persx.model.workspace import Workspace

DEFAULT_OBJECTIVES: Final = (
    Objective(
        name="content-works",
        measure=Measure.VARIANT_FAILURES,
        at_most=0.001,
        window="1d",
        description="A variant that cannot be shown gives way to default content, unseen.",
    ),
    Objective(
        name="industries-served",
        measure=Measure.INDUSTRY_FALLBACKS,
        at_most=0.2,
        window="1d",
        description="An industry that has content of its own should see it.",
    ),
    Objective(
        name="personalization-rate",
        measure=Measure.PERSONALIZATION_RATE,
        at_least=0.7,
        description="Visitors who said their industry should see content for it.",
    ),
    Objective(
        name="persistence",
        measure=Measure.PERSISTENCE,
        at_least=0.7,
        window="14d",
        description="Who said their industry should not have to say it again.",
    ),
    Objective(
        name="server-errors",
        measure=Measure.SERVER_ERRORS,
        at_most=0.001,
        window="1d",
        description="Errors that visitors do not see are errors all the same.",
    ),
    Objective(
        name="browser-errors",
        measure=Measure.BROWSER_ERRORS,
        at_most=0.01,
        window="1d",
        description="Our scripts should not fail in visitors' browsers.",
    ),
    Objective(
        name="latency",
        measure=Measure.LATENCY,
        at_most=0.05,
        window="1d",
        description="Personalized pages should come as fast as others.",
    ),
    Objective(
        name="fresh-variants",
        measure=Measure.UNTOUCHED_VARIANTS,
        at_most=0.0,
        description="Every variant should be looked at once a quarter.",
    ),
    Objective(
        name="fresh-recommendations",
        measure=Measure.STALE_PIPELINES,
        at_most=0.0,
        description="What is recommended should follow from what visitors did lately.",
    ),
    Objective(
        name="lift",
        measure=Measure.LIFT,
        at_least=0.15,
        description="Personalized content should be worth its work in every industry.",
    ),
)
"""What holds without any configuration; a workspace changes one by its name, or switches it off."""


def objectives(workspace: Workspace | None) -> tuple[Objective, ...]:
    """Return the objectives that hold: the workspace's own replace those of the same name.

    >>> [each.name for each in objectives(None)][:2]
    ['content-works', 'industries-served']
    """
    found = {
        each.name: each
        for each in DEFAULT_OBJECTIVES
        # Where nothing is to be recommended, nothing can be stale.
        if each.measure is not Measure.STALE_PIPELINES or (workspace and workspace.pipelines)
    }
    if workspace is not None:
        found |= workspace.objectives
    return tuple(each for each in found.values() if not each.off)
