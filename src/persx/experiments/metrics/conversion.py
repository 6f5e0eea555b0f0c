"""Conversion: the share of visitors who did it at least once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from persx.experiments.aggregates import Aggregate
from persx.experiments.metrics.kind import Part, Stratum
from persx.experiments.statistics.interval import Lift
from persx.experiments.statistics.proportions import Counts, score_interval_ratio

LEAST_EXPECTED: Final = 10
"""From so many expected conversions an arm on, both tails of the interval miss alike."""


class Conversion:
    """Each visitor counts 0 or 1; compared by the score interval of the ratio of proportions."""

    name = "conversion"
    rate_label = "rate"
    needs = frozenset({Part.COUNT, Part.SUM})

    def compare(self, strata: Sequence[Stratum], *, confidence: float) -> Lift:
        """Return the lift common to all strata, by the score method."""
        counts = [
            Counts(int(s.arm.total), s.arm.n, int(s.control.total), s.control.n) for s in strata
        ]
        return score_interval_ratio(counts, confidence=confidence)

    def too_few(self, arm: Aggregate, control: Aggregate) -> str:
        """Say so where the smaller of both arms has fewer than ten expected conversions."""
        both = arm + control
        expected = both.mean * min(arm.n, control.n)
        if expected >= LEAST_EXPECTED:
            return ""
        return (
            f"Too few conversions yet: {both.total:,.0f} of {both.n:,} visitors make "
            f"{expected:,.1f} in the smaller arm, where {LEAST_EXPECTED} are needed."
        )
