"""The indicators: everything that is told of how personalization works, listed here."""

from __future__ import annotations

from typing import Final

from persx.health.indicator import Indicator
from persx.health.indicators.content import CONTENT_INDICATORS
from persx.health.indicators.decisions import DECISION_INDICATORS
from persx.health.indicators.service import SERVICE_INDICATORS
from persx.health.indicators.visitors import VISITOR_INDICATORS
from persx.model.registry import Registry

INDICATORS: Final[Registry[Indicator]] = Registry(
    "indicator",
    "persx.indicators",
    [*VISITOR_INDICATORS, *DECISION_INDICATORS, *SERVICE_INDICATORS, *CONTENT_INDICATORS],
)
"""Every indicator, in the order in which they are shown; each measure has one."""
