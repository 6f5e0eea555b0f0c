"""Probabilities: what a learner publishes for a block, and what becomes of it where fewer fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from persx.model.errors import Unreadable

Context = tuple[str | None, ...]
"""Values of the attributes that a block learns by, in their order; None for what is unknown."""

MOST_VARIANTS: Final = 100
_SLACK: Final = 1e-6


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """Visitors of one context.

    Attributes:
        context: Values by which they are told apart.
        shares: Variant → share that it has earned, before exploration; they add up to 1.
        rates: Variant → the share of visitors who would reach the goal, as the learner sees it.
        visitors: How many of them were learned from.
    """

    context: Context
    shares: dict[str, float]
    rates: dict[str, float] = {}
    visitors: int = 0


class Probabilities(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an artifact of the kind ``probabilities``.

    Attributes:
        by: Names of the attributes by which contexts are told apart.
        exploration: The part of all visitors among whom eligible variants are alike often.
        lanes: Variant → which of a visitor's uniform numbers it is drawn with. A variant keeps
            its lane from one artifact to the next, so that what happens to others moves nobody.
        overall: For visitors whose context is none of the cells.
        cells: Contexts that were seen.
    """

    block: str
    learner: str
    by: tuple[str, ...]
    exploration: float
    lanes: dict[str, int]
    overall: Cell
    cells: tuple[Cell, ...] = ()


def encode(found: Probabilities) -> bytes:
    """Return probabilities as the bytes of an artifact."""
    return msgspec.json.encode(found)


def decode(body: bytes) -> Probabilities:
    """Read the body of an artifact.

    Raises:
        Unreadable: It is none, or its numbers are no probabilities.
    """
    try:
        found = msgspec.json.decode(body, type=Probabilities)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"These are no probabilities: {error}.") from error
    problem = _problem(found)
    if problem:
        raise Unreadable(f"The probabilities of '{found.block}' cannot be used: {problem}.")
    return found


def _problem(found: Probabilities) -> str:
    lanes = list(found.lanes.values())
    if not 0 < len(lanes) <= MOST_VARIANTS or len(set(lanes)) != len(lanes):
        return "each variant needs a lane of its own"
    if not all(0 <= lane < MOST_VARIANTS for lane in lanes):
        return "a lane is out of range"
    if not 0 < found.exploration <= 1:
        return f"an exploration of {found.exploration:g} leaves variants out"
    for cell in (found.overall, *found.cells):
        shares = cell.shares.values()
        if cell.shares.keys() != found.lanes.keys():
            return "a cell has other variants than the lanes"
        if not all(math.isfinite(each) and each >= 0 for each in shares):
            return "a share is negative or no number"
        if abs(sum(shares) - 1) > _SLACK:
            return f"the shares of a cell add up to {sum(shares):g}"
    for cell in found.cells:
        if len(cell.context) != len(found.by):
            return "a context has more or fewer values than there are attributes"
    return ""


def chances(
    shares: Mapping[str, float], exploration: float, eligible: Sequence[str]
) -> dict[str, float]:
    """Return the probability of each eligible variant; they add up to 1.

    What was learned is renormalised among those that are eligible, then mixed with an even split:
    each has at least ``exploration / len(eligible)``, whatever was learned.

    >>> chances({"a": 0.75, "b": 0.25, "c": 0.0}, 0.5, ["b", "c"])
    {'b': 0.75, 'c': 0.25}
    """
    learned = [shares[name] for name in eligible]
    total = sum(learned)
    even = 1 / len(eligible)
    if total <= 0:
        return dict.fromkeys(eligible, even)
    return {
        name: exploration * even + (1 - exploration) * (share / total)
        for name, share in zip(eligible, learned, strict=True)
    }


def by_context(found: Probabilities) -> dict[Context, Cell]:
    """Return the cells by context."""
    return {cell.context: cell for cell in found.cells}


def cell_of(cells: Mapping[Context, Cell], overall: Cell, context: Context) -> Cell:
    """Return the cell that applies to a context: its own, a wider one, or that of everybody.

    Wider means that values count as unknown, from the last attribute on.
    """
    for known in range(len(context), 0, -1):
        wider = context[:known] + (None,) * (len(context) - known)
        found = cells.get(wider)
        if found is not None and (known == len(context) or wider != (None,) * len(context)):
            return found
    return overall


def lanes_for(variants: Sequence[str], before: Mapping[str, int]) -> dict[str, int]:
    """Return a lane for each variant: those that had one keep it, others take the first free.

    >>> lanes_for(["a", "c"], {"a": 1, "b": 0})
    {'a': 1, 'c': 0}
    """
    lanes = {name: before[name] for name in variants if name in before}
    free = (lane for lane in range(MOST_VARIANTS) if lane not in set(lanes.values()))
    for name in variants:
        if name not in lanes:
            lanes[name] = next(free)
    return {name: lanes[name] for name in variants}
