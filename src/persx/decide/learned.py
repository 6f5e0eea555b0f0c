"""Drawing: a block that learns picks one of its eligible variants by the published probabilities.

A variant is drawn by weighted rendezvous: each has its own uniform number u of the visitor, and
the one with the least −ln(u) / p is shown. Its probability is exactly p. Where probabilities
move, only visitors whose variant lost ground change it, and only to one that gained: as few as
can be. Where a variant is not eligible for a visitor, the others keep their order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, log
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from persx.audience.program import PageChooser
from persx.decide.allocation import numbers
from persx.decide.plan import DEFAULT_CHOICE, BlockPlan, Plan, Texts
from persx.experiments.probabilities import (
    Cell,
    Context,
    Probabilities,
    by_context,
    cell_of,
    chances,
)
from persx.model.artifact import PROBABILITIES, artifact_key
from persx.model.decision import Assignment, Decision, Reason
from persx.model.learning import HELD_OUT, LEARNED

_SPAN: Final = 2**32
_LOG_SPAN: Final = log(_SPAN)
_MOST_REMEMBERED: Final = 10_000

T = TypeVar("T")


class Draw(NamedTuple):
    """What a visitor's block shows by learning, and which arm they are in.

    Attributes:
        propensity: The probability of the choice, given the arm.
        plain: The decision for a visitor whom nothing else concerns.
        assignment: That they count.
    """

    choice: int
    propensity: float
    arm: str
    plain: Decision
    assignment: Assignment


class Option(NamedTuple):
    """An eligible variant: which of a visitor's numbers it is drawn with, and 1 / probability."""

    lane: int
    inverse: float
    draw: Draw


@dataclass(frozen=True, slots=True)
class BlockProbabilities:
    """An artifact's probabilities, bound to the block of a plan.

    Attributes:
        key, number: Of the artifact, as decisions log it.
        numbers: Gives a visitor's uniform numbers; the first one tells the arm.
        held_out: Below this first number, a visitor is held out.
        eligible: As the block's plan has it.
    """

    key: str
    number: int
    found: Probabilities
    block: BlockPlan
    cells: Mapping[Context, Cell]
    numbers: Callable[[str], Sequence[int]]
    held_out: float
    eligible: PageChooser
    _first: dict[tuple[int, int], Draw] = field(default_factory=dict)
    _asked: dict[tuple[Any, ...], tuple[Option, ...]] = field(default_factory=dict)
    _options: dict[tuple[Any, ...], tuple[Option, ...]] = field(default_factory=dict)

    def draw(
        self,
        texts: Texts,
        first: int,
        attributes: dict[str, Any],
        now: int,
        memo: dict[Any, Any],
        visitor: str,
    ) -> Draw | None:
        """Draw for a visitor; none where there is nothing to choose between.

        Args:
            texts: The block's, in the visitor's locale.
            first: The choice of the rules alone, which held-out visitors see.
        """
        options = self.options(texts, attributes, now, memo)
        if not options:
            return None
        drawn = self.numbers(visitor)
        if drawn[0] < self.held_out:
            return self._held_out(texts, first)
        least, chosen = inf, options[0][2]
        for lane, inverse, draw in options:
            # −ln of a number in (0, 1], over the probability.
            score = (_LOG_SPAN - log(drawn[lane] + 1)) * inverse
            if score < least:
                least, chosen = score, draw
        return chosen

    def _held_out(self, texts: Texts, first: int) -> Draw:
        key = (id(texts), first)
        found = self._first.get(key)
        if found is None:
            found = self._first[key] = self._draw(texts, first, 1.0, HELD_OUT)
        return found

    def _draw(self, texts: Texts, choice: int, propensity: float, arm: str) -> Draw:
        learning, usual = self.block.learning, texts.targeted[choice]
        assert learning is not None
        decision = msgspec.structs.replace(
            usual,
            reason=Reason.LEARNED if arm == LEARNED else usual.reason,
            arms=learning.arms[arm],
            propensity=propensity,
        )
        return Draw(choice, propensity, arm, decision, learning.assignments[arm])

    def options(
        self, texts: Texts, attributes: dict[str, Any], now: int, memo: dict[Any, Any]
    ) -> tuple[Option, ...]:
        """Return what a visitor's variant is drawn among; nothing where all would look alike."""
        eligible = self.eligible(attributes, now, memo)
        # The first look knows all that is asked again and again; values that nobody ever had
        # before cost a second one, in what is remembered of their cell.
        asked = (id(texts), eligible, *map(attributes.get, self.found.by))
        options = self._asked.get(asked)
        if options is None:
            context = tuple(map(_named, asked[2:]))
            cell = cell_of(self.cells, self.found.overall, context)
            key = (id(texts), id(cell), eligible)
            options = self._options.get(key)
            if options is None:
                options = _remember(self._options, key, self._made(texts, cell, eligible))
            _remember(self._asked, asked, options)
        return options

    def _made(self, texts: Texts, cell: Cell, eligible: tuple[int, ...]) -> tuple[Option, ...]:
        shown = {
            self.block.names[choice]: choice
            for choice, fits in enumerate(eligible)
            if fits != DEFAULT_CHOICE
            and choice not in texts.broken
            and self.block.names[choice] in self.found.lanes
        }
        contents = [texts.contents[choice] for choice in shown.values()]
        if all(content == contents[0] for content in contents[1:]):
            return ()
        chance = chances(cell.shares, self.found.exploration, list(shown))
        return tuple(
            Option(
                self.found.lanes[name] + 1,
                1 / chance[name],
                self._draw(texts, choice, chance[name], LEARNED),
            )
            for name, choice in shown.items()
            if chance[name] > 0
        )


def _remember(memo: dict[tuple[Any, ...], T], key: tuple[Any, ...], value: T) -> T:
    if len(memo) >= _MOST_REMEMBERED:
        memo.clear()
    memo[key] = value
    return value


def _named(value: Any) -> str | None:
    """Return a value as contexts name it: what the log keeps of it as a text."""
    if value is None or isinstance(value, str):
        return value or None
    return ("true" if value else "false") if isinstance(value, bool) else None


def bound(
    plan: Plan, published: Mapping[str, tuple[int, Probabilities]]
) -> dict[str, BlockProbabilities]:
    """Return the probabilities of the blocks of a plan that learn.

    Those that tell contexts apart by other attributes than the block does now are left out.

    Args:
        published: Block → number and body of its artifact.
    """
    return {
        name: BlockProbabilities(
            key=artifact_key(PROBABILITIES, name),
            number=number,
            found=found,
            block=plan.blocks[name],
            cells=by_context(found),
            # The first tells the arm, the others are the lanes.
            numbers=numbers(learning.seed, max(found.lanes.values()) + 2),
            held_out=learning.held_out * _SPAN,
            eligible=learning.eligible,
        )
        for name, (number, found) in published.items()
        if name in plan.blocks
        and (learning := plan.blocks[name].learning) is not None
        and learning.by == found.by
    }


NOTHING_LEARNED: Final[Mapping[str, BlockProbabilities]] = {}
