"""The shape of an indicator: its name, its formula in words, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from persx.health.counts import Counts
from persx.health.timeline import Timeline
from persx.model.clock import Millis
from persx.model.health import Measure
from persx.model.workspace import Workspace

ALL: Final = ""
"""The subject of an indicator that is about everything at once."""


class Evidence(StrEnum):
    """What a trial is, from which a change is confirmed.

    `trials`: each decision is one. `days`: each visitor of a finished day is one. `slots`: each
    stretch of ten minutes is one, which is bad where its share misses the target, because what
    happens within one hangs together. `facts` are known, not estimated. `interval`: a readout's.
    """

    TRIALS = "trials"
    DAYS = "days"
    SLOTS = "slots"
    FACTS = "facts"
    INTERVAL = "interval"


class Ratio(msgspec.Struct, frozen=True):
    """What was counted, and of how many."""

    numerator: int
    denominator: int

    @property
    def value(self) -> float | None:
        """The share; none where there is nothing to divide by."""
        return self.numerator / self.denominator if self.denominator else None


class Lift(msgspec.Struct, frozen=True, kw_only=True):
    """An industry's lift in the holdout, with an interval that may be looked at every day.

    Attributes:
        withheld: Why there is none.
    """

    lift: float | None = None
    low: float | None = None
    high: float | None = None
    withheld: tuple[str, ...] = ()


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What indicators know beside counts.

    Attributes:
        workspace: What is served; none where nothing is.
        lifts: Industry → its lift.
        pipelines: Pipeline → why what it recommends by is stale; empty where it is not. One that
            had nothing to learn from yet is not among them.
    """

    now: Millis
    workspace: Workspace | None = None
    timeline: Timeline = Timeline()
    lifts: Mapping[str, Lift] = {}
    pipelines: Mapping[str, str] = {}


class Indicator(Protocol):
    """Something that can be told of how personalization works.

    `name` is its measure, `title` what people call it. `formula`, `numerator` and `denominator`
    say in words what is divided by what; `apart` what is left out and shown beside it.
    """

    @property
    def name(self) -> Measure: ...
    @property
    def title(self) -> str: ...
    @property
    def formula(self) -> str: ...
    @property
    def numerator(self) -> str: ...
    @property
    def denominator(self) -> str: ...
    @property
    def evidence(self) -> Evidence: ...

    def read(self, counts: Counts, known: Known) -> Mapping[str, Ratio]:
        """Return what is counted, by subject; subjects never overlap, so that they add up."""
        ...

    def apart(self, counts: Counts) -> Mapping[str, int]:
        """Return what is left out of the denominator, in words → how many."""
        ...

    def lives(self, subject: str, known: Known) -> bool:
        """Tell whether a subject is still there; one that is not has recovered."""
        ...
