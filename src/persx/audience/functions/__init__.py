"""The functions that rules may call, one file each."""

from __future__ import annotations

from typing import Final

from persx.audience.function import RuleFunction
from persx.audience.functions.contains import Contains
from persx.audience.functions.count import Count
from persx.audience.functions.days_since import DaysSince
from persx.audience.functions.ends_with import EndsWith
from persx.audience.functions.in_audience import InAudience
from persx.audience.functions.known import Known
from persx.audience.functions.lower import Lower
from persx.audience.functions.matches import Matches
from persx.audience.functions.size import Size
from persx.audience.functions.starts_with import StartsWith
from persx.model.registry import Registry

FUNCTIONS: Final[Registry[RuleFunction]] = Registry(
    "rule function",
    "persx.rule_functions",
    (
        Known(),
        DaysSince(),
        Count(),
        InAudience(),
        Contains(),
        StartsWith(),
        EndsWith(),
        Matches(),
        Lower(),
        Size(),
    ),
)
