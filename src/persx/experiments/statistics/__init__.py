"""Statistics as plain functions on sufficient statistics; scipy is loaded only where needed."""

from persx.experiments.statistics.interval import Lift
from persx.experiments.statistics.means import MeanPair, log_interval_ratio
from persx.experiments.statistics.proportions import Counts, lift, score_interval_ratio
from persx.experiments.statistics.srm import RatioCheck, sample_ratio

__all__ = [
    "Counts",
    "Lift",
    "MeanPair",
    "RatioCheck",
    "lift",
    "log_interval_ratio",
    "sample_ratio",
    "score_interval_ratio",
]
