"""Lift of a mean for one look, from aggregates of the one number: the commonest case by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from persx.experiments.aggregates import Aggregate
from persx.experiments.moments import Moments
from persx.experiments.statistics.interval import CONFIDENCE, Lift
from persx.experiments.statistics.ratios import mean_lift
from persx.experiments.statistics.sides import MomentPair


class MeanPair(NamedTuple):
    """Aggregates of an arm and of the control in one stratum."""

    arm: Aggregate
    control: Aggregate

    @property
    def moments(self) -> MomentPair:
        """The same as moments of one number."""
        return MomentPair(Moments.from_aggregate(self.arm), Moments.from_aggregate(self.control))


def log_interval_ratio(strata: Sequence[MeanPair], *, confidence: float = CONFIDENCE) -> Lift:
    """Return the lift of a mean with its interval and p-value from one t statistic.

    Strata in which an arm has fewer than two visitors have no variance and are left out. A
    control whose mean is not positive has no lift; an arm whose mean is not positive has a lift
    but, on the log scale, no interval.

    >>> arm, control = Aggregate(n=4, total=10, squares=30), Aggregate(n=4, total=6, squares=14)
    >>> result = log_interval_ratio([MeanPair(arm, control)])
    >>> f"{result.lift:+.1%}, p = {result.p:.2f}"
    '+66.7%, p = 0.36'
    """
    return mean_lift([pair.moments for pair in strata], confidence=confidence)
