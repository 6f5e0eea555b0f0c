"""The tally: what this process decided, answered and got wrong since it was last asked."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Final

from persx.health.counts import SLOW_SECONDS, Counts, add
from persx.health.indicators.service import BROWSER
from persx.model.decision import Decision

MOST_PLACES: Final = 50
"""Places of scripts that a process logs an error of, each once."""

_log = logging.getLogger("persx")


class Tally:
    """Counts in memory; a look takes them to the store, so that a crash loses one look's worth.

    A visitor is in it as a number alone: no id, and of what is known only the industry.
    """

    def __init__(self) -> None:
        self._decisions: dict[tuple[str, str, str], int] = {}
        self._pages = self._withheld = self._answered = self._slow = self._browser = 0
        self._given_back = Counts()
        self._errors: dict[str, int] = {}
        self._reportable = 0
        self._told: set[str] = set()

    def decided(self, decisions: Iterable[Decision], industry: str, *, storable: bool) -> None:
        """Count what was decided for a person, whose industry is known or empty."""
        counts = self._decisions
        for decision in decisions:
            key = (decision.block, industry, decision.reason.value)
            counts[key] = counts.get(key, 0) + 1
        if storable:
            self._pages += 1
        else:
            self._withheld += 1
        self._reportable += 1

    def answered(self, seconds: float) -> None:
        """Count an answer to a visitor."""
        self._answered += 1
        if seconds > SLOW_SECONDS:
            self._slow += 1

    def browser_error(self, kind: str, place: str) -> bool:
        """Count an error of our own script that a page reports; tell whether it counts.

        Anybody can report one, so that never more count than pages are shown.

        Args:
            kind: Such as ``TypeError``.
            place: The script and line; each is logged once.
        """
        if self._reportable < 1:
            return False
        self._reportable -= 1
        self._browser += 1
        if place not in self._told and len(self._told) < MOST_PLACES:
            self._told.add(place)
            _log.error("A script failed in a browser: %s at %s.", kind, place)
        return True

    def take(self, errors: Mapping[str, int]) -> Counts:
        """Return what came since the last time.

        Args:
            errors: Place → errors since the process began.
        """
        new = {place: n - self._errors.get(place, 0) for place, n in errors.items()}
        self._errors = dict(errors)
        # Those are counted here, within bounds.
        new[BROWSER] = self._browser
        taken = Counts(
            decisions=self._decisions,
            pages=self._pages,
            withheld=self._withheld,
            errors={place: n for place, n in new.items() if n > 0},
            answered=self._answered,
            slow=self._slow,
        )
        self._decisions = {}
        self._pages = self._withheld = self._answered = self._slow = self._browser = 0
        taken, self._given_back = add([self._given_back, taken]), Counts()
        return taken

    def give_back(self, counts: Counts) -> None:
        """Count again what could not be kept."""
        self._given_back = add([self._given_back, counts])
