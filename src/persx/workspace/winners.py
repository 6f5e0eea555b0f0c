"""Winners: what a stopped experiment decided becomes part of the blocks that it concerned.

The arm that won is written into the blocks as variants, so that nothing is left to decide: the
winner costs no time, needs no consent, and rolling the publication back takes it away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from persx.model.experiment import TARGETED, Arm, Experiment, Strategy
from persx.model.workspace import DEFAULT, Block, Policy, Schedule, Variant, Workspace

FIRST: Final = 1 << 20
"""A priority before all that people write."""

_OVER: Final = Schedule(end="1970-01-02 00:00", zone="UTC")
"""Of what is kept by its name and never shown by itself."""

Within = Callable[[str, Strategy], bool]
"""Tells whether a rule goes by nothing but a strategy's attributes."""


def concerned_blocks(experiment: Experiment, workspace: Workspace) -> frozenset[str]:
    """Return the names of the blocks that an experiment concerns."""
    if not experiment.blocks:
        return frozenset(workspace.blocks)
    found: set[str] = set()
    for place in experiment.blocks:
        page, _, rest = place.partition("/")
        found.update(workspace.pages[page].blocks if rest == "*" else [place])
    return frozenset(found)


def shown_by(arm: Arm, block: str) -> str:
    """Return what an arm says for a block."""
    return arm.show if isinstance(arm.show, str) else arm.show.get(block, TARGETED)


def with_winners(workspace: Workspace, within: Within) -> dict[str, Block]:
    """Return the blocks as they are once every experiment with a winner is decided.

    Of two that name content for one block, the one whose key stands last comes first.
    """
    blocks = dict(workspace.blocks)
    for at, experiment in enumerate(workspace.experiments.values()):
        if experiment.status != "stopped" or not experiment.winner:
            continue
        arm = next((each for each in experiment.arms if each.name == experiment.winner), None)
        if arm is None:
            continue
        for name in concerned_blocks(experiment, workspace) & blocks.keys():
            said = shown_by(arm, name)
            blocks[name] = msgspec.structs.replace(
                blocks[name],
                variants=tuple(
                    _decided(
                        blocks[name],
                        said,
                        workspace.strategies.get(said),
                        experiment.target,
                        within,
                        FIRST + at,
                    )
                ),
            )
    return blocks


def _decided(
    block: Block,
    said: str,
    strategy: Strategy | None,
    target: str,
    within: Within,
    priority: int,
) -> Iterable[Variant]:
    """Return a block's variants where those whom the target means get what was said."""
    if strategy is not None:
        return [
            each
            if within(each.when, strategy)
            else msgspec.structs.replace(each, when=_unless(each.when, target))
            for each in block.variants
            if target or within(each.when, strategy)
        ]
    if said == TARGETED:
        return block.variants
    chosen = Variant(name=DEFAULT)
    for each in block.variants:
        if each.name == said:
            chosen = each
    first = msgspec.structs.replace(chosen, when=target, priority=priority, schedule=None)
    if block.policy is not Policy.LEARN:
        return [first, *block.variants]
    # A block that learns draws among all that are eligible: for the target nothing else is.
    return [
        first,
        *(
            msgspec.structs.replace(each, when=_unless(each.when, target))
            if target
            else msgspec.structs.replace(each, schedule=_OVER)
            for each in block.variants
        ),
    ]


def _unless(when: str, target: str) -> str:
    return f"({when}) and not ({target})" if when else f"not ({target})"
