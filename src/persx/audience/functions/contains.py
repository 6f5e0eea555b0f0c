"""`contains(text, part)`: a part of a string, or one of several strings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from persx.audience.function import Argument, CodeScope, Parameter, ValueScope
from persx.model.attribute import ValueType


class Contains:
    """Whether a string holds another one, or strings hold a string."""

    name: Final = "contains"
    doc: Final = "Whether a text holds a part, or a list holds a text; upper and lower case differ."
    example: Final = 'contains(page.path, "/pricing")'
    parameters: Final = (
        Parameter("text", (ValueType.STRING, ValueType.STRINGS)),
        Parameter("part", (ValueType.STRING,)),
    )
    result: Final = ValueType.BOOLEAN

    def compile(self, arguments: Sequence[Argument], scope: CodeScope) -> str:
        """Return the expression."""
        return f"({arguments[1].code} in {arguments[0].code})"

    def interpret(self, arguments: Sequence[Any], scope: ValueScope) -> bool:
        """Tell whether the part is there."""
        return arguments[1] in arguments[0]
