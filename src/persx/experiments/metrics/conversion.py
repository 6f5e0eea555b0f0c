"""Conversion: the share of visitors who did it at least once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from persx.experiments.metrics.kind import Part, Stratum
from persx.experiments.moments import Moments
from persx.experiments.statistics.effects import Effect, count_effect
from persx.experiments.statistics.interval import Lift
from persx.experiments.statistics.proportions import Counts, score_interval_ratio
from persx.experiments.statistics.shares import share_interval_ratio

LEAST_EXPECTED: Final = 10
"""From so many expected conversions an arm on, both tails of the interval miss alike."""


class Conversion:
    """Each visitor counts 0 or 1; compared by the score interval of the ratio of proportions."""

    name = "conversion"
    rate_label = "rate"
    needs = frozenset({Part.COUNT, Part.SUM})
    numbers = 1
    divides = False

    def rate(self, moments: Moments) -> float | None:
        """Return conversions per visitor."""
        return moments.mean(0) if moments.n else None

    def compare(self, strata: Sequence[Stratum], *, confidence: float) -> Lift:
        """Return the lift common to all strata, by the score method."""
        return score_interval_ratio(_counts(strata), confidence=confidence)

    def compare_always(self, strata: Sequence[Stratum], *, confidence: float) -> Lift:
        """Return the lift common to all strata, by the share of conversions."""
        return share_interval_ratio(_counts(strata), confidence=confidence)

    def effect(self, strata: Sequence[Stratum], *, confidence: float) -> Effect:
        """Return the log ratio of the rates; strata are weighted by what they tell."""
        return count_effect(_counts(strata), confidence=confidence)

    def too_few(self, arm: Moments, control: Moments) -> str:
        """Say so where the smaller of both arms has fewer than ten expected conversions."""
        both = arm + control
        expected = (self.rate(both) or 0.0) * min(arm.n, control.n)
        if expected >= LEAST_EXPECTED:
            return ""
        return (
            f"Too few conversions yet: {_total(both):,} of {both.n:,} visitors make "
            f"{expected:,.1f} in the smaller arm, where {LEAST_EXPECTED} are needed."
        )


def _counts(strata: Sequence[Stratum]) -> list[Counts]:
    return [Counts(_total(s.arm), s.arm.n, _total(s.control), s.control.n) for s in strata]


def _total(moments: Moments) -> int:
    return int(moments.sums[0]) if moments.sums else 0
