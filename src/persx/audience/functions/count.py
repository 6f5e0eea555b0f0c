"""`count(event, within)`: how often something happened lately."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from persx.audience.function import Parameter, Takes
from persx.audience.schema import EventCount, event_count_attribute
from persx.model.attribute import Attribute, ValueType


class Count:
    """How often an event happened: a read of a computed attribute added at publish."""

    name: Final = "count"
    doc: Final = "How often an event happened within a length of time up to now."
    example: Final = 'count("Order Completed", "30d") >= 2'
    parameters: Final = (
        Parameter("event", (ValueType.STRING,), Takes.EVENT),
        Parameter("within", (ValueType.STRING,), Takes.DURATION),
    )
    result: Final = ValueType.NUMBER

    def attribute(self, arguments: Sequence[str]) -> Attribute:
        """Return the attribute that the call reads."""
        return event_count_attribute(EventCount(*arguments))
