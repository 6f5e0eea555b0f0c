"""Strategies: which variants of a block are left when only some attributes may be gone by."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from persx.audience.program import Branch, Program
from persx.decide.plan import Layer
from persx.model.workspace import Strategy

_NEVER: Final = 0
"""A branch that is open until 1970 is never open."""


class Strategies:
    """The strategies of a workspace, against its rules."""

    def __init__(self, strategies: Mapping[str, Strategy], program: Program) -> None:
        self._program = program
        # Who may go by a derived attribute may go by all that it follows from.
        self._allowed = {
            name: program.sources_of(each.attributes) for name, each in strategies.items()
        }

    def within(self, when: str, strategy: Strategy) -> bool:
        """Tell whether a rule goes by nothing but the strategy's attributes."""
        return not when or self._program.reads(when) <= self._allowed[strategy.name]

    def layers(self, names: Collection[str], branches: Sequence[Branch]) -> dict[str, Layer]:
        """Return, of those names that are strategies', what they make of a block's branches."""
        return {
            name: Layer(
                choose=self._program.chooser(
                    [
                        branch
                        if not branch.when or self._program.reads(branch.when) <= allowed
                        else Branch(branch.when, None, _NEVER)
                        for branch in branches
                    ]
                ),
                attributes=allowed,
            )
            for name, allowed in self._allowed.items()
            if name in names
        }
