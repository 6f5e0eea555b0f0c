"""`lower(text)`: a string without capitals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from persx.audience.function import Argument, CodeScope, Parameter, ValueScope
from persx.model.attribute import ValueType


class Lower:
    """A string in lower case, to compare without regard to case."""

    name: Final = "lower"
    doc: Final = "A text in lower case, for comparing without regard to upper and lower case."
    example: Final = 'contains(lower(utm.campaign), "spring")'
    parameters: Final = (Parameter("text", (ValueType.STRING,)),)
    result: Final = ValueType.STRING

    def compile(self, arguments: Sequence[Argument], scope: CodeScope) -> str:
        """Return the expression."""
        return f"{arguments[0].code}.lower()"

    def interpret(self, arguments: Sequence[Any], scope: ValueScope) -> str:
        """Return the text in lower case."""
        text: str = arguments[0].lower()
        return text
