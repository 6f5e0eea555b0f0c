"""From Python's syntax tree to a rule's values: attributes, literals, numbers, functions."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from persx.audience.function import AttributeFunction, Parameter, Takes
from persx.audience.functions import FUNCTIONS
from persx.audience.scan import MAX_DEPTH, RuleFault, printable, too_deep
from persx.audience.schema import EventCount, Schema
from persx.audience.tree import Arithmetic, ArithmeticOp, Call, Expression, Literal, Negative, Read
from persx.model.attribute import ValueType
from persx.model.clock import parse_duration
from persx.model.errors import BadInput, did_you_mean

_ARITHMETIC: Final[dict[type[ast.operator], ArithmeticOp]] = {
    ast.Add: ArithmeticOp.ADD,
    ast.Sub: ArithmeticOp.SUBTRACT,
    ast.Mult: ArithmeticOp.MULTIPLY,
    ast.Div: ArithmeticOp.DIVIDE,
}
TYPE_WORDS: Final = {
    ValueType.STRING: "a text",
    ValueType.NUMBER: "a number",
    ValueType.BOOLEAN: "true or false",
    ValueType.TIME: "a time",
    ValueType.STRINGS: "a list of texts",
}
"""How types are called in messages."""

MAX_HINTS: Final = 10
"""Most faults of a rule that come with the nearest known word."""


class Place(NamedTuple):
    """Where a node stands in the rule's text, in characters."""

    start: int
    end: int


class ExpressionBuilder:
    """Builds the values of one rule, and collects every fault on the way.

    A part with a fault becomes None, and what surrounds it is still looked at.
    """

    def __init__(self, text: str, schema: Schema) -> None:
        self._text = text
        self._bytes = None if text.isascii() else text.encode()
        self._schema = schema
        self.faults: list[RuleFault] = []
        self.reads: set[str] = set()
        self.audiences: set[str] = set()
        self.counts: set[EventCount] = set()

    def expression(self, node: ast.expr, depth: int) -> Expression | None:
        """Return what has a value."""
        place = self.place(node)
        if depth > MAX_DEPTH:
            self.faults.append(too_deep(place.start + 1))
            return None
        match node:
            case ast.Constant(value=bool() | int() | float() | str()):
                return self._literal(node)
            case ast.Name() | ast.Attribute():
                return self._read(node)
            case ast.Call():
                return self._call(node, depth)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=inner):
                operand = self._number(inner, depth + 1)
                if operand is None or isinstance(op, ast.UAdd):
                    return operand
                if isinstance(operand, Literal) and not isinstance(operand.value, str):
                    return Literal(value=-operand.value, type=operand.type, **place._asdict())
                return Negative(operand=operand, **place._asdict())
            case ast.BinOp(op=op) if type(op) in _ARITHMETIC:
                return self._arithmetic(node, _ARITHMETIC[type(op)], depth)
        if isinstance(node, (ast.BoolOp, ast.Compare)) or (
            isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        ):
            message = f"'{self.shown(node)}' is a condition where a value is expected."
            self.fault(node, message, hint="Join conditions with and/or.")
        elif isinstance(node, (ast.List, ast.Tuple)):
            hint = "Lists stand after 'in' only; write numbers without commas: 1000."
            self.fault(node, "A list is not expected here.", hint=hint)
        else:
            hint = "Rules have attributes, values, comparisons, and/or/not, + - * / and functions."
            self.fault(node, f"'{self.shown(node)}' is not part of rules.", hint=hint)
        return None

    def _literal(self, node: ast.Constant) -> Literal:
        value = node.value
        assert isinstance(value, (bool, int, float, str))
        kind = ValueType.NUMBER
        if isinstance(value, bool):
            kind = ValueType.BOOLEAN
        elif isinstance(value, str):
            kind = ValueType.STRING
        place = self.place(node)
        return Literal(value=value, type=kind, **place._asdict())

    def _read(self, node: ast.Name | ast.Attribute) -> Read | None:
        parts = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name):
            self.fault(node, "Values have no parts.", hint="Dots stand in attribute names only.")
            return None
        name = ".".join([inner.id, *reversed(parts)])
        attribute = self._schema.attributes.get(name)
        if attribute is None:
            hint = self._nearest(name, self._schema.attributes)
            if name in FUNCTIONS:
                hint = f"Write {FUNCTIONS[name].example.split(' ')[0]}."
            self.fault(node, f"Unknown attribute '{printable(name)}'.", hint=hint)
            return None
        self.reads.add(name)
        place = self.place(node)
        return Read(name=name, type=attribute.type, **place._asdict())

    def _number(self, node: ast.expr, depth: int) -> Expression | None:
        found = self.expression(node, depth)
        if found is None or found.type is ValueType.NUMBER:
            return found
        hint = "Write it without quotes." if isinstance(found, Literal) else ""
        if found.type is ValueType.TIME:
            hint = f"Write days_since({self.shown(node)})."
        message = f"'{self.shown(node)}' is {TYPE_WORDS[found.type]}, and + - * / take numbers."
        self.fault(node, message, hint=hint)
        return None

    def _arithmetic(self, node: ast.BinOp, op: ArithmeticOp, depth: int) -> Expression | None:
        left, right = self._number(node.left, depth + 1), self._number(node.right, depth + 1)
        if left is None or right is None:
            return None
        if op is ArithmeticOp.DIVIDE and isinstance(right, Literal) and right.value == 0:
            self.fault(node.right, "Nothing can be divided by 0.", hint="Write another number.")
            return None
        place = self.place(node)
        return Arithmetic(op=op, left=left, right=right, **place._asdict())

    # -- functions ----------------------------------------------------------------------------

    def _call(self, node: ast.Call, depth: int) -> Expression | None:
        if not isinstance(node.func, ast.Name):
            hint = 'Write the function first: starts_with(customer.plan, "pro").'
            self.fault(node.func, f"'{self.shown(node.func)}' is not a function.", hint=hint)
            return None
        name = node.func.id
        if name not in FUNCTIONS:
            hint = self._nearest(name, FUNCTIONS.names)
            self.fault(node.func, f"Unknown function '{printable(name)}'.", hint=hint)
            return None
        function = FUNCTIONS[name]
        signature = f"{name}({', '.join(p.name for p in function.parameters)})"
        if node.keywords or len(node.args) != len(function.parameters):
            count = len(node.args) + len(node.keywords)
            self.fault(
                node,
                f"{name}() takes {len(function.parameters)}, and is given {count}."
                if not node.keywords
                else f"{name}() takes its arguments without names.",
                hint=f"Write {signature}, such as: {function.example}",
            )
            return None
        found: list[Expression | None] = [
            self._argument(argument, parameter, name, depth + 1)
            for argument, parameter in zip(node.args, function.parameters, strict=True)
        ]
        arguments = tuple(argument for argument in found if argument is not None)
        if len(arguments) < len(found) or not self._closed_arguments(node.args, arguments):
            return None
        place = self.place(node)
        if isinstance(function, AttributeFunction):
            texts = [str(a.value) for a in arguments if isinstance(a, Literal)]
            attribute = function.attribute(texts)
            if name == "count":
                self.counts.add(EventCount(*texts))
            self.reads.add(attribute.name)
            return Read(name=attribute.name, type=attribute.type, **place._asdict())
        return Call(
            function=name,
            arguments=arguments,
            type=function.result,
            start=place.start,
            end=place.end,
        )

    def _argument(
        self, node: ast.expr, parameter: Parameter, function: str, depth: int
    ) -> Expression | None:
        named = parameter.takes not in (Takes.VALUE, Takes.ATTRIBUTE)
        if named and not isinstance(node, ast.Constant):
            bare = isinstance(node, (ast.Name, ast.Attribute))
            written = f'"{self.shown(node)}"' if bare else FUNCTIONS[function].example
            message = f"{function}() takes its {parameter.name} as text in quotes."
            self.fault(node, message, hint=f"Write {written}")
            return None
        found = self.expression(node, depth)
        if found is None:
            return None
        if parameter.takes is Takes.ATTRIBUTE and not isinstance(found, Read):
            message = f"{function}() takes the name of an attribute."
            self.fault(node, message, hint=f"Write {FUNCTIONS[function].example}")
            return None
        if found.type not in parameter.types:
            wanted = " or ".join(TYPE_WORDS[type] for type in parameter.types)
            message = f"{function}() takes {wanted}, and '{self.shown(node)}' is not."
            hint = f"It is {TYPE_WORDS[found.type]}."
            self.fault(node, message, hint=hint)
            return None
        if not named or not isinstance(found, Literal):
            return found
        return found if self._named(node, str(found.value), parameter) else None

    def _named(self, node: ast.expr, text: str, parameter: Parameter) -> bool:
        """Check a text that names something."""
        if parameter.takes is Takes.AUDIENCE and text not in self._schema.audiences:
            hint = self._nearest(text, self._schema.audiences) or "There are no audiences yet."
            self.fault(node, f"Unknown audience '{printable(text)}'.", hint=hint)
            return False
        if parameter.takes is Takes.AUDIENCE:
            self.audiences.add(text)
        if parameter.takes is Takes.EVENT and not text.strip():
            self.fault(node, "The event has no name.", hint='Write "Order Completed".')
            return False
        if parameter.takes is Takes.DURATION:
            try:
                parse_duration(text)
            except BadInput as error:
                self.fault(node, error.message, hint=error.hint)
                return False
        return True

    def _closed_arguments(self, nodes: list[ast.expr], found: Sequence[Expression]) -> bool:
        """Check texts that are looked for in a list with a closed set of values."""
        first = found[0] if found else None
        if not isinstance(first, Read) or first.type is not ValueType.STRINGS:
            return True
        return all(
            self.closed(first, argument, node)
            for argument, node in zip(found[1:], nodes[1:], strict=True)
        )

    # -- faults -------------------------------------------------------------------------------

    def closed(self, attribute: Expression, other: Expression, place: ast.expr) -> bool:
        """Check that a fixed text is one of the values that the attribute may have."""
        if not isinstance(attribute, Read) or not isinstance(other, Literal):
            return True
        if attribute.name not in self._schema.attributes or not isinstance(other.value, str):
            return True
        values = self._schema.values(attribute.name)
        if not values or other.value in values:
            return True
        self.fault(
            place,
            f"'{printable(other.value)}' is not a value of {attribute.name}.",
            hint=self._nearest(other.value, values),
        )
        return False

    def _nearest(self, word: str, known: Iterable[str]) -> str:
        # Finding the nearest word takes time, and nobody reads a hundred hints.
        return did_you_mean(word, known) if len(self.faults) < MAX_HINTS else ""

    def fault(self, node: ast.expr, message: str, *, hint: str) -> None:
        """Note what is wrong with a node."""
        place = self.place(node)
        value = printable(self._text[place.start : place.end])
        self.faults.append(
            RuleFault(message=message, value=value, hint=hint, column=place.start + 1)
        )

    def shown(self, node: ast.expr) -> str:
        """Return a node's text, for messages."""
        place = self.place(node)
        return printable(self._text[place.start : place.end], 40)

    def place(self, node: ast.expr) -> Place:
        """Return where a node stands, in characters; Python counts bytes of UTF-8."""
        start, end = node.col_offset, node.end_col_offset or node.col_offset
        if self._bytes is not None:
            start = len(self._bytes[:start].decode())
            end = len(self._bytes[:end].decode())
        return Place(start, end)
