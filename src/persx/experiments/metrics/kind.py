"""What a kind of metric is: the aggregates that it needs, and how it analyses them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from persx.experiments.moments import Moments
from persx.experiments.statistics.effects import Effect
from persx.experiments.statistics.interval import Lift


class Part(StrEnum):
    """A part of `Moments`."""

    COUNT = "count"
    SUM = "sum"
    SQUARES = "sum of squares"
    PRODUCTS = "sums of products"


class Stratum(NamedTuple):
    """An arm and the control within one epoch, where both were shown under the same split."""

    arm: Moments
    control: Moments


class MetricKind(Protocol):
    """One way to judge an arm; it sees moments, never rows or SQL.

    Attributes:
        name: Its name in the registry.
        rate_label: What the number per visitor is called in reports.
        needs: The parts of the moments that it reads; the others may be 0.
        divides: Whether the second number is what the first is divided by.
        numbers: How many numbers per visitor it takes; those that follow are covariates (CUPED).
    """

    name: str
    rate_label: str
    needs: frozenset[Part]
    numbers: int
    divides: bool

    def rate(self, moments: Moments) -> float | None:
        """Return what an arm came to; none where there is nothing to divide by."""
        ...

    def compare(self, strata: Sequence[Stratum], *, confidence: float) -> Lift:
        """Return the lift of the arm against the control, over all strata, for one look."""
        ...

    def compare_always(self, strata: Sequence[Stratum], *, confidence: float) -> Lift:
        """Return the same for as many looks as one likes."""
        ...

    def effect(self, strata: Sequence[Stratum], *, confidence: float) -> Effect:
        """Return the log ratio with its variance, for pooling and the Bayesian view."""
        ...

    def too_few(self, arm: Moments, control: Moments) -> str:
        """Say in plain words why the data are too few to quote a figure; empty where enough."""
        ...
