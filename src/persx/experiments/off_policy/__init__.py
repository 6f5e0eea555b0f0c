"""Off-policy evaluation: what another policy would have brought, or why the log cannot tell."""

from __future__ import annotations

from persx.experiments.off_policy.estimators import (
    ESTIMATORS,
    LEAST_SIZE,
    Estimate,
    Evaluation,
    Logged,
    evaluate,
)

__all__ = ["ESTIMATORS", "LEAST_SIZE", "Estimate", "Evaluation", "Logged", "evaluate"]
