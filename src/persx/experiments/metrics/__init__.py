"""Kinds of metric: one file each, listed here; packages may add theirs by entry point."""

from __future__ import annotations

from typing import Final

from persx.experiments.metrics.conversion import Conversion
from persx.experiments.metrics.kind import MetricKind
from persx.experiments.metrics.mean import Mean
from persx.experiments.metrics.ratio import Ratio
from persx.model.registry import Registry

METRICS: Final[Registry[MetricKind]] = Registry(
    "metric kind", "persx.metrics", [Conversion(), Mean(), Ratio()]
)
"""Every kind of metric that a report can analyse."""
