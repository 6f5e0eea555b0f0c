"""Why a rule is true or false for a visitor: which clause decided, and with which value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from persx.audience.cycles import audience_cycles, long_chains
from persx.audience.interpret import Interpreter
from persx.audience.rules import CheckedRule, check_rule
from persx.audience.schema import Schema
from persx.audience.tree import And, Call, Condition, Literal, Not, Or, Read, walk
from persx.audience.values import present, show
from persx.model.attribute import ValueType
from persx.model.clock import Millis, iso
from persx.model.errors import BadInput
from persx.model.visitor import Guess


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A clause with its result, what it read, and the clauses that it is made of.

    Attributes:
        text: The clause as it is written in the rule.
        value: What decided it in words, such as ``industry is "Healthcare"``; empty for
            clauses that are made of others.
        result: Whether it is true.
        deciding: Whether the rule's result hangs on it: turning it could turn the rule.
        values: The attributes that this clause reads itself, None for what is not known.
        guesses: Of the rule as a whole: the attributes among them that a model guessed.
    """

    text: str
    value: str
    result: bool
    deciding: bool
    values: Mapping[str, Any] = {}
    parts: tuple[Explanation, ...] = ()
    guesses: Mapping[str, Guess] = {}

    def render(self) -> str:
        """Write the explanation as lines of plain text, deciding clauses marked with ``*``."""
        lines = self._lines(0)
        for name, guess in self.guesses.items():
            lines.append(
                f"{name} is a guess at {guess.of}: {guess.confidence:.0%} sure, by model "
                f"{guess.artifact}."
            )
        return "\n".join(lines)

    def _lines(self, level: int) -> list[str]:
        mark = "*" if self.deciding else " "
        because = f"  ({self.value})" if self.value else ""
        line = f"{mark} {'  ' * level}{'true ' if self.result else 'false'}  {self.text}{because}"
        return [line, *(below for part in self.parts for below in part._lines(level + 1))]

    def deciding_clauses(self) -> list[Explanation]:
        """Return the undivided clauses on which the result hangs, in the rule's order."""
        if not self.parts:
            return [self] if self.deciding else []
        return [clause for part in self.parts for clause in part.deciding_clauses()]


def explain(
    text: str,
    schema: Schema,
    audiences: Mapping[str, str],
    attributes: Mapping[str, Any],
    now: Millis,
) -> Explanation:
    """Explain a rule's result for a visitor.

    Of an ``and`` that is false, the false parts decide; of an ``or`` that is true, the true
    ones; else all of them. An audience is taken apart where it is first asked for.

    Args:
        text: The rule.
        schema: What rules may name.
        audiences: Name → rule text.
        attributes: Values by attribute name.
        now: The moment of evaluation, in epoch milliseconds.

    Raises:
        BadInput: The rule, or that of an audience it asks for, is faulty.

    >>> from persx.model.attribute import Attribute
    >>> schema = Schema({"industry": Attribute(name="industry")})
    >>> print(explain('industry == "SaaS"', schema, {}, {"industry": "Healthcare"}, 0).render())
    * false  industry == "SaaS"  (industry is "Healthcare")
    """
    rule = _check(text, schema)
    members = _asked_for(rule, schema, audiences)
    return _Explainer(members, attributes, now).rule(rule, deciding=True)


def _check(text: str, schema: Schema, of: str = "") -> CheckedRule:
    rule, faults = check_rule(text, schema)
    if rule is None:
        raise BadInput(f"The rule{of} is faulty: {faults[0]}", value=text[:200])
    return rule


def _asked_for(
    rule: CheckedRule, schema: Schema, audiences: Mapping[str, str]
) -> dict[str, CheckedRule]:
    """Return the rules of all audiences on which the rule builds."""
    found: dict[str, CheckedRule] = {}
    pending = sorted(rule.audiences)
    while pending:
        name = pending.pop()
        if name not in found:
            if name not in audiences:
                raise BadInput(f"Audience '{name}' has no rule.", value=name, hint="Declare it.")
            found[name] = _check(audiences[name], schema, f" of audience '{name}'")
            pending += sorted(found[name].audiences)
    asked = {name: member.audiences for name, member in found.items()}
    for name in [*(cycle[0] for cycle in audience_cycles(asked)), *long_chains(asked)]:
        raise BadInput(
            f"Audience '{name}' builds on itself, or on too long a chain of others.",
            value=name,
            hint="Remove one in_audience(…).",
        )
    return found


class _Explainer:
    def __init__(
        self, audiences: Mapping[str, CheckedRule], attributes: Mapping[str, Any], now: Millis
    ) -> None:
        self._audiences = audiences
        self._attributes = attributes
        self._interpreter = Interpreter(attributes, now, self._in_audience)
        self._members: dict[str, bool] = {}
        self._shown: set[str] = set()

    def rule(self, rule: CheckedRule, *, deciding: bool) -> Explanation:
        """Explain a rule."""
        return self._explain(rule.text.strip() or "always", rule.tree, deciding)

    def _in_audience(self, name: str) -> bool:
        found = self._members.get(name)
        if found is None:
            found = self._members[name] = self._interpreter.truth(self._audiences[name].tree)
        return found

    def _explain(self, line: str, node: Condition, deciding: bool) -> Explanation:
        result = self._interpreter.truth(node)
        text = line[node.start : node.end] or line
        parts: tuple[Explanation, ...] = ()
        value, values = "", {}
        match node:
            case And(parts=conditions) | Or(parts=conditions):
                # A single false part makes an `and` false, a single true one an `or` true.
                alone = result is isinstance(node, Or)
                parts = tuple(
                    self._explain(
                        line,
                        part,
                        deciding and (not alone or self._interpreter.truth(part) is result),
                    )
                    for part in conditions
                )
            case Not(operand=operand):
                parts = (self._explain(line, operand, deciding),)
            case Call(function="in_audience", arguments=(Literal(value=name),)):
                value = f"{'in' if result else 'not in'} audience {show(name)}"
                if str(name) not in self._shown:
                    self._shown.add(str(name))
                    parts = (self.rule(self._audiences[str(name)], deciding=deciding),)
            case _:
                reads = {each.name: each for each in walk(node) if isinstance(each, Read)}
                values = {
                    name: present(self._attributes.get(name), read.type)
                    for name, read in reads.items()
                }
                value = ", ".join(_said(read, values[name]) for name, read in reads.items())
        return Explanation(
            text=text,
            value=value or ("" if parts else "always"),
            result=result,
            deciding=deciding,
            values=values,
            parts=parts,
        )


def _said(read: Read, found: Any) -> str:
    if found is None:
        return f"{read.name} is not known"
    return f"{read.name} is {_moment(found) if read.type is ValueType.TIME else show(found)}"


def _moment(millis: float) -> str:
    try:
        return iso(int(millis))
    except (ValueError, OverflowError, OSError):
        return show(millis)
