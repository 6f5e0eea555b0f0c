"""A comparison as a log ratio with its variance: what pooling and the Bayesian view start from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from persx.experiments.statistics.interval import CONFIDENCE, Lift
from persx.experiments.statistics.proportions import Counts, score_interval_ratio
from persx.experiments.statistics.ratios import mean_lift, ratio_lift, undefined_on_log_scale
from persx.experiments.statistics.sides import MEAN, RATIO, MomentPair, sides


class Effect(NamedTuple):
    """The logarithm of arm ÷ control, its variance, and the raw lift that stands beside it.

    A comparison that tells nothing has infinite variance.
    """

    log_ratio: float
    variance: float
    raw: Lift


def count_effect(strata: Sequence[Counts], *, confidence: float = CONFIDENCE) -> Effect:
    """Return the effect on a conversion rate; the raw lift is the score method's.

    Half a conversion is added to each arm, so that zeros have a logarithm. Strata are weighted
    by what they tell.

    Raises:
        BadInput: A count is negative, or there are more conversions than visitors.
    """
    raw = score_interval_ratio(strata, confidence=confidence)
    total = weight = 0.0
    for x1, n1, x0, n0 in strata:
        if n1 and n0:
            rates = (x1 + 0.5) / (n1 + 1), (x0 + 0.5) / (n0 + 1)
            told = 1 / (1 / (x1 + 0.5) - 1 / (n1 + 1) + 1 / (x0 + 0.5) - 1 / (n0 + 1))
            total += told * math.log(rates[0] / rates[1])
            weight += told
    return Effect(total / weight, 1 / weight, raw) if weight else Effect(0.0, math.inf, raw)


def mean_effect(pairs: Sequence[MomentPair], *, confidence: float = CONFIDENCE) -> Effect:
    """Return the effect on a mean, adjusted by covariates; the raw lift is `mean_lift`'s."""
    arm, control, reason = sides(pairs, MEAN)
    raw = mean_lift(pairs, confidence=confidence)
    if reason or undefined_on_log_scale(arm, control, MEAN.noun):
        return Effect(0.0, math.inf, raw)
    return Effect(math.log(arm.value / control.value), arm.spread + control.spread, raw)


def ratio_effect(pairs: Sequence[MomentPair], *, confidence: float = CONFIDENCE) -> Effect:
    """Return the effect on a ratio, adjusted by covariates; the raw lift is `ratio_lift`'s."""
    arm, control, reason = sides(pairs, RATIO)
    raw = ratio_lift(pairs, confidence=confidence)
    if reason or undefined_on_log_scale(arm, control, RATIO.noun):
        return Effect(0.0, math.inf, raw)
    return Effect(math.log(arm.value / control.value), arm.spread + control.spread, raw)
