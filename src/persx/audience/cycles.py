"""Audiences that ask for each other: circles, and chains that are too long."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

MAX_CHAIN: Final = 32
"""Most audiences that may build on each other."""


def audience_cycles(audiences: Mapping[str, Collection[str]]) -> list[tuple[str, ...]]:
    """Return circles of audiences, such as ``("a", "b")`` where a asks for b and b for a.

    Each circle begins with its first audience in the mapping's order. Audiences that only lead
    into a circle are not in it, and one audience is in at most one of the circles returned.

    Args:
        audiences: Name → the audiences that its rule asks for (`CheckedRule.audiences`).

    >>> audience_cycles({"a": {"b"}, "b": {"a"}, "c": {"a"}})
    [('a', 'b')]
    """
    order = {name: index for index, name in enumerate(audiences)}
    cycles: list[tuple[str, ...]] = []
    done: set[str] = set()
    for root in audiences:
        path: list[str] = []
        position: dict[str, int] = {}
        pending: list[tuple[str, bool]] = [(root, True)]
        while pending:
            name, entering = pending.pop()
            if not entering:
                path.pop()
                position.pop(name, None)
                done.add(name)
                continue
            if name in position:
                circle = path[position[name] :]
                first = min(range(len(circle)), key=lambda index: order[circle[index]])
                cycles.append((*circle[first:], *circle[:first]))
                continue
            if name in done or name not in audiences:
                continue
            position[name] = len(path)
            path.append(name)
            pending.append((name, False))
            pending += [(other, True) for other in sorted(audiences[name], reverse=True)]
    return _disjoint(cycles)


def _disjoint(cycles: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    seen: set[str] = set()
    kept = []
    for cycle in sorted(cycles, key=len):
        if seen.isdisjoint(cycle):
            kept.append(cycle)
            seen.update(cycle)
    return kept


def long_chains(audiences: Mapping[str, Collection[str]]) -> list[str]:
    """Return audiences that build on more than `MAX_CHAIN` others, one on the next.

    Each link is a call when deciding, so that chains have an end. In a circle, which is the
    business of `audience_cycles`, the link back is not counted.
    """
    depths: dict[str, int] = {}
    entered: set[str] = set()
    for root in audiences:
        pending = [root]
        while pending:
            name = pending[-1]
            others = audiences.get(name, ())
            # What was entered but has no depth yet is above us: going there again is a circle.
            ahead = [other for other in others if other not in depths and other not in entered]
            entered.add(name)
            if name in depths or not ahead:
                pending.pop()
                depths.setdefault(name, 1 + max((depths.get(o, 0) for o in others), default=0))
            else:
                pending += ahead
    return [name for name in audiences if depths[name] > MAX_CHAIN]
