"""The tally: what this process decided, answered and got wrong since it was last asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import Final

import msgspec

from persx.health.counts import SLOW_SECONDS, Counts, add
from persx.health.indicators.service import BROWSER
from persx.model.clock import HOUR, Clock, Millis
from persx.model.decision import Decision

PIECE_SECONDS: Final = 5.0
"""What is decided within so many seconds is judged together."""

MOST_PIECES: Final = 100
"""More are added up: the store has not taken any for minutes."""

MOST_PLACES: Final = 50
"""Places of scripts that a process logs an error of, each once."""

_log = logging.getLogger("persx")


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted in a few seconds, and when they ended.

    Attributes:
        simulated: Of simulated visitors, in an hour of theirs.
    """

    at: Millis
    counts: Counts
    simulated: bool = False


class Tally:
    """Counts in memory; a look takes them to the store, so that a crash loses one look's worth.

    A visitor is in it as a number alone: no id, and of what is known only the industry.

    Args:
        clock: Says when a piece ended.
        seconds: Say how long it is.

    Attributes:
        filling: A simulation is at work, and all that it did before this moment is in the log.
    """

    filling: Millis | None = None

    def __init__(self, clock: Clock, seconds: Callable[[], float] = monotonic) -> None:
        self._clock, self._seconds = clock, seconds
        self._decisions: dict[tuple[str, str, str], int] = {}
        self._pages = self._withheld = self._answered = self._slow = self._browser = 0
        self._pieces: list[Piece] = []
        self._simulated: list[Piece] = []
        self._began = self._seconds()
        self._errors: dict[str, int] = {}
        self._reportable = 0
        self._told: set[str] = set()

    def decided(self, decisions: Iterable[Decision], industry: str, *, storable: bool) -> None:
        """Count what was decided for a person, whose industry is known or empty."""
        if self._seconds() - self._began > PIECE_SECONDS:
            self._close()
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

    def _close(self) -> None:
        """Begin a new piece: what went wrong in between is not lost in what went well before."""
        if self._decisions:
            self._pieces.append(Piece(at=self._clock(), counts=self._rest()))
            if len(self._pieces) > MOST_PIECES:
                first, second, *others = self._pieces
                both = Piece(at=second.at, counts=add([first.counts, second.counts]))
                self._pieces = [both, *others]
        self._began = self._seconds()

    def _rest(self) -> Counts:
        counts = Counts(
            decisions=self._decisions,
            pages=self._pages,
            withheld=self._withheld,
            errors={BROWSER: self._browser} if self._browser else {},
            answered=self._answered,
            slow=self._slow,
        )
        self._decisions = {}
        self._pages = self._withheld = self._answered = self._slow = self._browser = 0
        return counts

    def take(self, errors: Mapping[str, int]) -> list[Piece]:
        """Return what came since the last time, in pieces of a few seconds, oldest first.

        Args:
            errors: Place → errors of the server since the process began.
        """
        new = {
            place: n - self._errors.get(place, 0) for place, n in errors.items() if place != BROWSER
        }
        self._errors = dict(errors)
        happened = Counts(errors={place: n for place, n in new.items() if n > 0})
        current = Piece(at=self._clock(), counts=add([self._rest(), happened]))
        pieces = [*self._simulated, *self._pieces, current]
        self._simulated, self._pieces, self._began = [], [], self._seconds()
        return pieces

    def add_simulated(self, piece: Piece) -> None:
        """Count what simulated visitors caused, in the past."""
        self._simulated.append(piece)

    def give_back(self, pieces: list[Piece]) -> None:
        """Count again what could not be kept."""
        self._pieces = [*(each for each in pieces if not each.simulated), *self._pieces]
        self._simulated = [*(each for each in pieces if each.simulated), *self._simulated]


class SimulatedTally(Tally):
    """Counts of simulated visitors, by the hours in which they came, handed over to the real one.

    Args:
        clock: The simulation's.
        real: Takes them.
    """

    def __init__(self, clock: Clock, real: Tally) -> None:
        super().__init__(clock)
        self._real, self._last = real, 0

    def decided(self, decisions: Iterable[Decision], industry: str, *, storable: bool) -> None:
        """Count what was decided for a simulated person."""
        now = self._clock()
        if now // HOUR != self._last // HOUR:
            self.hand_over()
        self._last = now
        super().decided(decisions, industry, storable=storable)

    def hand_over(self) -> None:
        """Give away what was counted."""
        if self._decisions:
            counts = self._rest()
            self._real.add_simulated(Piece(at=self._last, counts=counts, simulated=True))

    def _close(self) -> None:
        """Leave the hour as it is: how long it takes to simulate does not matter."""
