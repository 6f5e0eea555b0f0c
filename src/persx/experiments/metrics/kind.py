"""What a kind of metric is: the aggregates that it needs, and how it analyses them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from persx.experiments.aggregates import Aggregate
from persx.experiments.statistics.interval import Lift


class Part(StrEnum):
    """A part of an `Aggregate`."""

    COUNT = "count"
    SUM = "sum"
    SQUARES = "sum of squares"


class Stratum(NamedTuple):
    """An arm and the control within one epoch, where both were shown under the same split."""

    arm: Aggregate
    control: Aggregate


class MetricKind(Protocol):
    """One way to judge an arm; it sees aggregates, never rows or SQL.

    Attributes:
        name: Its name in the registry.
        rate_label: What the number per visitor is called in reports.
        needs: The parts of the aggregates that it reads; the others may be 0.
    """

    name: str
    rate_label: str
    needs: frozenset[Part]

    def compare(self, strata: Sequence[Stratum], *, confidence: float) -> Lift:
        """Return the lift of the arm against the control, over all strata."""
        ...

    def too_few(self, arm: Aggregate, control: Aggregate) -> str:
        """Say in plain words why the data are too few to quote a figure; empty where enough."""
        ...
