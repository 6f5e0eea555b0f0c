"""The syntax tree of rules: frozen nodes, each with its place in the rule's text."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TypeAlias

import msgspec

from persx.model.attribute import ValueType


class CompareOp(StrEnum):
    """How two values are compared."""

    EQ = "=="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


class ArithmeticOp(StrEnum):
    """How two numbers are combined."""

    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """Part of a rule; its text is ``rule[start:end]``."""

    start: int = 0
    end: int = 0


class Literal(Node, frozen=True, kw_only=True):
    """A fixed string, number or boolean."""

    value: str | int | float | bool
    type: ValueType


class Read(Node, frozen=True, kw_only=True):
    """The value of an attribute."""

    name: str
    type: ValueType


class Arithmetic(Node, frozen=True, kw_only=True):
    """Two numbers combined. Missing where one is missing, or the divisor is zero."""

    op: ArithmeticOp
    left: Expression
    right: Expression
    type: ValueType = ValueType.NUMBER


class Negative(Node, frozen=True, kw_only=True):
    """A number with its sign turned."""

    operand: Expression
    type: ValueType = ValueType.NUMBER


class Call(Node, frozen=True, kw_only=True):
    """A function of the `FUNCTIONS` registry applied to values; missing where one is missing."""

    function: str
    arguments: tuple[Expression, ...]
    type: ValueType


class Compare(Node, frozen=True, kw_only=True):
    """Two values of one type compared; false where one is missing."""

    op: CompareOp
    left: Expression
    right: Expression


class OneOf(Node, frozen=True, kw_only=True):
    """Whether a value is among fixed ones; false where it is missing, when negated too."""

    item: Expression
    choices: tuple[str | int | float, ...]
    negated: bool = False


class Within(Node, frozen=True, kw_only=True):
    """Whether a string is among those of a strings attribute; false where one is missing."""

    item: Expression
    container: Read
    negated: bool = False


class Not(Node, frozen=True, kw_only=True):
    """The opposite of a condition. A condition is never missing, so neither is this."""

    operand: Condition


class And(Node, frozen=True, kw_only=True):
    """True where every part is."""

    parts: tuple[Condition, ...]


class Or(Node, frozen=True, kw_only=True):
    """True where one part is."""

    parts: tuple[Condition, ...]


Expression: TypeAlias = Literal | Read | Arithmetic | Negative | Call
"""What has a value, which may be missing."""

Condition: TypeAlias = And | Or | Not | Compare | OneOf | Within | Literal | Read | Call
"""What is true or false; the last three only where their type is boolean."""

Tree: TypeAlias = Expression | Condition


def children(node: Tree) -> tuple[Tree, ...]:
    """Return the direct parts of a node, in the order in which they are evaluated."""
    match node:
        case And(parts=parts) | Or(parts=parts):
            return parts
        case Not(operand=operand):
            return (operand,)
        case Negative(operand=number):
            return (number,)
        case Compare(left=left, right=right) | Arithmetic(left=left, right=right):
            return (left, right)
        case OneOf(item=item):
            return (item,)
        case Within(item=item, container=container):
            return (item, container)
        case Call(arguments=arguments):
            return arguments
        case _:
            return ()


def walk(node: Tree) -> Iterator[Tree]:
    """Yield a node and everything below it, each before its parts."""
    yield node
    for child in children(node):
        yield from walk(child)
