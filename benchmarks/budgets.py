"""The budgets: what each measured figure may be. One row is one promise."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from benchmarks.measurement import Measurement


class Bound(StrEnum):
    """Which side of the limit is good."""

    AT_MOST = "≤"
    AT_LEAST = "≥"


class Figure(StrEnum):
    """Which part of a measurement the budget concerns."""

    VALUE = "value"
    RATIO = "ratio"


class Budget(msgspec.Struct, frozen=True):
    """A promise about one figure of the measurement of the same name.

    Attributes:
        sense: The unit of the limit, or what a ratio means.
    """

    name: str
    figure: Figure
    bound: Bound
    limit: float
    sense: str

    def __str__(self) -> str:
        return f"{self.bound} {self.limit:,g} {self.sense}"

    def measured(self, measurement: Measurement) -> float | None:
        """Return the figure of the measurement that this budget is about, if it was taken."""
        return measurement.value if self.figure is Figure.VALUE else measurement.ratio

    def holds(self, measurement: Measurement) -> bool | None:
        """Tell whether the measurement keeps the budget; None where the figure is missing."""
        figure = self.measured(measurement)
        if figure is None:
            return None
        return figure <= self.limit if self.bound is Bound.AT_MOST else figure >= self.limit


_V, _R, _MOST, _LEAST = Figure.VALUE, Figure.RATIO, Bound.AT_MOST, Bound.AT_LEAST

BUDGETS: Final = (
    Budget("decide", _V, _MOST, 15, "µs median"),
    Budget("decide", _R, _LEAST, 10, "× as fast as the GrowthBook Python SDK"),
    Budget("decide, a block that learns", _V, _MOST, 3, "µs more than without"),
    Budget("rule", _R, _MOST, 2.5, "× the time of a hand-written lambda"),
    Budget("POST /v1/decide", _R, _LEAST, 0.6, "× the requests/s of a bare endpoint"),
    Budget("POST /v1/decide p99", _R, _MOST, 3, "× the bare endpoint's at the same rate"),
    Budget("ingest over HTTP", _V, _LEAST, 15_000, "events/s on one core"),
    Budget("ingest over HTTP", _R, _LEAST, 0.1, "× bare SQLite group commit"),
    Budget("import of events", _V, _LEAST, 15_000, "events/s with profiles"),
    Budget("POST /v1/decide p99 beside an import", _R, _MOST, 3, "× without the import"),
    Budget("readout", _V, _MOST, 2, "s"),
    Budget("readout, memory", _V, _MOST, 500, "MB"),
    Budget("readout, more than 10 million events", _V, _MOST, 20, "s"),
    Budget("start to first response", _V, _MOST, 2, "s"),
    Budget("memory at rest with the demo", _V, _MOST, 250, "MB"),
    Budget("erasure", _V, _MOST, 10, "s"),
    Budget("server-rendered page p50", _V, _MOST, 5, "ms"),
    Budget("recommendation lookup p50", _V, _MOST, 1, "ms"),
    Budget("recommendation lookup p99", _V, _MOST, 10, "ms"),
    Budget("recommendation lookup, in a session p50", _V, _MOST, 1, "ms"),
    Budget("recommendation lookup, in a session p99", _V, _MOST, 10, "ms"),
    Budget("training from a large log, memory", _V, _MOST, 2_000, "MB"),
    Budget("50 readouts from kept sums", _V, _MOST, 300, "ms"),
    Budget("recommend p50", _V, _MOST, 1, "ms"),
    Budget("recommend p99", _V, _MOST, 10, "ms"),
    Budget("recommend, newcomers p50", _V, _MOST, 1, "ms"),
    Budget("recommend, newcomers p99", _V, _MOST, 10, "ms"),
    Budget("POST /v1/recommendations", _V, _LEAST, 1_000, "requests/s"),
    Budget("catalogue, at start", _V, _MOST, 2, "s, 40,000 items"),
    Budget("catalogue, nothing changed", _V, _MOST, 25, "µs"),
    Budget("catalogue, a price changed", _V, _MOST, 3, "ms"),
    Budget("content, fit", _V, _MOST, 60, "s of one core, 40,000 items"),
    Budget("content, a new item's neighbours", _V, _MOST, 20, "ms"),
)
