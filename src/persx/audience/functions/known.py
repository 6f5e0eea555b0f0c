"""`known(attribute)`: whether anything is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from persx.audience.function import Argument, CodeScope, Parameter, Takes, ValueScope
from persx.model.attribute import ValueType


class Known:
    """Whether an attribute has a value of its type; an empty text or list is one."""

    name: Final = "known"
    doc: Final = "Whether an attribute has a value; an empty text or an empty list is one."
    example: Final = "known(industry)"
    parameters: Final = (Parameter("attribute", tuple(ValueType), Takes.ATTRIBUTE),)
    result: Final = ValueType.BOOLEAN

    def compile(self, arguments: Sequence[Argument], scope: CodeScope) -> str:
        """Return the expression: arguments are present wherever a function is asked."""
        return "True"

    def interpret(self, arguments: Sequence[Any], scope: ValueScope) -> bool:
        """Return True: arguments are present wherever a function is asked."""
        return True
