"""The status: everything that is told of health at one moment, to people and to programs."""

from __future__ import annotations

import msgspec

from persx.health.judging import Finding
from persx.health.scorecard import Criterion
from persx.model.clock import Millis
from persx.model.health import Measure, ObjectiveState


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """No alerts of an objective for a while.

    Attributes:
        objective: Its name; ``*`` stands for all.
        subject: What the subject's name begins with; empty stands for all.
        who: Who asked for it.
    """

    id: str
    objective: str
    subject: str = ""
    until: Millis
    who: str
    why: str
    created: Millis

    def covers(self, objective: str, subject: str, now: Millis) -> bool:
        """Tell whether an alert is not to be sent."""
        named = self.objective in ("*", objective)
        return named and subject.startswith(self.subject) and now < self.until


def _counted(value: float | None, numerator: int, denominator: int) -> str:
    if denominator:
        return f"{numerator:,} of {denominator:,}"
    return "no data" if value is None else "the lowest of all industries"


class Point(msgspec.Struct, frozen=True, array_like=True):
    """The value of one day, such as ``2026-11-30``."""

    day: str
    value: float


class ObjectiveStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An objective as it stands.

    Attributes:
        target: In words, such as ``at least 70%``.
        limit: The target as a number.
        subjects: What is not right, by subject; worst first.
        points: A value a day, oldest first.
        silenced: Until when no alert of it is sent; 0 where alerts are sent.
    """

    name: str
    measure: Measure
    title: str
    description: str
    target: str
    limit: float
    window: str
    finding: Finding
    subjects: tuple[Finding, ...] = ()
    points: tuple[Point, ...] = ()
    silenced: Millis = 0

    @property
    def state(self) -> ObjectiveState:
        """The state."""
        return self.finding.state

    @property
    def counted(self) -> str:
        """What its value rests on, in words."""
        found = self.finding
        return _counted(found.value, found.numerator, found.denominator)


class IndicatorStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An indicator's value in a window.

    Attributes:
        apart: What is left out or shown beside it, in words → how many.
        by: Subject → its share, where there are several; at most fifty.
    """

    name: Measure
    title: str
    formula: str
    window: str
    value: float | None
    numerator: int
    denominator: int
    numerator_of: str
    denominator_of: str
    apart: dict[str, int] = {}
    by: dict[str, float] = {}

    @property
    def counted(self) -> str:
        """What its value rests on, in words."""
        return _counted(self.value, self.numerator, self.denominator)


class SentAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert, and what became of it.

    Attributes:
        channels: Channel → ``waiting``, ``sending``, ``sent``, or why it was given up or may not
            have arrived.
    """

    id: str
    at: Millis
    title: str
    channels: dict[str, str]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at one moment.

    Attributes:
        at: When it was looked at last; 0 where it never was.
        snapshot: What was served then.
    """

    at: Millis = 0
    site: str = ""
    snapshot: int = 0
    objectives: tuple[ObjectiveStatus, ...] = ()
    indicators: tuple[IndicatorStatus, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    silences: tuple[Silence, ...] = ()
    alerts: tuple[SentAlert, ...] = ()

    @property
    def confirmed(self) -> tuple[ObjectiveStatus, ...]:
        """The objectives that are confirmed to be missed."""
        return tuple(each for each in self.objectives if each.state is ObjectiveState.CONFIRMED)
