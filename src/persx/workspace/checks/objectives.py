"""Objectives: one target each, that can be reached, over a window of whole days."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from persx.model.clock import DAY, parse_duration
from persx.model.errors import BadInput, Fault
from persx.model.health import Measure
from persx.workspace.checks.subject import Subject

_KIND: Final = "objectives"
LONGEST_DAYS: Final = 90

_AT_LEAST: Final = frozenset(
    {
        Measure.PERSONALIZATION_RATE,
        Measure.SESSION_COVERAGE,
        Measure.VISITOR_RATE,
        Measure.CELL_COVERAGE,
        Measure.PERSISTENCE,
        Measure.LIFT,
    }
)
"""Measures of which more is better."""


def check_objectives(subject: Subject) -> Iterator[Fault]:
    """Yield the faults of all objectives."""
    for name, objective in subject.workspace.objectives.items():
        if subject.is_damaged(_KIND, name):
            continue
        more = objective.measure in _AT_LEAST
        wanted, other = ("at_least", "at_most") if more else ("at_most", "at_least")
        target = getattr(objective, wanted)
        if objective.off and target is None and getattr(objective, other) is None:
            continue
        if target is None or getattr(objective, other) is not None:
            yield subject.fault(
                _KIND,
                name,
                wanted,
                f"An objective of '{objective.measure.value}' has one target: {wanted}.",
                value=target,
                hint=f"Write {wanted}: {0.7 if more else 0.05}, and no {other}.",
            )
        elif not -1 < target < 10 if objective.measure is Measure.LIFT else not 0 <= target <= 1:
            yield subject.fault(
                _KIND,
                name,
                wanted,
                "A target is a share between 0 and 1.",
                value=target,
                hint="Write 0.7 for 70%.",
            )
        yield from _window(subject, name, objective.window)


def _window(subject: Subject, name: str, window: str) -> Iterator[Fault]:
    try:
        length = parse_duration(window)
        message, hint = f"A window is 1 to {LONGEST_DAYS} whole days.", "Write 1d, 7d or 30d."
        if DAY <= length <= LONGEST_DAYS * DAY and length % DAY == 0:
            return
    except BadInput as error:
        message, hint = error.message, error.hint
    yield subject.fault(_KIND, name, "window", message, value=window, hint=hint)
