"""`matches(text, pattern)`: a glob, in linear time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from persx.audience.function import Argument, CodeScope, Parameter, Takes, ValueScope
from persx.model.attribute import ValueType


def matches_glob(text: str, pattern: str) -> bool:
    """Tell whether the whole text matches; ``*`` is any run of characters, all else itself.

    Each piece between stars is taken where it is first found, which is right for globs and
    never goes back, so no pattern makes it slow.

    >>> matches_glob("/blog/cart-abandonment", "/blog/*cart*")
    True
    """
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    *middle, last = rest
    if not text.startswith(first):
        return False
    at = len(first)
    for piece in middle:
        at = text.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return text.endswith(last) and len(text) - len(last) >= at


def _matcher(pattern: str) -> Callable[[str], bool]:
    return lambda text: matches_glob(text, pattern)


class Matches:
    """Whether a whole string matches a glob written in the rule."""

    name: Final = "matches"
    doc: Final = (
        "Whether a whole text matches a pattern, in which * stands for any run of characters "
        "and everything else for itself."
    )
    example: Final = 'matches(page.path, "/blog/*")'
    parameters: Final = (
        Parameter("text", (ValueType.STRING,)),
        Parameter("pattern", (ValueType.STRING,), Takes.LITERAL),
    )
    result: Final = ValueType.BOOLEAN

    def compile(self, arguments: Sequence[Argument], scope: CodeScope) -> str:
        """Return the expression: plain string methods for the usual patterns."""
        text, pattern = arguments[0].code, str(arguments[1].literal)
        pieces = pattern.split("*")
        if len(pieces) == 2 and not pieces[1]:
            return f"{text}.startswith({pieces[0]!r})"
        if len(pieces) == 2 and not pieces[0]:
            return f"{text}.endswith({pieces[1]!r})"
        if len(pieces) == 3 and not pieces[0] and not pieces[2]:
            return f"({pieces[1]!r} in {text})"
        return f"{scope.constant(_matcher(pattern))}({text})"

    def interpret(self, arguments: Sequence[Any], scope: ValueScope) -> bool:
        """Tell whether the text matches."""
        return matches_glob(arguments[0], arguments[1])
