"""`in_audience(name)`: whether the visitor is in a named audience."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from persx.audience.function import Argument, CodeScope, Parameter, Takes, ValueScope
from persx.model.attribute import ValueType


class InAudience:
    """Whether the rule of a named audience is true for the visitor."""

    name: Final = "in_audience"
    doc: Final = "Whether the visitor is in an audience of the workspace."
    example: Final = 'in_audience("loyal_customers")'
    parameters: Final = (Parameter("audience", (ValueType.STRING,), Takes.AUDIENCE),)
    result: Final = ValueType.BOOLEAN

    def compile(self, arguments: Sequence[Argument], scope: CodeScope) -> str:
        """Return the expression."""
        return scope.audience(str(arguments[0].literal))

    def interpret(self, arguments: Sequence[Any], scope: ValueScope) -> bool:
        """Tell whether the audience's rule is true."""
        return scope.in_audience(arguments[0])
