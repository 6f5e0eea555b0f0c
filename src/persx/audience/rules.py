"""Rules: text in, a checked and typed tree out, or every fault with its column."""

from __future__ import annotations

import ast

import msgspec

from persx.audience.conditions import RuleBuilder
from persx.audience.scan import RuleFault, printable, scan, too_deep
from persx.audience.schema import EventCount, Schema
from persx.audience.tree import Condition, Literal
from persx.model.attribute import ValueType

__all__ = ["CheckedRule", "RuleFault", "check_rule"]


class CheckedRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule whose names and types are right.

    Attributes:
        tree: What it says, for the compiler, the interpreter and `explain`.
        reads: Attributes that it reads itself, event counts included; not those of audiences.
        audiences: Audiences that it asks for.
        counts: Event counts that it reads, which the workspace adds to its attributes.
    """

    text: str
    tree: Condition
    reads: frozenset[str] = frozenset()
    audiences: frozenset[str] = frozenset()
    counts: frozenset[EventCount] = frozenset()


def check_rule(text: str, schema: Schema) -> tuple[CheckedRule | None, list[RuleFault]]:
    """Read a rule and check its names and types; never raises, whatever the text.

    An empty text is the rule that is always true, as an empty `when` means.

    Returns:
        The rule and no faults, or none and every fault that was found, leftmost first.

    >>> rule, faults = check_rule('device == "fone"', Schema({}))
    >>> print(faults[0])
    column 11: 'fone' is not a value of device. Did you mean 'phone'?
    """
    if not text.strip():
        return CheckedRule(text=text, tree=Literal(value=True, type=ValueType.BOOLEAN)), []
    faults = scan(text)
    if faults:
        return None, faults
    # Outside of texts, which hold no line breaks, every kind of space is a plain one.
    line = text.translate({ord(space): " " for space in "\t\r\n"})
    lead = len(line) - len(line.lstrip())
    line = line.strip()
    try:
        parsed = ast.parse(line, mode="eval").body
        builder = RuleBuilder(line, schema)
        tree = builder.condition(parsed)
    except SyntaxError as error:
        return None, [_moved(_syntax_fault(line, error), lead)]
    except (RecursionError, MemoryError):
        return None, [too_deep(1)]
    except ValueError as error:
        return None, [RuleFault(message=f"The rule cannot be read: {printable(str(error))}.")]
    if builder.faults or tree is None:
        faults = sorted(set(builder.faults), key=lambda fault: fault.column)
        return None, [_moved(fault, lead) for fault in faults]
    rule = CheckedRule(
        text=line,
        tree=tree,
        reads=frozenset(builder.reads),
        audiences=frozenset(builder.audiences),
        counts=frozenset(builder.counts),
    )
    return rule, []


def _moved(fault: RuleFault, by: int) -> RuleFault:
    return msgspec.structs.replace(fault, column=fault.column + by) if by else fault


def _syntax_fault(line: str, error: SyntaxError) -> RuleFault:
    column = min(max(error.offset or 1, 1), len(line) + 1)
    rest = line[column - 1 :]
    return RuleFault(
        message=f"The rule cannot be read from '{printable(rest, 20)}' on.",
        value=printable(rest),
        hint='Write conditions such as customer.plan == "basic", joined with and/or.',
        column=column,
    )
