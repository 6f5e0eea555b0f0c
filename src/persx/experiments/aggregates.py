"""Sufficient statistics of a metric in a group of visitors; they add up."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from persx.model.errors import BadInput

_ROUNDING: Final = 1e-12
"""Sums of squares that differ by less than this share are equal but for rounding."""


class Aggregate(msgspec.Struct, frozen=True, kw_only=True):
    """Count, sum and sum of squares of one number per visitor.

    Adding aggregates of disjoint groups gives the aggregate of both together. For a conversion
    the number is 0 or 1, so that `total` and `squares` are the visitors who converted.

    Attributes:
        n: Visitors.
        total: Sum of their numbers, in the metric's unit.
        squares: Sum of their squared numbers, in the squared unit.

    >>> Aggregate(n=2, total=4, squares=10) + Aggregate(n=1, total=1, squares=1)
    Aggregate(n=3, total=5, squares=11)
    """

    n: int = 0
    total: float = 0
    squares: float = 0

    def __post_init__(self) -> None:
        if self.n < 0 or not (math.isfinite(self.total) and math.isfinite(self.squares)):
            raise BadInput(
                f"An aggregate of {self.n} visitors with sum {self.total} is not possible.",
                value=self.total,
                hint="Counts are 0 or more, and sums are finite numbers.",
            )

    def __add__(self, other: Aggregate) -> Aggregate:
        return Aggregate(
            n=self.n + other.n,
            total=self.total + other.total,
            squares=self.squares + other.squares,
        )

    @property
    def mean(self) -> float:
        """Sum per visitor; 0 where there are none."""
        return self.total / self.n if self.n else 0.0

    @property
    def variance(self) -> float:
        """Unbiased variance between visitors; 0 where all are equal or there is but one."""
        if self.n < 2:
            return 0.0
        centred = self.squares - self.total * self.total / self.n
        return centred / (self.n - 1) if centred > _ROUNDING * self.squares else 0.0
