"""Inlining: small audiences take the place of ``in_audience(…)``, which spares a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from persx.audience.tree import And, Call, Condition, Literal, Not, Or, walk

MOST_NODES: Final = 12
"""Nodes of an audience's rule up to which asking it again costs less than remembering it."""

_FUNCTION: Final = "in_audience"


def is_small(tree: Condition) -> bool:
    """Tell whether a rule is short, and asks for no audience itself."""
    nodes = list(walk(tree))
    return len(nodes) <= MOST_NODES and not any(
        isinstance(node, Call) and node.function == _FUNCTION for node in nodes
    )


def inlined(node: Condition, small: Mapping[str, Condition]) -> Condition:
    """Return the rule with small audiences put in; it is true for the same visitors.

    Args:
        small: Audience → its rule, of those that `is_small` holds for.
    """
    match node:
        case Call(function=function, arguments=(Literal(value=name),)) if function == _FUNCTION:
            return small.get(str(name), node)
        case And(parts=parts) | Or(parts=parts):
            return msgspec.structs.replace(
                node, parts=tuple(inlined(part, small) for part in parts)
            )
        case Not(operand=operand):
            return msgspec.structs.replace(node, operand=inlined(operand, small))
        case _:
            return node
