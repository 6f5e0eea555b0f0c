"""What a rule function is: its parameters, and how it compiles and is interpreted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Protocol, TypeAlias, runtime_checkable

import msgspec

from persx.model.attribute import Attribute, Value, ValueType
from persx.model.clock import Millis

Constant: TypeAlias = str | int | float | bool


class Takes(StrEnum):
    """What may stand in an argument's place."""

    VALUE = "value"
    """Anything of the parameter's types."""
    LITERAL = "literal"
    """Only text written in the rule."""
    ATTRIBUTE = "attribute"
    """Only the name of an attribute."""
    AUDIENCE = "audience"
    """Only the name of an audience, as text."""
    EVENT = "event"
    """Only the name of an event, as text."""
    DURATION = "duration"
    """Only a length of time such as ``30d``, as text."""


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of a rule function."""

    name: str
    types: tuple[ValueType, ...]
    takes: Takes = Takes.VALUE


class Argument(msgspec.Struct, frozen=True):
    """An argument as generated code has it.

    Attributes:
        code: A Python expression without side effects, safe to repeat where it is a name or
            a literal; its value is present and of one of the parameter's types.
        literal: The value, where it is written in the rule.
    """

    code: str
    literal: Constant | None = None


class CodeScope(Protocol):
    """What a function may use while its code is generated."""

    @property
    def now(self) -> str:
        """The name that holds the moment of evaluation, in epoch milliseconds."""
        ...

    def constant(self, value: object) -> str:
        """Return a name under which generated code finds this object."""
        ...

    def audience(self, name: str) -> str:
        """Return the expression that tells whether the visitor is in the audience."""
        ...


class ValueScope(msgspec.Struct, frozen=True):
    """What a function may use while it is interpreted."""

    now: Millis
    in_audience: Callable[[str], bool]


class RuleFunction(Protocol):
    """What a rule may call: a `ValueFunction` or an `AttributeFunction`."""

    @property
    def name(self) -> str: ...
    @property
    def doc(self) -> str:
        """One sentence for people who write rules."""
        ...

    @property
    def example(self) -> str:
        """A rule that uses it."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]: ...
    @property
    def result(self) -> ValueType: ...


@runtime_checkable
class ValueFunction(RuleFunction, Protocol):
    """A function that is pure, and takes time at most proportional to its input.

    `compile` and `interpret` are called with arguments that are present, and must agree; where
    an argument is missing the result is missing, and a missing boolean is false.
    """

    def compile(self, arguments: Sequence[Argument], scope: CodeScope) -> str:
        """Return a Python expression; user text enters it only as ``repr`` of a literal."""
        ...

    def interpret(self, arguments: Sequence[Any], scope: ValueScope) -> Value:
        """Return the value."""
        ...


@runtime_checkable
class AttributeFunction(RuleFunction, Protocol):
    """A function that stands for a computed attribute: its call is a read of it."""

    def attribute(self, arguments: Sequence[str]) -> Attribute:
        """Return the attribute, whose name is what the call reads."""
        ...
