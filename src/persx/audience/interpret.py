"""The slow interpreter of rules: plain recursion over the tree, the oracle of the compiler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from persx.audience.function import ValueFunction, ValueScope
from persx.audience.functions import FUNCTIONS
from persx.audience.tree import (
    And,
    Arithmetic,
    ArithmeticOp,
    Call,
    Compare,
    CompareOp,
    Condition,
    Expression,
    Literal,
    Negative,
    Not,
    OneOf,
    Or,
    Read,
    Tree,
    Within,
)
from persx.audience.values import present
from persx.model.attribute import Value, ValueType
from persx.model.clock import Millis

_COMPARE: Final[dict[CompareOp, Callable[[Any, Any], bool]]] = {
    CompareOp.EQ: lambda left, right: left == right,
    CompareOp.NE: lambda left, right: left != right,
    CompareOp.LT: lambda left, right: left < right,
    CompareOp.LE: lambda left, right: left <= right,
    CompareOp.GT: lambda left, right: left > right,
    CompareOp.GE: lambda left, right: left >= right,
}
_ARITHMETIC: Final[dict[ArithmeticOp, Callable[[Any, Any], Any]]] = {
    ArithmeticOp.ADD: lambda left, right: left + right,
    ArithmeticOp.SUBTRACT: lambda left, right: left - right,
    ArithmeticOp.MULTIPLY: lambda left, right: left * right,
    ArithmeticOp.DIVIDE: lambda left, right: left / right,
}


def nobody(_: str) -> bool:
    """Answer that the visitor is in no audience."""
    return False


def interpret(
    tree: Condition,
    attributes: Mapping[str, Any],
    now: Millis,
    in_audience: Callable[[str], bool] = nobody,
) -> bool:
    """Tell whether a checked rule is true; never raises, whatever the attributes hold.

    Args:
        tree: The tree of a checked rule.
        attributes: Values by attribute name; absent, None and wrongly typed ones are missing.
        now: The moment of evaluation.
        in_audience: Tells whether the visitor is in a named audience.
    """
    return Interpreter(attributes, now, in_audience).truth(tree)


class Interpreter:
    """Evaluates trees against the attributes of one visitor at one moment."""

    def __init__(
        self, attributes: Mapping[str, Any], now: Millis, in_audience: Callable[[str], bool]
    ) -> None:
        self._attributes = attributes
        self._scope = ValueScope(now, in_audience)

    def truth(self, node: Tree) -> bool:
        """Tell whether a condition holds. What is missing compares false."""
        match node:
            case And(parts=parts):
                return all(self.truth(part) for part in parts)
            case Or(parts=parts):
                return any(self.truth(part) for part in parts)
            case Not(operand=operand):
                return not self.truth(operand)
            case Compare(op=op, left=left, right=right):
                first, second = self.value(left), self.value(right)
                if first is None or second is None:
                    return False
                return _COMPARE[op](first, second)
            case OneOf(item=item, choices=choices, negated=negated):
                value = self.value(item)
                return value is not None and (value in choices) != negated
            case Within(item=item, container=container, negated=negated):
                value, strings = self.value(item), self.value(container)
                if value is None or not isinstance(strings, (list, tuple)):
                    return False
                return (value in strings) != negated
            case _:
                return self.value(node) is True

    def value(self, node: Expression) -> Value:
        """Return a value, or None where it is missing."""
        match node:
            case Literal(value=value):
                return value
            case Read(name=name, type=type):
                return present(self._attributes.get(name), type)
            case Negative(operand=operand):
                number: Any = self.value(operand)
                return None if number is None else -number
            case Arithmetic(op=op, left=left, right=right):
                first, second = self.value(left), self.value(right)
                if first is None or second is None:
                    return None
                try:
                    return present(_ARITHMETIC[op](first, second), ValueType.NUMBER)
                except ArithmeticError:  # division by zero, or greater than a number can be
                    return None
            case Call():
                return self._call(node)

    def _call(self, node: Call) -> Value:
        arguments = [self.value(argument) for argument in node.arguments]
        function = FUNCTIONS[node.function]
        if None in arguments or not isinstance(function, ValueFunction):
            return None
        try:
            return present(function.interpret(arguments, self._scope), node.type)
        except Exception:
            # A function of a third party may fail; a rule never does.
            return None
