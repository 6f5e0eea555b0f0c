"""What each block is worth: its lift where it was randomised, else a description and no lift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from persx.experiments.figures import Pli
from persx.model.block_holdout import block_holdout_key
from persx.model.workspace import Workspace

DESCRIPTION: Final = (
    "Who sees a variant is chosen by its rule, so those who saw different ones differ anyway: "
    "these rates describe visitors, they are no lift of the content."
)


class Basis(StrEnum):
    """What is known of a block rests on this."""

    HOLDOUT = "holdout"
    """A share of its visitors, drawn at random, gets its default content."""
    EXPERIMENT = "experiment"
    """An experiment gives its contents to visitors at random."""
    DESCRIPTIVE = "descriptive"
    """Nothing was randomised on this block alone: there is no lift."""


class VariantShare(msgspec.Struct, frozen=True, kw_only=True):
    """Visitors who saw a variant on a confirmed page, and those who reached the goal afterwards.

    A visitor who saw several variants counts with each.
    """

    variant: str
    visitors: int
    reached: int

    @property
    def rate(self) -> float | None:
        """Those who reached it per visitor; none where there are no visitors."""
        return self.reached / self.visitors if self.visitors else None


class BlockLift(msgspec.Struct, frozen=True, kw_only=True):
    """A block.

    Attributes:
        basis: What its figures rest on.
        experiment: Key of the holdout or experiment that was randomised on it; empty for none.
        pli: The lift of each arm over the control of that experiment, or why it is withheld.
        variants: Who saw what; a description, whatever the basis.
    """

    block: str
    basis: Basis
    experiment: str = ""
    pli: list[Pli] = []
    variants: list[VariantShare] = []


class BlockLifts(msgspec.Struct, frozen=True, kw_only=True):
    """All blocks of the workspace, in its order.

    Attributes:
        goal: The goal that is counted; empty where the workspace has none.
        meaning: Why the rates of variants are no lift.
        as_of: ISO 8601 in UTC.
    """

    blocks: list[BlockLift]
    goal: str
    as_of: str
    meaning: str = DESCRIPTION


def randomised_on(workspace: Workspace, concerned: Mapping[str, frozenset[str]]) -> dict[str, str]:
    """Return, for each block that was randomised by itself, the experiment that did.

    Its own holdout comes first, then running experiments, then stopped ones.

    Args:
        concerned: Experiment → the blocks that it concerns. One of several blocks at once says
            nothing of any single one.
    """
    found = {
        name: block_holdout_key(name) for name, block in workspace.blocks.items() if block.holdout
    }
    experiments = sorted(
        workspace.experiments.items(), key=lambda each: each[1].status != "running"
    )
    for key, _ in experiments:
        if len(concerned[key]) == 1:
            (block,) = concerned[key]
            found.setdefault(block, key)
    return found


def block_lifts(
    workspace: Workspace,
    randomised: Mapping[str, str],
    plis: Mapping[str, Sequence[Pli]],
    shares: Sequence[tuple[str, str, int, int]],
    *,
    goal: str,
    as_of: str,
) -> BlockLifts:
    """Put together what is known of all blocks.

    Args:
        randomised: Block → experiment.
        plis: Experiment → its lifts.
        shares: Block, variant, visitors who saw it, and those who reached the goal afterwards.
    """
    seen: dict[str, list[VariantShare]] = {}
    for block, variant, visitors, reached in shares:
        seen.setdefault(block, []).append(
            VariantShare(variant=variant, visitors=visitors, reached=reached)
        )

    def basis(block: str) -> Basis:
        key = randomised.get(block)
        if key is None:
            return Basis.DESCRIPTIVE
        return Basis.HOLDOUT if key == block_holdout_key(block) else Basis.EXPERIMENT

    return BlockLifts(
        blocks=[
            BlockLift(
                block=name,
                basis=basis(name),
                experiment=randomised.get(name, ""),
                pli=list(plis.get(randomised.get(name, ""), ())),
                variants=seen.get(name, []),
            )
            for name in workspace.blocks
        ],
        goal=goal,
        as_of=as_of,
    )
