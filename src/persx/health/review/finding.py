"""What a review finds: what improved, what lies under 10%, and which variants to rewrite. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from persx.experiments.wording import signed_percent
from persx.health.indicators.content import QUARTER
from persx.health.review.figures import FLOOR, Change, Direction, Figure, Standing
from persx.health.review.review import (
    ExperimentReview,
    IndustryReview,
    Rewrite,
    Underperformer,
)
from persx.health.timeline import Timeline
from persx.model.clock import DAY, Millis
from persx.model.workspace import TARGETED, Workspace
from persx.workspace.coverage import coverage

EVERYBODY = "Everybody"

Shown = Mapping[tuple[str, str], int]
"""Block and variant → how often it was shown."""


def improved(
    everybody: tuple[Figure, Figure, Change],
    industries: Sequence[IndustryReview],
    experiments: Sequence[ExperimentReview],
) -> tuple[str, ...]:
    """Tell what rose by more than chance makes, and which arms do better than their control."""
    compared = [(EVERYBODY, *everybody)]
    compared += [(each.name, each.now, each.earlier, each.change) for each in industries]
    found = [
        f"{name}: from {signed_percent(earlier.lift)} to {signed_percent(now.lift)}"
        for name, now, earlier, change in compared
        if change.direction is Direction.ROSE
    ]
    found += [
        f"Experiment {each.name}: “{arm.name}” does better than “{each.control}”, by "
        f"{signed_percent(arm.figure.lift)}"
        for each in experiments
        for arm in each.arms
        if arm.figure.low is not None and arm.figure.low > 0
    ]
    return tuple(found)


def underperforming(
    everybody: Figure, industries: Sequence[IndustryReview]
) -> tuple[Underperformer, ...]:
    """Return what lies under the floor, the sure ones first; what cannot be told is not in it."""
    figures = [(EVERYBODY, everybody), *((each.name, each.recent) for each in industries)]
    found = [
        Underperformer(name=name, figure=figure, sure=figure.standing is Standing.UNDER)
        for name, figure in figures
        if figure.lift is not None and (figure.standing is Standing.UNDER or figure.lift < FLOOR)
    ]
    return tuple(sorted(found, key=lambda each: (not each.sure, each.figure.lift or 0.0)))


def rewrites(
    workspace: Workspace,
    under: Sequence[Underperformer],
    experiments: Sequence[ExperimentReview],
    shown: Shown | None,
    timeline: Timeline,
    now: Millis,
) -> tuple[Rewrite, ...]:
    """Return the variants that are worth rewriting, those first of which it is sure.

    A variant that lost a randomised comparison is one for sure. The holdout compares all blocks
    together, so of an industry under the floor every variant may be at fault: they come by how
    often they were shown.

    Args:
        shown: None where nothing tells.
    """
    lost = _lost(workspace, experiments)
    weak = {each.name: each.sure for each in under}
    industries: dict[tuple[str, str], list[str]] = {}
    for cell in coverage(workspace):
        if cell.variant and cell.industry in weak:
            industries.setdefault((cell.block, cell.variant), []).append(cell.industry)
    found = []
    for key in dict.fromkeys([*lost, *industries]):
        block, variant = key
        why = list(lost.get(key, ()))
        for name in industries.get(key, ()):
            told = "is below 10%" if weak[name] else "looks to be below 10%, which may be chance"
            why.append(f"{name} {told}")
        touched = timeline.variants.get(key)
        found.append(
            Rewrite(
                block=block,
                variant=variant,
                page=_page(workspace, block),
                industries=tuple(industries.get(key, ())),
                why=tuple(why),
                sure=key in lost,
                shown=None if shown is None else shown.get(key, 0),
                days=None if touched is None else max(0, now - touched.at) // DAY,
            )
        )
    return tuple(sorted(found, key=lambda each: _order(each, weak)))


def _order(each: Rewrite, weak: Mapping[str, bool]) -> tuple[bool, bool, int, str, str]:
    sure = any(weak[name] for name in each.industries)
    return not each.sure, not sure, -(each.shown or 0), each.block, each.variant


def _lost(
    workspace: Workspace, experiments: Sequence[ExperimentReview]
) -> dict[tuple[str, str], list[str]]:
    """Return the variants that an arm shows which does worse than its control, beyond chance."""
    found: dict[tuple[str, str], list[str]] = {}
    for review in experiments:
        experiment = workspace.experiments.get(review.name)
        losers = {
            arm.name: arm.figure
            for arm in review.arms
            if arm.figure.high is not None and arm.figure.high < 0
        }
        for arm in experiment.arms if experiment else ():
            if arm.name not in losers:
                continue
            for block, show in _shows(workspace, arm.show, experiment.blocks if experiment else ()):
                lift = signed_percent(losers[arm.name].lift)
                found.setdefault((block, show), []).append(
                    f"lost to “{review.control}” in the experiment {review.name}, by {lift}"
                )
    return found


def _shows(
    workspace: Workspace, show: str | Mapping[str, str], blocks: Sequence[str]
) -> list[tuple[str, str]]:
    """Return the variants that an arm names, by block."""
    named = dict.fromkeys(blocks or workspace.blocks, show) if isinstance(show, str) else dict(show)
    return [
        (block, variant)
        for block, variant in named.items()
        if variant not in (TARGETED, "default")
        and block in workspace.blocks
        and any(each.name == variant for each in workspace.blocks[block].variants)
    ]


def _page(workspace: Workspace, block: str) -> str:
    return next((page.path for page in workspace.pages.values() if block in page.blocks), "")


def stale(timeline: Timeline, now: Millis) -> tuple[tuple[str, str], ...]:
    """Return the variants whose content is a quarter old, oldest first."""
    old = [(each.at, key) for key, each in timeline.variants.items() if now - each.at >= QUARTER]
    return tuple(key for _, key in sorted(old))
