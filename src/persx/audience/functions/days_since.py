"""`days_since(time)`: how long ago something was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from persx.audience.function import Argument, CodeScope, Parameter, ValueScope
from persx.model.attribute import ValueType
from persx.model.clock import DAY


class DaysSince:
    """The days from a moment until now, with fractions; negative for a moment to come."""

    name: Final = "days_since"
    doc: Final = "Days from a moment until now, with fractions; below 0 for a moment to come."
    example: Final = "days_since(customer.last_order) > 45"
    parameters: Final = (Parameter("time", (ValueType.TIME,)),)
    result: Final = ValueType.NUMBER

    def compile(self, arguments: Sequence[Argument], scope: CodeScope) -> str:
        """Return the expression."""
        return f"(({scope.now} - {arguments[0].code}) / {DAY})"

    def interpret(self, arguments: Sequence[Any], scope: ValueScope) -> float:
        """Return the days."""
        days: float = (scope.now - arguments[0]) / DAY
        return days
