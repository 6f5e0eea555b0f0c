"""`starts_with(text, prefix)`: how a string begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from persx.audience.function import Argument, CodeScope, Parameter, ValueScope
from persx.model.attribute import ValueType


class StartsWith:
    """Whether a string begins with another one."""

    name: Final = "starts_with"
    doc: Final = "Whether a text begins with a prefix; upper and lower case differ."
    example: Final = 'starts_with(customer.plan, "enterprise")'
    parameters: Final = (
        Parameter("text", (ValueType.STRING,)),
        Parameter("prefix", (ValueType.STRING,)),
    )
    result: Final = ValueType.BOOLEAN

    def compile(self, arguments: Sequence[Argument], scope: CodeScope) -> str:
        """Return the expression."""
        return f"{arguments[0].code}.startswith({arguments[1].code})"

    def interpret(self, arguments: Sequence[Any], scope: ValueScope) -> bool:
        """Tell whether the text begins so."""
        found: bool = arguments[0].startswith(arguments[1])
        return found
