"""Experiments on the site: which there are, what each compares, and by which metrics."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from persx.experiments.plan import Method, MetricPlan, ReadoutPlan
from persx.experiments.standard import STANDARD_GOALS, STANDARD_METRICS
from persx.model.block_holdout import GENERIC, block_holdouts, share_epoch
from persx.model.clock import parse_duration
from persx.model.errors import NotFound, did_you_mean
from persx.model.learning import (
    HELD_OUT,
    LEARNED,
    LearnSettings,
    learning_block,
    learning_key,
)
from persx.model.metric import Metric
from persx.model.target import DEFAULT_TARGET
from persx.model.workspace import (
    DEFAULT,
    HOLDOUT,
    TARGETED,
    Experiment,
    Goal,
    HoldoutSettings,
    Policy,
    Workspace,
)


def live_experiments(workspace: Workspace) -> list[str]:
    """Return the keys of the experiments that run on the site, the holdouts first.

    Behind those that the workspace declares come those that measure what blocks have learned.
    """
    holdout = [HOLDOUT] if workspace.settings.holdout.share > 0 else []
    learning = [learning_key(name) for name in learning_blocks(workspace)]
    return [*holdout, *_declared(workspace), *learning]


def _declared(workspace: Workspace) -> dict[str, Experiment]:
    """Return all experiments but the holdout of the whole site: those of blocks, and written."""
    holdouts = block_holdouts(workspace.blocks, workspace.settings.holdout.goals)
    return holdouts | workspace.experiments


def learning_blocks(workspace: Workspace) -> dict[str, LearnSettings]:
    """Return the blocks that learn, with how they do."""
    return {
        name: block.learn
        for name, block in workspace.blocks.items()
        if block.policy is Policy.LEARN and block.learn is not None
    }


def _learning_of(workspace: Workspace, key: str) -> LearnSettings | None:
    """Return how the block learns whose learning an experiment measures."""
    return learning_blocks(workspace).get(learning_block(key) or "")


def live_plan(
    workspace: Workspace,
    key: str,
    confidence: float,
    *,
    method: Method = Method.ALWAYS_VALID,
    known: Collection[str] = (),
) -> ReadoutPlan:
    """Return what the readout of a live experiment compares.

    Args:
        method: For as many looks as one likes, unless it was decided to look but once; what an
            experiment's horizon says comes first.
        known: Names of imported experiments, for the hint when there is no such key.

    Raises:
        NotFound: The workspace has no such experiment.
    """
    layers: Sequence[str] = ()
    single: Sequence[str] = ()
    horizon = 0
    if key == HOLDOUT and key in live_experiments(workspace):
        share = workspace.settings.holdout.share
        weights = {GENERIC: share, TARGETED: 1 - share}
        control, comparator = GENERIC, "generic: default content everywhere"
    elif learning := _learning_of(workspace, key):
        weights = {HELD_OUT: learning.held_out, LEARNED: 1 - learning.held_out}
        control = HELD_OUT
        comparator = "what the block's rules alone choose: the first variant that fits"
    elif (experiment := _declared(workspace).get(key)) is not None:
        weights = {arm.name: arm.weight for arm in experiment.arms}
        control = experiment.arms[0].name
        comparator = f"the arm “{control}”"
        layers, single = _layers(experiment, workspace), _single(experiment, workspace)
        if experiment.horizon:
            # Planned for one look, it has the narrow intervals of one, and nothing before it.
            method, horizon = Method.FIXED, parse_duration(experiment.horizon)
    else:
        raise NotFound(
            f"There is no experiment '{key}'.",
            value=key,
            hint=did_you_mean(key, [*known, *live_experiments(workspace)]),
        )
    return ReadoutPlan(
        experiment=key,
        source="live",
        control=control,
        comparator=comparator,
        weights=weights,
        metrics=[plan for plan, _ in live_metrics(workspace, key)],
        confidence=confidence,
        method=method,
        targets=tuple(workspace.targets.values()) if key == HOLDOUT else (),
        default_target=DEFAULT_TARGET if key == HOLDOUT else None,
        horizon=horizon,
        layers=layers,
        single=single,
    )


def _layers(experiment: Experiment, workspace: Workspace) -> list[str]:
    """Return the arms in order where each goes by all that the one before it does, and more.

    Two arms are no more than the control and the other one.
    """
    known: list[frozenset[str] | None] = []
    for arm in experiment.arms:
        if arm.show == DEFAULT:
            known.append(frozenset())
        elif arm.show == TARGETED:
            known.append(None)
        elif isinstance(arm.show, str) and arm.show in workspace.strategies:
            known.append(frozenset(workspace.strategies[arm.show].attributes))
        else:
            return []
    grows = all(
        before is not None and (after is None or before < after)
        for before, after in pairwise(known)
    )
    return [arm.name for arm in experiment.arms] if grows and len(known) > 2 else []


def _single(experiment: Experiment, workspace: Workspace) -> list[str]:
    """Return the arms that give everybody the same, where others beside them choose.

    None where the control is the only such arm: that comparison is the lift itself.
    """
    contents = _contents(workspace)
    found = [
        arm.name
        for arm in experiment.arms
        if (isinstance(arm.show, str) and arm.show in contents)
        or (
            isinstance(arm.show, dict)
            and experiment.blocks
            and set(experiment.blocks) == set(arm.show)
            and contents.issuperset(arm.show.values())
        )
    ]
    control = experiment.arms[0].name
    return found if set(found) - {control} and len(found) < len(experiment.arms) else []


def _contents(workspace: Workspace) -> set[str]:
    """Return the names of single contents: all variants', and the default."""
    variants = {each.name for block in workspace.blocks.values() for each in block.variants}
    return {DEFAULT, *variants} - {TARGETED}


def live_goals(workspace: Workspace, key: str) -> list[Goal]:
    """Return the goals that an experiment analyses: its own, or else all of the workspace."""
    if learning := _learning_of(workspace, key):
        return [workspace.goals[learning.goal]]
    own = _own(workspace, key)
    return [workspace.goals[name] for name in (own.goals or workspace.goals)]


def live_metrics(workspace: Workspace, key: str) -> list[tuple[MetricPlan, Metric]]:
    """Return the metrics of an experiment: those of its goals, its own, and its guardrails.

    A goal makes a conversion, and with a value a mean per visitor.
    """
    found = [each for goal in live_goals(workspace, key) for each in _of_goal(goal)]
    if _learning_of(workspace, key):
        return found
    own = _own(workspace, key)
    named = [*dict.fromkeys((*own.metrics, *own.guardrails))]
    for name in named:
        metric = metric_named(workspace, name)
        plan = MetricPlan(
            name=metric.name,
            kind=metric.kind,
            label=metric.label or metric.name,
            better=metric.better,
            margin=metric.margin if name in own.guardrails else None,
        )
        found.append((plan, metric))
    return found


def metric_named(workspace: Workspace, name: str) -> Metric:
    """Return a metric of the workspace, or else a standard one."""
    return (STANDARD_METRICS | workspace.metrics)[name]


def goals_of(workspace: Workspace, metrics: Sequence[tuple[MetricPlan, Metric]]) -> list[Goal]:
    """Return the goals that some metrics count, the workspace's own before standard ones."""
    known = STANDARD_GOALS | workspace.goals
    names = dict.fromkeys(name for _, each in metrics for name in (each.goal, each.per) if name)
    return [known[name] for name in names]


def _own(workspace: Workspace, key: str) -> Experiment | HoldoutSettings:
    return workspace.settings.holdout if key == HOLDOUT else _declared(workspace)[key]


def _of_goal(goal: Goal) -> list[tuple[MetricPlan, Metric]]:
    label = goal.label or goal.name
    plan = MetricPlan(name=goal.name, kind="conversion", label=label)
    found = [(plan, Metric(name=goal.name, goal=goal.name))]
    if goal.value:
        plan = MetricPlan(
            name=f"{goal.name}.{goal.value}",
            kind="mean",
            label=f"{label}: {goal.value} per visitor",
        )
        found.append((plan, Metric(name=plan.name, kind="mean", goal=goal.name)))
    return found


def live_epoch(workspace: Workspace, key: str) -> int:
    """Return the current epoch of an experiment."""
    if learning := _learning_of(workspace, key):
        return learning.epoch
    if key == HOLDOUT:
        return share_epoch(workspace.settings.holdout.share)
    return _declared(workspace)[key].epoch
