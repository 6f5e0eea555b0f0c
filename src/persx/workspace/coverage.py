"""Coverage: whether each block has content for each industry, found by deciding, not by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from persx.audience.program import Program
from persx.model.question import INDUSTRY
from persx.model.workspace import Block, Workspace
from persx.workspace.snapshot import schema

ALL: Final = "*"


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """What a visitor of whom only the industry is known gets from a block.

    Attributes:
        variant: The variant; none means default content.
        opted_out: The block says that default content is meant for this industry.
    """

    block: str
    industry: str
    variant: str | None
    opted_out: bool

    @property
    def missing(self) -> bool:
        """Whether content is wanted and not there."""
        return self.variant is None and not self.opted_out


def coverage(workspace: Workspace) -> tuple[Cell, ...]:
    """Return a cell for each block and industry of a valid workspace, in that order.

    Variants with a schedule are left out: what is there for a week does not cover.
    """
    program = Program(
        schema(workspace), {name: audience.when for name, audience in workspace.audiences.items()}
    )
    return tuple(
        cell for block in workspace.blocks.values() for cell in _cells(block, workspace, program)
    )


def _cells(block: Block, workspace: Workspace, program: Program) -> list[Cell]:
    variants: list[tuple[str, Callable[[dict[str, Any], int, dict[Any, Any]], bool] | None]] = [
        (variant.name, program.predicate(variant.when) if variant.when else None)
        for variant in sorted(block.variants, key=lambda each: -each.priority)
        if variant.schedule is None
    ]
    cells = []
    for industry in workspace.industries:
        known: Mapping[str, Any] = {INDUSTRY: industry}
        cells.append(
            Cell(
                block=block.name,
                industry=industry,
                variant=next(
                    (
                        name
                        for name, holds in variants
                        # Time has no say: rules that need it read facts that are not known here.
                        if holds is None or holds(dict(known), 0, {})
                    ),
                    None,
                ),
                opted_out=ALL in block.coverage_opt_out or industry in block.coverage_opt_out,
            )
        )
    return cells
