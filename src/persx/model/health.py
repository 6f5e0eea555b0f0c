"""Health: what a workspace wants of its own working, and the states that an objective can be in."""

from __future__ import annotations

from enum import StrEnum

from persx.model.document import Document


class Measure(StrEnum):
    """What can be measured of personalization's working; each has an indicator."""

    PERSONALIZATION_RATE = "personalization-rate"
    SESSION_COVERAGE = "session-coverage"
    VISITOR_RATE = "visitor-rate"
    CELL_COVERAGE = "cell-coverage"
    PERSISTENCE = "persistence"
    FALLBACK_RATE = "fallback-rate"
    VARIANT_FAILURES = "variant-failures"
    INDUSTRY_FALLBACKS = "industry-fallbacks"
    SERVER_ERRORS = "server-errors"
    BROWSER_ERRORS = "browser-errors"
    LATENCY = "latency"
    UNTOUCHED_VARIANTS = "untouched-variants"
    STALE_PIPELINES = "stale-pipelines"
    LIFT = "lift"


class ObjectiveState(StrEnum):
    """What is known of an objective.

    `watch` is cheap and may be wrong; `confirmed` is controlled for error: by chance alone less
    than once a year. `unknown` is no data, and never shown as good.
    """

    OK = "ok"
    WATCH = "watch"
    CONFIRMED = "confirmed"
    UNKNOWN = "unknown"


class Objective(Document, frozen=True, kw_only=True):
    """What an indicator should be: at least or at most a target.

    Attributes:
        measure: The indicator, such as ``personalization-rate``.
        at_least: The target, where more is better.
        at_most: The target, where less is better.
        window: Over how many days the value is shown, such as ``7d``.
        description: Why it matters, for whoever gets the alert.
        off: Switches the objective off, such as one of those that are there by themselves.
    """

    name: str = ""
    measure: Measure
    at_least: float | None = None
    at_most: float | None = None
    window: str = "7d"
    description: str = ""
    off: bool = False

    @property
    def target(self) -> float:
        """The target, whichever side it is on."""
        return (self.at_least if self.at_least is not None else self.at_most) or 0.0
