"""Mean: a number per visitor, such as revenue, those without any counting as 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from persx.experiments.metrics.kind import Part, Stratum
from persx.experiments.moments import Moments
from persx.experiments.statistics.effects import Effect, mean_effect
from persx.experiments.statistics.interval import Lift
from persx.experiments.statistics.ratios import Interval, mean_lift
from persx.experiments.statistics.sides import MomentPair

LEAST_VISITORS: Final = 100
"""Below this a mean of skewed values such as revenue says little."""


class Mean:
    """The sum over all visitors by their number; compared on the log scale."""

    name = "mean"
    rate_label = "mean"
    needs = frozenset({Part.COUNT, Part.SUM, Part.SQUARES})
    numbers = 1
    divides = False

    def rate(self, moments: Moments) -> float | None:
        """Return the number per visitor."""
        return moments.mean(0) if moments.n else None

    def compare(self, strata: Sequence[Stratum], *, confidence: float) -> Lift:
        """Return the lift of the post-stratified means, on the log scale."""
        return mean_lift([MomentPair(*each) for each in strata], confidence=confidence)

    def compare_always(self, strata: Sequence[Stratum], *, confidence: float) -> Lift:
        """Return the same as an asymptotic confidence sequence."""
        return mean_lift(
            [MomentPair(*each) for each in strata],
            interval=Interval.ALWAYS_VALID,
            confidence=confidence,
        )

    def effect(self, strata: Sequence[Stratum], *, confidence: float) -> Effect:
        """Return the log ratio of the post-stratified means."""
        return mean_effect([MomentPair(*each) for each in strata], confidence=confidence)

    def too_few(self, arm: Moments, control: Moments) -> str:
        """Say so where an arm has fewer than a hundred visitors."""
        fewest = min(arm.n, control.n)
        if fewest >= LEAST_VISITORS:
            return ""
        return f"Too few visitors yet: {fewest:,} in an arm, where {LEAST_VISITORS} are needed."
