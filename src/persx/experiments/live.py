"""Experiments on the live log: what is compared, and the tables that the queries want beside it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from persx.experiments.groups import Group, Sums
from persx.experiments.plan import Method, MetricPlan, Observed, ReadoutPlan
from persx.model.block_holdout import GENERIC, block_holdouts, share_epoch
from persx.model.clock import Millis
from persx.model.counting import counted
from persx.model.errors import NotFound, did_you_mean
from persx.model.learning import (
    HELD_OUT,
    LEARNED,
    LearnSettings,
    learning_block,
    learning_key,
)
from persx.model.target import DEFAULT_TARGET
from persx.model.workspace import (
    DEFAULT,
    HOLDOUT,
    TARGETED,
    Experiment,
    Goal,
    Policy,
    Workspace,
)
from persx.storage.ports import Rows

MAX_SEGMENT_VALUES: Final = 50
"""Segments beyond the largest so many of an attribute are left out, and that is said."""


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
        method: For as many looks as one likes, unless it was decided to look but once.
        known: Names of imported experiments, for the hint when there is no such key.

    Raises:
        NotFound: The workspace has no such experiment.
    """
    layers: Sequence[str] = ()
    single: Sequence[str] = ()
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
        metrics=_metrics(live_goals(workspace, key)),
        confidence=confidence,
        method=method,
        targets=tuple(workspace.targets.values()) if key == HOLDOUT else (),
        default_target=DEFAULT_TARGET if key == HOLDOUT else None,
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
    own = workspace.settings.holdout if key == HOLDOUT else _declared(workspace)[key]
    return [workspace.goals[name] for name in (own.goals or workspace.goals)]


def live_epoch(workspace: Workspace, key: str) -> int:
    """Return the current epoch of an experiment."""
    if learning := _learning_of(workspace, key):
        return learning.epoch
    if key == HOLDOUT:
        return share_epoch(workspace.settings.holdout.share)
    return _declared(workspace)[key].epoch


def _metrics(goals: Sequence[Goal]) -> list[MetricPlan]:
    metrics = []
    for goal in goals:
        label = goal.label or goal.name
        metrics.append(MetricPlan(name=goal.name, kind="conversion", label=label))
        if goal.value:
            metrics.append(
                MetricPlan(
                    name=f"{goal.name}.{goal.value}",
                    kind="mean",
                    label=f"{label}: {goal.value} per visitor",
                )
            )
    return metrics


def live_tables(
    plan: ReadoutPlan, goals: Sequence[Goal], bucketing_ids: Mapping[Any, Any]
) -> dict[str, Rows]:
    """Return the small tables that the live queries read beside the events.

    Where a table would be empty it has one row that matches nothing, so that its columns have
    types in every backend.
    """
    return {
        "arms": Rows(columns=("arm",), rows=[(arm,) for arm in plan.weights]),
        **goal_tables(goals, bucketing_ids),
    }


def goal_tables(goals: Sequence[Goal], bucketing_ids: Mapping[Any, Any]) -> dict[str, Rows]:
    """Return the small tables that queries for outcomes read beside the events."""
    conditions = [
        (goal.name, _pointer(path), *_comparison(value))
        for goal in goals
        for path, value in goal.where.items()
    ]
    return {
        "bucketing": Rows(
            columns=("identity", "bucketing_id"),
            rows=[(str(key), str(oldest)) for key, oldest in bucketing_ids.items()] or [("", "")],
        ),
        "goals": Rows(
            columns=("goal", "event", "value_path"),
            rows=[(goal.name, goal.event, _pointer(goal.value or "")) for goal in goals]
            or [("", "", "/")],
        ),
        "conditions": Rows(
            columns=("goal", "path", "kind", "text", "number"),
            rows=conditions or [("", "/", "string", "", 0.0)],
        ),
    }


def _comparison(value: str | int | float | bool) -> tuple[str, str, float]:
    """Return kind, text and number: JSON's types differ, so "5" never equals 5."""
    if isinstance(value, bool):
        return "boolean", "true" if value else "false", 0.0
    if isinstance(value, str):
        return "string", value, 0.0
    return "number", "", float(value)


def _pointer(dotted: str) -> str:
    """Return the JSON pointer (RFC 6901) of a dotted property; unlike paths it takes any key."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in dotted.split("."))


def observed(
    goals: Sequence[Goal],
    *,
    units: Rows,
    groups: Rows,
    withdrawn: Rows,
    as_of: Millis,
    epoch: int,
) -> Observed:
    """Read the answers of the live queries.

    Args:
        units: Answer of ``live_units``.
        groups: Answer of ``live_groups``.
        withdrawn: Answer of ``live_consent``.
    """
    _, contaminated, strange, first_exposure, snapshot, _ = units.rows[0]
    values = {goal.name: goal.value for goal in goals}
    n: dict[tuple[int, str, str, str], int] = {}
    sums: dict[tuple[int, str, str, str], dict[str, Sums]] = {}
    without_value = dict.fromkeys(values, 0)
    for epoch_found, arm, attribute, segment, goal, count, total, squares, missing in groups.rows:
        key = (int(epoch_found), str(arm), str(attribute), str(segment))
        if not goal:
            n[key] = int(count)
            continue
        found = sums.setdefault(key, {})
        found[goal] = Sums(float(count), float(count))
        if values[goal]:
            found[f"{goal}.{values[goal]}"] = Sums(float(total), float(squares))
            if not attribute:
                without_value[goal] += int(missing)
    notes = [
        f"{counted(count, 'event')} of goal '{goal}' without a number in '{values[goal]}': "
        "nothing is added."
        for goal, count in without_value.items()
        if count
    ]
    if strange:
        notes.append(f"{counted(strange, 'exposure')} of an arm that the experiment does not have.")
    if not goals:
        notes.append("The workspace declares no goals, so there is nothing to compare.")
    kept, cut = _largest_segments(n)
    notes += cut
    return Observed(
        groups=[
            Group(
                arm=key[1], n=n[key], sums=sums.get(key, {}),
                epoch=key[0], attribute=key[2], segment=key[3],
            )
            for key in kept
        ],
        as_of=as_of,
        contaminated=int(contaminated),
        withdrawn={str(arm): int(count) for arm, count in withdrawn.rows},
        first_exposure=None if first_exposure is None else int(first_exposure),
        snapshot=None if snapshot is None else int(snapshot),
        epoch=epoch,
        notes=notes,
    )  # fmt: skip


def _largest_segments(
    n: Mapping[tuple[int, str, str, str], int],
) -> tuple[list[tuple[int, str, str, str]], list[str]]:
    """Order segments by attribute and name, keep the largest of each attribute, and say so."""
    sizes: dict[str, dict[str, int]] = {}
    for (_, _, attribute, segment), count in n.items():
        values = sizes.setdefault(attribute, {})
        values[segment] = values.get(segment, 0) + count
    notes = []
    for attribute, values in sizes.items():
        if len(values) > MAX_SEGMENT_VALUES:
            notes.append(
                f"'{attribute}' has {len(values):,} values; "
                f"the {MAX_SEGMENT_VALUES} most frequent are shown."
            )
            frequent = sorted((-count, value) for value, count in values.items())
            sizes[attribute] = {value: -count for count, value in frequent[:MAX_SEGMENT_VALUES]}
    kept = [key for key in n if key[3] in sizes[key[2]]]

    def place(key: tuple[int, str, str, str]) -> tuple[str, float, str, int, str]:
        epoch, arm, attribute, segment = key
        return attribute, math.inf if segment.startswith("(") else 0, segment, epoch, arm

    return sorted(kept, key=place), notes
