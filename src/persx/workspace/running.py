"""Running experiments: what must stay as it was when they started, or begin a new epoch.

Whoever moves the arms, the target or the goals of an experiment while it runs can make it say
anything. So a publication that does so is refused, unless the experiment says that it begins anew:
its report then compares each epoch by itself. So it is with a block's learning. A holdout's epoch
is its share, and begins by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from persx.model.errors import Fault
from persx.model.experiment import Experiment
from persx.model.learning import learning_key
from persx.model.workspace import HOLDOUT, Block, Policy, Workspace
from persx.workspace.checks.subject import Subject
from persx.workspace.layout import SETTINGS
from persx.workspace.measured import (
    changed_while_measured,
    counts,
    goals_of_metrics,
    judges,
)

_KIND: Final = "experiments"
_BLOCKS: Final = "blocks"
_FROZEN: Final = (
    "target",
    "blocks",
    "arms",
    "layer",
    "offset",
    "horizon",
    "goals",
    "metrics",
    "guardrails",
)


def changed_while_running(before: Workspace, after: Workspace) -> list[Fault]:
    """Return what a publication may not change of the experiments that run, as errors.

    Warnings tell what it may change, and which reports go on over it.

    Args:
        before: What is served.
        after: What shall be.
    """
    subject = Subject(after)
    faults = []
    for key, old in before.experiments.items():
        new = after.experiments.get(key)
        if new is None:
            if old.status == "running":
                faults.append(
                    subject.fault(
                        _KIND,
                        key,
                        "",
                        "The experiment runs, and its report would be lost with it.",
                        hint=f"Stop it first:  persx experiment stop {key}",
                    )
                )
            continue
        faults += _epochs(subject, key, old, new)
        if old.status == "running" and new.epoch == old.epoch:
            faults += _frozen(subject, key, old, new)
            metrics = (*old.metrics, *old.guardrails)
            counted = [*(new.goals or before.goals), *goals_of_metrics(before, metrics)]
            faults += _goals(subject, key, tuple(dict.fromkeys(counted)), before)
            faults += _metrics(subject, key, metrics, before)
    faults += _holdout(subject, before)
    for name, block in before.blocks.items():
        faults += _learning(subject, name, block)
    return [*faults, *changed_while_measured(before, after)]


def _epochs(subject: Subject, key: str, old: Experiment, new: Experiment) -> Iterator[Fault]:
    if (old.seed or key) != (new.seed or key):
        yield subject.fault(
            _KIND,
            key,
            "seed",
            "Another seed would put visitors into other arms than they have seen.",
            value=new.seed,
            hint="Make another experiment, with a key of its own.",
        )
    if new.epoch < old.epoch:
        yield subject.fault(
            _KIND,
            key,
            "epoch",
            f"Epochs count up; {old.epoch} has begun.",
            value=new.epoch,
            hint=f"Write  epoch: {old.epoch}  or a greater one.",
        )
    if old.status == "stopped" and new.status == "running" and new.epoch <= old.epoch:
        yield subject.fault(
            _KIND,
            key,
            "status",
            "A stopped experiment that runs again begins a new epoch.",
            value=new.status,
            hint=f"Write  epoch: {old.epoch + 1}",
        )


def _frozen(subject: Subject, key: str, old: Experiment, new: Experiment) -> Iterator[Fault]:
    hint = f"Take the change back, or begin a new epoch:  epoch: {old.epoch + 1}"
    for name in _FROZEN:
        if getattr(old, name) != getattr(new, name):
            yield subject.fault(
                _KIND, key, name, "The experiment runs: this stays as it started.", hint=hint
            )
    if new.traffic < old.traffic:
        yield subject.fault(
            _KIND,
            key,
            "traffic",
            f"The experiment runs for {old.traffic:g} of its layer: more may join, nobody leaves.",
            value=new.traffic,
            hint=hint,
        )


def _goals(
    subject: Subject, key: str, names: tuple[str, ...], before: Workspace
) -> Iterator[Fault]:
    for name in names:
        old, new = before.goals.get(name), subject.workspace.goals.get(name)
        if old is not None and (new is None or counts(old) != counts(new)):
            yield subject.fault(
                "goals",
                name,
                "",
                f"The experiment '{key}' runs and counts this goal as it was.",
                hint=f"Stop the experiment, raise its epoch, or give the new goal another name "
                f"than {name}.",
            )


def _metrics(
    subject: Subject, key: str, names: tuple[str, ...], before: Workspace
) -> Iterator[Fault]:
    for name in names:
        if judges(before, name) != judges(subject.workspace, name):
            yield subject.fault(
                "metrics",
                name,
                "",
                f"The experiment '{key}' runs and is judged by this metric as it was.",
                hint=f"Stop the experiment, raise its epoch, or give the new metric another name "
                f"than {name}.",
            )


def _holdout(subject: Subject, before: Workspace) -> Iterator[Fault]:
    old, new = before.settings.holdout, subject.workspace.settings.holdout
    if old.share > 0 and old.seed != new.seed:
        yield subject.fault(
            SETTINGS,
            "",
            "holdout.seed",
            f"Another seed would put visitors of the {HOLDOUT} into the other arm.",
            value=new.seed,
            hint=f"Write  seed: {old.seed}",
        )


def _learning(subject: Subject, name: str, before: Block) -> Iterator[Fault]:
    """What divides the visitors of a block that learns, and what it is judged by."""
    after = subject.workspace.blocks.get(name)
    if after is None or not (before.learn and after.learn):
        return
    if not (before.policy is after.policy is Policy.LEARN):
        return
    old, new = before.learn, after.learn
    if old.seed != new.seed:
        yield subject.fault(
            _BLOCKS,
            name,
            "learn.seed",
            "Another seed would put visitors into the other arm than they have seen.",
            value=new.seed,
            hint=f"Write  seed: {old.seed}" if old.seed else "Leave it out.",
        )
    if new.epoch < old.epoch:
        yield subject.fault(
            _BLOCKS,
            name,
            "learn.epoch",
            f"Epochs count up; {old.epoch} has begun.",
            value=new.epoch,
            hint=f"Write  epoch: {old.epoch}  or a greater one.",
        )
    for field in ("held_out", "goal") if new.epoch == old.epoch else ():
        if getattr(old, field) != getattr(new, field):
            yield subject.fault(
                _BLOCKS,
                name,
                f"learn.{field}",
                f"The block learns, and '{learning_key(name)}' measures it with this as it was.",
                value=getattr(new, field),
                hint=f"Take the change back, or begin a new epoch:  epoch: {old.epoch + 1}",
            )
