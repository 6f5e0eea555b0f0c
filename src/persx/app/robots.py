"""Robots: devices that view pages faster than anybody reads them, in the memory of one process."""

from __future__ import annotations

from collections import OrderedDict, deque
from enum import Enum
from typing import Final

from persx.model.clock import HOUR, MINUTE, Millis

WINDOW: Final[Millis] = MINUTE
"""Pages are counted in any time of this length."""

QUIET: Final[Millis] = HOUR
"""A device counts as a bot until it has viewed nothing for so long."""

MOST_KEPT: Final = 20_000
"""Devices that are timed; those that were seen longest ago go first."""


class Pace(Enum):
    """How fast a device views pages."""

    HUMAN = "human"
    FOUND = "found"
    """It has just gone over the limit."""
    BOT = "bot"


class Robots:
    """Times the devices of one process."""

    def __init__(self) -> None:
        self._views: OrderedDict[tuple[str, str], deque[tuple[Millis, str]]] = OrderedDict()
        self._found: OrderedDict[str, Millis] = OrderedDict()

    def view(self, device: str, what: str, id: str, at: Millis, most: int) -> Pace:
        """Note that a device viewed something, and tell how fast it does.

        Args:
            what: Pages are counted together, and each experiment's exposures by themselves: one
                page may be several exposures.
            id: Of the view; the same one again, such as a request that is tried once more, is one.
            most: Pages that a person may view in a minute.
        """
        quiet = self._found.get(device)
        if quiet is not None:
            if at < quiet:
                self._found[device] = max(quiet, at + QUIET)
                return Pace.BOT
            del self._found[device]
        key = (device, what)
        views = self._views.get(key)
        if views is None:
            views = self._views[key] = deque(maxlen=most + 1)
            if len(self._views) > MOST_KEPT:
                self._views.popitem(last=False)
        else:
            self._views.move_to_end(key)
            if any(id == each for _, each in views):
                return Pace.HUMAN
        views.append((at, id))
        if len(views) <= most:
            return Pace.HUMAN
        if sum(abs(at - each) < WINDOW for each, _ in views) <= most:
            return Pace.HUMAN
        del self._views[key]
        self._found[device] = at + QUIET
        if len(self._found) > MOST_KEPT:
            self._found.popitem(last=False)
        return Pace.FOUND
