"""Statistics as plain functions on sufficient statistics; what is heavy is loaded when needed."""

from persx.experiments.aggregates import Aggregate
from persx.experiments.moments import Moments
from persx.experiments.statistics.beliefs import (
    Belief,
    BetaPrior,
    conversion_belief,
    effect_belief,
)
from persx.experiments.statistics.discoveries import Discovery, adjusted_p, discoveries
from persx.experiments.statistics.effects import Effect, count_effect, mean_effect, ratio_effect
from persx.experiments.statistics.interval import Lift
from persx.experiments.statistics.means import MeanPair, log_interval_ratio
from persx.experiments.statistics.planning import (
    Design,
    Duration,
    MeanBaseline,
    RateBaseline,
    expected_days,
    power,
    sample_size,
    smallest_lift,
)
from persx.experiments.statistics.pooling import Pooled, PooledLift, pooled
from persx.experiments.statistics.proportions import Counts, lift, score_interval_ratio
from persx.experiments.statistics.ratios import Interval, mean_lift, ratio_lift
from persx.experiments.statistics.shares import always_valid_lift, share_interval_ratio
from persx.experiments.statistics.sides import MomentPair
from persx.experiments.statistics.srm import RatioCheck, sample_ratio
from persx.experiments.statistics.srm_many import Split, sample_ratio_by, sequential_sample_ratio

__all__ = [
    "Aggregate",
    "Belief",
    "BetaPrior",
    "Counts",
    "Design",
    "Discovery",
    "Duration",
    "Effect",
    "Interval",
    "Lift",
    "MeanBaseline",
    "MeanPair",
    "MomentPair",
    "Moments",
    "Pooled",
    "PooledLift",
    "RateBaseline",
    "RatioCheck",
    "Split",
    "adjusted_p",
    "always_valid_lift",
    "conversion_belief",
    "count_effect",
    "discoveries",
    "effect_belief",
    "expected_days",
    "lift",
    "log_interval_ratio",
    "mean_effect",
    "mean_lift",
    "pooled",
    "power",
    "ratio_effect",
    "ratio_lift",
    "sample_ratio",
    "sample_ratio_by",
    "sample_size",
    "score_interval_ratio",
    "sequential_sample_ratio",
    "share_interval_ratio",
    "smallest_lift",
]
