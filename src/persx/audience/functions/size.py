"""`size(strings)`: how many strings there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from persx.audience.function import Argument, CodeScope, Parameter, ValueScope
from persx.model.attribute import ValueType


class Size:
    """How many strings an attribute holds."""

    name: Final = "size"
    doc: Final = "How many entries a list has."
    example: Final = "size(visited_pages) >= 3"
    parameters: Final = (Parameter("strings", (ValueType.STRINGS,)),)
    result: Final = ValueType.NUMBER

    def compile(self, arguments: Sequence[Argument], scope: CodeScope) -> str:
        """Return the expression."""
        return f"len({arguments[0].code})"

    def interpret(self, arguments: Sequence[Any], scope: ValueScope) -> int:
        """Return how many there are."""
        return len(arguments[0])
