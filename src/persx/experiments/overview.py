"""All experiments at a glance: a line for each, from its readout or from none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from persx.experiments.figures import Guard, Pli, Readout
from persx.experiments.guardrails import Guardrail, guardrails
from persx.experiments.imported import ImportedExperiment
from persx.model.block_holdout import block_holdouts
from persx.model.learning import learning_block
from persx.model.workspace import HOLDOUT, Workspace

Kind = Literal["holdout", "block holdout", "learning", "experiment", "imported"]


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """What an experiment is, whatever was read of it.

    Attributes:
        compares: What with what, in words.
        status: ``running``, ``stopped`` or, of a file, ``imported``.
        winner: The arm that everybody gets since it was stopped; empty for none.
    """

    name: str
    kind: Kind
    compares: str
    status: Literal["running", "stopped", "imported"]
    winner: str = ""


class ExperimentLine(Listed, frozen=True, kw_only=True):
    """An experiment and what it was worth when it was last read.

    Attributes:
        read: The figures are there; without, they are still to be read.
        metric: What the primary metric is called; `metric_kind` is its kind.
        pli: One for each arm but the control, withheld ones too.
        harmed: Guardrails that are harmed.
        watched: How many guardrails there are, in all arms.
        as_of: ISO 8601 in UTC.
        problem: Why it cannot be read.
    """

    read: bool = False
    visitors: int | None = None
    metric: str = ""
    metric_kind: str = ""
    pli: list[Pli] = []
    harmed: list[Guardrail] = []
    watched: int = 0
    as_of: str = ""
    simulated: bool = False
    problem: str = ""


def of_site(workspace: Workspace, key: str) -> Listed:
    """Return what a live experiment is, by its key."""
    if key == HOLDOUT:
        return Listed(
            name=key,
            kind="holdout",
            compares="Default content everywhere against what is targeted",
            status="running",
        )
    if block := learning_block(key):
        return Listed(
            name=key,
            kind="learning",
            compares=f"What the block “{block}” has learned against its rules alone",
            status="running",
        )
    declared = workspace.experiments.get(key)
    if declared is None:
        (block, *_) = block_holdouts(workspace.blocks, ())[key].blocks
        return Listed(
            name=key,
            kind="block holdout",
            compares=f"Default content of the block “{block}” against what it targets",
            status="running",
        )
    control, *others = (arm.name for arm in declared.arms)
    return Listed(
        name=key,
        kind="experiment",
        compares=declared.description.rstrip(".") or f"{', '.join(others)} against {control}",
        status=declared.status,
        winner=declared.winner,
    )


def of_file(experiment: ImportedExperiment) -> Listed:
    """Return what an imported experiment is."""
    others = ", ".join(arm for arm in experiment.weights if arm != experiment.control)
    return Listed(
        name=experiment.name,
        kind="imported",
        compares=f"{others} against {experiment.control}",
        status="imported",
    )


def line(
    experiment: Listed, readout: Readout | None = None, *, problem: str = ""
) -> ExperimentLine:
    """Return the line of an experiment; without a readout it is still to be read."""
    own = {name: getattr(experiment, name) for name in Listed.__struct_fields__}
    if readout is None:
        return ExperimentLine(**own, problem=problem)
    watched = guardrails(readout)
    primary = readout.metrics[0] if readout.metrics else None
    return ExperimentLine(
        **own,
        read=True,
        visitors=readout.visitors,
        metric=primary.label if primary else "",
        metric_kind=primary.kind if primary else "",
        pli=readout.pli,
        harmed=[each for each in watched if each.guard is Guard.HARMED],
        watched=len(watched),
        as_of=readout.as_of,
        simulated=readout.simulated,
    )


def in_short(withheld: Sequence[str]) -> str:
    """Return the first reason for which a figure is withheld, without its details.

    >>> in_short(["Too few conversions yet: 3 of 40.", "A whole week has not passed."])
    'Too few conversions yet'
    """
    return withheld[0].partition(":")[0].rstrip(".") if withheld else ""
