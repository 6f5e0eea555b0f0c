"""Ratio: one sum by another, such as revenue by orders, where a visitor adds to both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from persx.experiments.metrics.kind import Part, Stratum
from persx.experiments.moments import Moments
from persx.experiments.statistics.effects import Effect, ratio_effect
from persx.experiments.statistics.interval import Lift
from persx.experiments.statistics.ratios import Interval, ratio_lift
from persx.experiments.statistics.sides import MomentPair

LEAST_COUNTED: Final = 100
"""Below so much to divide by, such as orders, a quotient of skewed sums says little."""


class Ratio:
    """One sum by another; compared on the log scale, the visitor being the unit."""

    name = "ratio"
    rate_label = "ratio"
    needs = frozenset({Part.COUNT, Part.SUM, Part.SQUARES, Part.PRODUCTS})
    numbers = 2
    divides = True

    def rate(self, moments: Moments) -> float | None:
        """Return the numerator by the denominator."""
        return moments.sums[0] / moments.sums[1] if moments.sums and moments.sums[1] else None

    def compare(self, strata: Sequence[Stratum], *, confidence: float) -> Lift:
        """Return the lift of the quotient of the post-stratified means, on the log scale."""
        return ratio_lift([MomentPair(*each) for each in strata], confidence=confidence)

    def compare_always(self, strata: Sequence[Stratum], *, confidence: float) -> Lift:
        """Return the same as an asymptotic confidence sequence."""
        return ratio_lift(
            [MomentPair(*each) for each in strata],
            interval=Interval.ALWAYS_VALID,
            confidence=confidence,
        )

    def effect(self, strata: Sequence[Stratum], *, confidence: float) -> Effect:
        """Return the log ratio of the quotients of post-stratified means."""
        return ratio_effect([MomentPair(*each) for each in strata], confidence=confidence)

    def too_few(self, arm: Moments, control: Moments) -> str:
        """Say so where an arm has fewer than a hundred to divide by."""
        fewest = min(each.sums[1] if each.sums else 0.0 for each in (arm, control))
        if fewest >= LEAST_COUNTED:
            return ""
        return f"Too few yet: {fewest:,.0f} to divide by, where {LEAST_COUNTED} are needed."
