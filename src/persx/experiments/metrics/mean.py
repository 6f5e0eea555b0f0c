"""Mean: a number per visitor, such as revenue, those without any counting as 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from persx.experiments.aggregates import Aggregate
from persx.experiments.metrics.kind import Part, Stratum
from persx.experiments.statistics.interval import Lift
from persx.experiments.statistics.means import MeanPair, log_interval_ratio

LEAST_VISITORS: Final = 100
"""Below this a mean of skewed values such as revenue says little."""


class Mean:
    """The sum over all visitors by their number; compared on the log scale."""

    name = "mean"
    rate_label = "mean"
    needs = frozenset({Part.COUNT, Part.SUM, Part.SQUARES})

    def compare(self, strata: Sequence[Stratum], *, confidence: float) -> Lift:
        """Return the lift of the post-stratified means, on the log scale."""
        return log_interval_ratio(
            [MeanPair(s.arm, s.control) for s in strata], confidence=confidence
        )

    def too_few(self, arm: Aggregate, control: Aggregate) -> str:
        """Say so where an arm has fewer than a hundred visitors."""
        fewest = min(arm.n, control.n)
        if fewest >= LEAST_VISITORS:
            return ""
        return f"Too few visitors yet: {fewest:,} in an arm, where {LEAST_VISITORS} are needed."
