"""Running experiments: what must stay as it was when they started, or begin a new epoch.

Whoever moves the arms, the target or the goals of an experiment while it runs can make it say
anything. So a publication that does so is refused, unless the experiment says that it begins anew:
its report then compares each epoch by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from persx.model.errors import Fault
from persx.model.experiment import Experiment
from persx.model.workspace import HOLDOUT, Goal, Workspace
from persx.workspace.checks.subject import Subject
from persx.workspace.layout import SETTINGS

_KIND: Final = "experiments"
_FROZEN: Final = ("target", "blocks", "arms", "layer", "offset", "goals", "metrics", "guardrails")


def changed_while_running(before: Workspace, after: Workspace) -> list[Fault]:
    """Return what a publication may not change of the experiments that run.

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
            faults += _goals(subject, key, new.goals or tuple(before.goals), before)
    faults += _holdout(subject, before)
    return faults


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
        if old is not None and (new is None or _counts(old) != _counts(new)):
            yield subject.fault(
                "goals",
                name,
                "",
                f"The experiment '{key}' runs and counts this goal as it was.",
                hint=f"Stop the experiment, raise its epoch, or give the new goal another name "
                f"than {name}.",
            )


def _counts(goal: Goal) -> tuple[object, ...]:
    return goal.event, goal.where, goal.value


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
