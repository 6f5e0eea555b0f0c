"""Computed attributes: the kinds of folds from events to values."""

from __future__ import annotations

from typing import Final

from persx.model.registry import Registry
from persx.visitors.computed.cart import Cart
from persx.visitors.computed.count import Count
from persx.visitors.computed.days_since_last import DaysSinceLast
from persx.visitors.computed.decayed_share import DecayedShare
from persx.visitors.computed.distinct import Distinct
from persx.visitors.computed.kind import ComputedKind
from persx.visitors.computed.last import Last
from persx.visitors.computed.replenishment import Replenishment
from persx.visitors.computed.sessions import Sessions
from persx.visitors.computed.total import Sum
from persx.visitors.computed.touches import Touches
from persx.visitors.computed.traces import Traces

COMPUTED: Final[Registry[ComputedKind]] = Registry(
    "computed attribute",
    "persx.computed",
    [
        Last(),
        Count(),
        Sum(),
        DaysSinceLast(),
        Distinct(),
        DecayedShare(),
        Sessions(),
        Traces(),
        Cart(),
        Replenishment(),
        Touches(),
    ],
)
"""Every kind of computed attribute."""

__all__ = ["COMPUTED", "ComputedKind"]
