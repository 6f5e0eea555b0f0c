"""Moments of the log: of each visitor one, what they had done by then, and what they did after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np

from persx.model.clock import Millis
from persx.model.item import Touch
from persx.recommend.interactions import ACTIONS, DEVICES, Interactions

MOST_CASES: Final = 2_000
"""Visitors who are asked about; of more, as many are drawn."""


class Moment(NamedTuple):
    """One case: what a visitor had done by a moment, and what they touched afterwards.

    Attributes:
        touches: Oldest first.
        wanted: Ids of items, each once.
        context: Of the first touch that is wanted.
        user: The visitor's code.
        returning: They had touched something in an earlier session.
        attributes: What else rules may know of the visitor and of the request.
        audiences: Those that the visitor was in.
        persona: Whom the visitor was most like; empty where that is nobody.
    """

    at: Millis
    touches: tuple[Touch, ...]
    wanted: tuple[str, ...]
    context: Mapping[str, object]
    user: int = 0
    returning: bool = False
    attributes: Mapping[str, object] = {}
    audiences: tuple[str, ...] = ()
    persona: str = ""


def cut_at(data: Interactions, *, share: float = 0.0, length: Millis = 0) -> Millis:
    """Return the moment from which on the newest share of the time, or so much of it, begins."""
    if not len(data.times):
        return 0
    first, last = int(data.times.min()), int(data.times.max())
    return last - length if length else last - round((last - first) * share)


def between(data: Interactions, start: Millis, end: Millis) -> Interactions:
    """Return what happened from a moment on and before another."""
    return data.rows((data.times >= start) & (data.times < end))


def moments(
    data: Interactions,
    start: Millis,
    end: Millis,
    *,
    allowed: Callable[[str], bool],
    most: int = MOST_CASES,
    again: bool = False,
    seed: int = 0,
) -> list[Moment]:
    """Return the cases of a stretch of time, of at most so many visitors.

    Args:
        allowed: Tells whether an item can be shown at all; others are not wanted.
        again: What a visitor had touched before is wanted too.
    """
    random = np.random.default_rng(seed)
    inside = np.flatnonzero((data.times >= start) & (data.times < end))
    visitors, first, counts = np.unique(data.users[inside], return_index=True, return_counts=True)
    starts = np.searchsorted(data.users, visitors)
    found = []
    for place in random.permutation(len(visitors)):
        row = int(inside[first[place]])
        split = row + int(random.integers(counts[place]))
        known = range(int(starts[place]), split)
        before = {int(data.items[each]) for each in known}
        after = dict.fromkeys(int(each) for each in data.items[split : row + int(counts[place])])
        wanted = tuple(
            data.ids[item]
            for item in after
            if (again or item not in before) and allowed(data.ids[item])
        )
        if wanted:
            touches = tuple(
                Touch(data.ids[data.items[at]], ACTIONS[data.actions[at]], int(data.times[at]))
                for at in known
            )
            begin = int(starts[place])
            found.append(
                Moment(
                    int(data.times[split]),
                    touches,
                    wanted,
                    _context(data, split),
                    user=int(visitors[place]),
                    returning=bool(data.sessions[begin] != data.sessions[split]),
                )
            )
        if len(found) == most:
            break
    return found


def _context(data: Interactions, row: int) -> dict[str, object]:
    found: dict[str, object] = {}
    if "hour" in data.contexts:
        found["hour"] = int(data.contexts["hour"][row])
    if "device" in data.contexts and (device := int(data.contexts["device"][row])) >= 0:
        found["device"] = DEVICES[device]
    return found
