"""From Python's syntax tree to a rule's conditions: only what is on the list passes."""

from __future__ import annotations

import ast
from typing import Final

from persx.audience.expressions import TYPE_WORDS, ExpressionBuilder, Place
from persx.audience.scan import MAX_DEPTH, too_deep
from persx.audience.tree import (
    And,
    Call,
    Compare,
    CompareOp,
    Condition,
    Expression,
    Literal,
    Not,
    OneOf,
    Or,
    Read,
    Within,
    walk,
)
from persx.model.attribute import ValueType

_COMPARE: Final[dict[type[ast.cmpop], CompareOp]] = {
    ast.Eq: CompareOp.EQ,
    ast.NotEq: CompareOp.NE,
    ast.Lt: CompareOp.LT,
    ast.LtE: CompareOp.LE,
    ast.Gt: CompareOp.GT,
    ast.GtE: CompareOp.GE,
}
_ORDERED: Final = (ValueType.NUMBER, ValueType.TIME)


class RuleBuilder(ExpressionBuilder):
    """Builds the checked tree of one rule's parsed text."""

    def condition(self, node: ast.expr, depth: int = 0) -> Condition | None:
        """Return what is true or false."""
        place = self.place(node)
        if depth > MAX_DEPTH:
            self.faults.append(too_deep(place.start + 1))
            return None
        match node:
            case ast.BoolOp(op=op, values=values):
                found: list[Condition | None] = [
                    self.condition(value, depth + 1) for value in values
                ]
                parts = tuple(part for part in found if part is not None)
                if len(parts) < len(found):
                    return None
                if isinstance(op, ast.And):
                    return And(parts=parts, **place._asdict())
                return Or(parts=parts, **place._asdict())
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                operand = self.condition(inner, depth + 1)
                if operand is None:
                    return None
                return Not(operand=operand, **place._asdict())
            case ast.Compare():
                return self._comparisons(node, depth + 1)
        value = self.expression(node, depth + 1)
        if value is None:
            return None
        if isinstance(value, (Literal, Read, Call)) and value.type is ValueType.BOOLEAN:
            return value
        self.fault(
            node,
            f"'{self.shown(node)}' is {TYPE_WORDS[value.type]}, and nothing is asked of it.",
            hint=f"Compare it, or write known({self.shown(node)})."
            if isinstance(value, Read)
            else "Compare it with something.",
        )
        return None

    def _comparisons(self, node: ast.Compare, depth: int) -> Condition | None:
        """Return one comparison, or a chain of them as their conjunction."""
        operands = [node.left, *node.comparators]
        found: list[Condition | None] = [
            self._comparison(left, op, right, depth)
            for left, op, right in zip(operands, node.ops, operands[1:], strict=False)
        ]
        parts = tuple(part for part in found if part is not None)
        if len(parts) < len(found):
            return None
        if len(parts) == 1:
            return parts[0]
        place = self.place(node)
        return And(parts=parts, **place._asdict())

    def _comparison(
        self, left: ast.expr, op: ast.cmpop, right: ast.expr, depth: int
    ) -> Condition | None:
        if isinstance(op, (ast.In, ast.NotIn)):
            return self._membership(left, isinstance(op, ast.NotIn), right, depth)
        compare = _COMPARE.get(type(op))
        first, second = self.expression(left, depth), self.expression(right, depth)
        if first is None or second is None or compare is None:
            return None
        if first.type is not second.type:
            self._type_clash(left, first, right, second)
            return None
        problem = self._compare_problem(compare, first, second)
        if problem is not None:
            self.fault(left, problem[0], hint=problem[1])
            return None
        closed = self.closed(first, second, right) and self.closed(second, first, left)
        if not closed:
            return None
        start, end = self.place(left).start, self.place(right).end
        return Compare(op=compare, left=first, right=second, start=start, end=end)

    def _compare_problem(
        self, op: CompareOp, left: Expression, right: Expression
    ) -> tuple[str, str] | None:
        if not any(isinstance(node, (Read, Call)) for node in (*walk(left), *walk(right))):
            return "Two fixed values are compared.", "Compare with an attribute."
        if left.type is ValueType.STRINGS:
            return "Lists cannot be compared.", 'Write "text" in attribute, or contains(…).'
        equality = op in (CompareOp.EQ, CompareOp.NE)
        if not equality and left.type not in _ORDERED:
            word = TYPE_WORDS[left.type]
            return f"'{op}' compares numbers or times, not {word}.", "Write == or !=."
        if left.type is ValueType.BOOLEAN and any(isinstance(n, Call) for n in (left, right)):
            return "The answer of a function is not compared.", "Write it alone, or not … ."
        return None

    def _membership(
        self, left: ast.expr, negated: bool, right: ast.expr, depth: int
    ) -> Condition | None:
        item = self.expression(left, depth)
        start, end = self.place(left).start, self.place(right).end
        if isinstance(right, (ast.List, ast.Tuple)):
            return self._one_of(left, item, negated, right, Place(start, end))
        container = self.expression(right, depth)
        if item is None or container is None:
            return None
        if not isinstance(container, Read) or container.type is not ValueType.STRINGS:
            hint = 'Write a list such as ["a", "b"], or an attribute that holds a list.'
            if container.type is ValueType.STRING:
                hint = f"Write contains({self.shown(right)}, {self.shown(left)})."
            self.fault(right, f"'{self.shown(right)}' is {TYPE_WORDS[container.type]}.", hint=hint)
            return None
        if item.type is not ValueType.STRING:
            message = f"'{self.shown(left)}' is {TYPE_WORDS[item.type]}, and the list holds texts."
            self.fault(left, message, hint="Write it in quotes.")
            return None
        if not self.closed(container, item, left):
            return None
        return Within(item=item, container=container, negated=negated, start=start, end=end)

    def _one_of(
        self,
        left: ast.expr,
        item: Expression | None,
        negated: bool,
        right: ast.List | ast.Tuple,
        place: Place,
    ) -> Condition | None:
        choices = []
        for element in right.elts:
            choice = self._literal_element(element)
            if choice is None:
                return None
            choices.append((element, choice))
        if item is None:
            return None
        if not choices:
            self.fault(right, "The list is empty.", hint="Write the values that are meant.")
            return None
        if item.type not in (ValueType.STRING, ValueType.NUMBER):
            hint = "Write == or !=."
            if item.type is ValueType.STRINGS:
                hint = f'Write "a" in {self.shown(left)} or "b" in {self.shown(left)}.'
            self.fault(left, f"'{self.shown(left)}' is {TYPE_WORDS[item.type]}.", hint=hint)
            return None
        if isinstance(item, Literal):
            self.fault(left, "Two fixed values are compared.", hint="Compare with an attribute.")
            return None
        good = True
        for element, choice in choices:
            if choice.type is not item.type:
                self._type_clash(left, item, element, choice)
                good = False
            else:
                good = self.closed(item, choice, element) and good
        if not good:
            return None
        values = tuple(choice.value for _, choice in choices)
        return OneOf(item=item, choices=values, negated=negated, **place._asdict())

    def _literal_element(self, node: ast.expr) -> Literal | None:
        found = self.expression(node, 1)
        if found is None or isinstance(found, Literal):
            return found
        self.fault(node, "A list holds fixed values only.", hint="Join conditions with or.")
        return None

    def _type_clash(
        self, left: ast.expr, first: Expression, right: ast.expr, second: Expression
    ) -> None:
        if ValueType.TIME in (first.type, second.type):
            time = left if first.type is ValueType.TIME else right
            hint = f"Write days_since({self.shown(time)}) to get a number of days."
        elif ValueType.STRINGS in (first.type, second.type):
            hint = 'Write "text" in attribute.'
        elif isinstance(second, Literal) and first.type is ValueType.STRING:
            hint = "Write the text in quotes."
        elif isinstance(second, Literal) and second.type is ValueType.STRING:
            hint = "Write it without quotes."
            if first.type is ValueType.BOOLEAN:
                hint = "Write True or False."
        else:
            hint = "Compare values of one type."
        self.fault(
            right,
            f"'{self.shown(left)}' is {TYPE_WORDS[first.type]}, and '{self.shown(right)}' is "
            f"{TYPE_WORDS[second.type]}.",
            hint=hint,
        )
