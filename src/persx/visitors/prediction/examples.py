"""Examples: what was known of a visitor at a moment before they declared, and what they declared.

Traces carry when they were first left, so what was known at an earlier moment follows from a
state of today. Nothing that was left at or after the first declaration is ever looked at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from persx.model.clock import Millis

TRAINED_ON: Final = 0.6
CALIBRATED_ON: Final = 0.2
"""Shares of the visitors in the order of their declarations; the newest rest is the test."""


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A visitor who declared something.

    Attributes:
        key: Tells visitors apart; nothing is kept of it.
        label: What they declared.
        at: When they did so first.
        traces: What they had left before, with when.
        simulated: The visitor is a simulated one.
    """

    key: str
    label: str
    at: Millis
    traces: Mapping[str, Millis]
    simulated: bool = False


class Population(msgspec.Struct, kw_only=True):
    """The visitors from whom a model is trained, and those for whom it is meant.

    Attributes:
        examples: Who declared, in any order.
        others: Visitors who never declared, with some trace.
        borne: Trace → how many of these others left it.
        bots: Visitors left out because a bot was among their devices.
        unwilling: Visitors left out because they do not allow it.
        untold: Visitors whose declared value is not known any more.
    """

    examples: list[Example] = []
    others: int = 0
    borne: dict[str, int] = {}
    bots: int = 0
    unwilling: int = 0
    untold: int = 0


class Split(NamedTuple):
    """Visitors by the time of their declarations, the earliest first. None is in two parts."""

    train: Sequence[Example]
    calibration: Sequence[Example]
    test: Sequence[Example]


def split(examples: Sequence[Example]) -> Split:
    """Split by time, so that a model is tested on visitors who came after those it has seen."""
    ordered = sorted(examples, key=lambda each: (each.at, each.key))
    first = round(len(ordered) * TRAINED_ON)
    second = round(len(ordered) * (TRAINED_ON + CALIBRATED_ON))
    return Split(ordered[:first], ordered[first:second], ordered[second:])


def at_some_moment(example: Example) -> list[str]:
    """Return the traces at one of the moments at which the visitor left new ones.

    A guess is made on every page, not only on the last before a declaration. Which moment is
    chosen follows from the visitor's key, evenly.
    """
    moments = sorted(set(example.traces.values()))
    if not moments:
        return []
    digest = hashlib.sha256(example.key.encode("utf-8", "replace")).digest()
    moment = moments[int.from_bytes(digest[:8], "big") % len(moments)]
    return sorted(trace for trace, at in example.traces.items() if at <= moment)
