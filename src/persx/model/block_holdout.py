"""A block's own holdout: an experiment in a layer of its own, made of one number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from persx.model.experiment import TARGETED, Arm, Experiment
from persx.model.workspace import DEFAULT, HOLDOUT, Block

GENERIC: Final = "generic"
"""The arm of a holdout that gets default content."""

_FINENESS: Final = 1_000_000
"""Shares that differ by less than one in so many are the same."""


def share_epoch(share: float) -> int:
    """Return the epoch of a holdout of this share: who moves it begins another one.

    Reports compare the visitor counts of an epoch with the share of that epoch, and go on with the
    old one where a share is moved back.

    >>> share_epoch(0.1), share_epoch(0.05)
    (100000, 50000)
    """
    return max(1, round(share * _FINENESS))


def block_holdout_key(block: str) -> str:
    """Return the key of a block's holdout; no experiment of a workspace can have it.

    >>> block_holdout_key("hero")
    'holdout:hero'
    """
    return f"{HOLDOUT}:{block}"


def block_holdouts(blocks: Mapping[str, Block], goals: tuple[str, ...]) -> dict[str, Experiment]:
    """Return the holdouts of those blocks that have one, by key.

    Their epoch is their share, as `share_epoch` has it.

    Args:
        blocks: All blocks of a workspace.
        goals: What their reports analyse; empty is all goals.
    """
    found = {}
    for name, block in blocks.items():
        if block.holdout > 0:
            key = block_holdout_key(name)
            found[key] = Experiment(
                key=key,
                description=f"Default content of the block '{name}' against what it targets.",
                blocks=(name,),
                arms=(
                    Arm(name=GENERIC, weight=block.holdout, show=DEFAULT),
                    Arm(name=TARGETED, weight=1 - block.holdout),
                ),
                layer=key,
                epoch=share_epoch(block.holdout),
                goals=goals,
            )
    return found
