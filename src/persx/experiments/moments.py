"""Sufficient statistics of several numbers per visitor: counts, sums and products, which add up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from persx.experiments.aggregates import Aggregate
from persx.model.errors import BadInput

_ROUNDING: Final = 1e-12
"""Products that differ by less than this share of their squares are equal but for rounding."""


class Moments(msgspec.Struct, frozen=True, kw_only=True):
    """Count, sums, and sums of products of k numbers per visitor, in an order that you choose.

    Adding the moments of disjoint groups gives those of both together; `Moments()` adds nothing.
    A ratio metric needs (numerator, denominator), CUPED (outcome, what was known before), CUPED of
    a ratio all four. `Aggregate` is the case of one number.

    Attributes:
        n: Visitors.
        sums: The k sums over visitors, each in its number's unit.
        products: The k(k+1)/2 sums of products over visitors, row by row of the upper triangle:
            (0, 0), (0, 1), …, (0, k−1), (1, 1), …, (k−1, k−1).

    Source: the additive aggregates of ``tea-tasting``, kept uncentred so that plain SQL sums fill
    them.

    >>> left = Moments(n=2, sums=(4, 2), products=(10, 5, 2))
    >>> both = left + Moments(n=1, sums=(8, 1), products=(64, 8, 1))
    >>> both.n, both.mean(0), both.covariance(0, 1)
    (3, 4.0, 0.5)
    """

    n: int = 0
    sums: tuple[float, ...] = ()
    products: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        size = len(self.sums)
        if len(self.products) != size * (size + 1) // 2:
            raise BadInput(
                f"{len(self.products)} sums of products do not belong to {size} numbers.",
                value=len(self.products),
                hint=f"Give {size * (size + 1) // 2}: each pair once, each number with itself.",
            )
        if self.n < 0 or not all(map(math.isfinite, (*self.sums, *self.products))):
            raise BadInput(
                f"Moments of {self.n} visitors with sums {self.sums} are not possible.",
                value=self.n,
                hint="Counts are 0 or more, and sums are finite numbers.",
            )

    @classmethod
    def of(cls, *columns: Sequence[float]) -> Moments:
        """Return the moments of visitors that are at hand, one column for each number.

        Raises:
            BadInput: The columns differ in length, or hold what is not finite.

        >>> Moments.of([1, 0, 3], [1, 1, 2])
        Moments(n=3, sums=(4.0, 4.0), products=(10.0, 7.0, 6.0))
        """
        lengths = {len(column) for column in columns}
        if len(lengths) > 1:
            raise BadInput(
                f"Columns of {' and '.join(map(str, sorted(lengths)))} visitors do not belong "
                "together.",
                value=max(lengths),
                hint="Give each visitor a value in every column, 0 where there is none.",
            )
        import numpy as np

        rows = np.array(columns, dtype=float)
        products = rows @ rows.T if columns else rows
        size = len(columns)
        return cls(
            n=max(lengths, default=0),
            sums=tuple(float(row.sum()) for row in rows),
            products=tuple(float(products[i, j]) for i in range(size) for j in range(i, size)),
        )

    @classmethod
    def from_aggregate(cls, aggregate: Aggregate) -> Moments:
        """Return an aggregate as the moments of one number."""
        return cls(n=aggregate.n, sums=(aggregate.total,), products=(aggregate.squares,))

    @property
    def size(self) -> int:
        """How many numbers there are per visitor; 0 for `Moments()`."""
        return len(self.sums)

    def __add__(self, other: Moments) -> Moments:
        if not self.n and not self.sums:
            return other
        if not other.n and not other.sums:
            return self
        if self.size != other.size:
            raise BadInput(
                f"Moments of {self.size} and of {other.size} numbers do not add up.",
                value=other.size,
                hint="Add moments of the same numbers in the same order.",
            )
        return Moments(
            n=self.n + other.n,
            sums=tuple(a + b for a, b in zip(self.sums, other.sums, strict=True)),
            products=tuple(a + b for a, b in zip(self.products, other.products, strict=True)),
        )

    def mean(self, i: int) -> float:
        """Return the i-th number per visitor; 0 where there are none."""
        return self.sums[i] / self.n if self.n else 0.0

    def covariance(self, i: int, j: int) -> float:
        """Return the unbiased covariance between visitors; 0 where there is but one.

        What is no more than rounding counts as 0.
        """
        if self.n < 2:
            return 0.0
        centred = self.product(i, j) - self.sums[i] * self.sums[j] / self.n
        scale = math.sqrt(self.product(i, i)) * math.sqrt(self.product(j, j))
        return centred / (self.n - 1) if abs(centred) > _ROUNDING * scale else 0.0

    def variance(self, i: int) -> float:
        """Return the unbiased variance between visitors, at least 0."""
        return max(self.covariance(i, i), 0.0)

    def product(self, i: int, j: int) -> float:
        """Return the sum over visitors of the product of two numbers."""
        low, high = min(i, j), max(i, j)
        return self.products[low * self.size - low * (low - 1) // 2 + high - low]

    def aggregate(self, i: int) -> Aggregate:
        """Return what is known of the i-th number alone."""
        return Aggregate(n=self.n, total=self.sums[i], squares=self.product(i, i))

    def chosen(self, *indices: int) -> Moments:
        """Return the moments of some of the numbers, in the given order.

        >>> Moments(n=2, sums=(4, 2), products=(10, 5, 2)).chosen(1)
        Moments(n=2, sums=(2,), products=(2,))
        """
        if not self.sums:
            return self
        pairs = [(a, b) for place, a in enumerate(indices) for b in indices[place:]]
        return Moments(
            n=self.n,
            sums=tuple(self.sums[each] for each in indices),
            products=tuple(self.product(a, b) for a, b in pairs),
        )
