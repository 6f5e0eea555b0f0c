"""`ends_with(text, suffix)`: how a string ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from persx.audience.function import Argument, CodeScope, Parameter, ValueScope
from persx.model.attribute import ValueType


class EndsWith:
    """Whether a string ends with another one."""

    name: Final = "ends_with"
    doc: Final = "Whether a text ends with a suffix; upper and lower case differ."
    example: Final = 'ends_with(referrer.host, ".edu")'
    parameters: Final = (
        Parameter("text", (ValueType.STRING,)),
        Parameter("suffix", (ValueType.STRING,)),
    )
    result: Final = ValueType.BOOLEAN

    def compile(self, arguments: Sequence[Argument], scope: CodeScope) -> str:
        """Return the expression."""
        return f"{arguments[0].code}.endswith({arguments[1].code})"

    def interpret(self, arguments: Sequence[Any], scope: ValueScope) -> bool:
        """Tell whether the text ends so."""
        found: bool = arguments[0].endswith(arguments[1])
        return found
