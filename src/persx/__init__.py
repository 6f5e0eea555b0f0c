"""persx: decide what each visitor sees, prove whether it helped, say when it stops helping."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_STATISTICS = (
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
)

_EXPORTS = {
    "Engine": "persx.sdk.engine",
    "Client": "persx.sdk.client",
    "PersxError": "persx.model.errors",
    **dict.fromkeys(_STATISTICS, "persx.experiments.statistics"),
}

__all__ = [
    "Belief",
    "BetaPrior",
    "Client",
    "Counts",
    "Design",
    "Discovery",
    "Duration",
    "Effect",
    "Engine",
    "Interval",
    "Lift",
    "MeanBaseline",
    "MomentPair",
    "Moments",
    "PersxError",
    "Pooled",
    "PooledLift",
    "RateBaseline",
    "RatioCheck",
    "Split",
    "__version__",
    "adjusted_p",
    "always_valid_lift",
    "conversion_belief",
    "count_effect",
    "discoveries",
    "effect_belief",
    "expected_days",
    "lift",
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

if TYPE_CHECKING:
    from persx.experiments.statistics import (
        Belief,
        BetaPrior,
        Counts,
        Design,
        Discovery,
        Duration,
        Effect,
        Interval,
        Lift,
        MeanBaseline,
        MomentPair,
        Moments,
        Pooled,
        PooledLift,
        RateBaseline,
        RatioCheck,
        Split,
        adjusted_p,
        always_valid_lift,
        conversion_belief,
        count_effect,
        discoveries,
        effect_belief,
        expected_days,
        lift,
        mean_effect,
        mean_lift,
        pooled,
        power,
        ratio_effect,
        ratio_lift,
        sample_ratio,
        sample_ratio_by,
        sample_size,
        score_interval_ratio,
        sequential_sample_ratio,
        share_interval_ratio,
        smallest_lift,
    )
    from persx.model.errors import PersxError
    from persx.sdk.client import Client
    from persx.sdk.engine import Engine


def __getattr__(name: str) -> Any:
    # Lazy, so that `import persx` loads neither statistics nor storage.
    if name in _EXPORTS:
        return getattr(import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'persx' has no attribute '{name}'")
