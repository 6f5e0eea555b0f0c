"""Dating: when what is known of a visitor was said, or last changed."""

from __future__ import annotations

from collections.abc import Collection

from persx.model.attribute import Attribute, Source
from persx.model.clock import Millis
from persx.model.visitor import Fact, IdentityState
from persx.visitors.fold import definitions, later


def fact_of(states: Collection[IdentityState], name: str) -> Fact | None:
    """Return the declared fact that holds among one visitor's identities."""
    found: Fact | None = None
    for state in states:
        fact = state.facts.get(name)
        if fact is not None:
            found = fact if found is None else later(found, fact)
    return found


def changed_at(states: Collection[IdentityState], attribute: Attribute) -> Millis | None:
    """Return when an attribute's value was declared, or about when its newest event happened."""
    if attribute.source is Source.DECLARED:
        fact = fact_of(states, attribute.name)
        return fact.at if fact is not None else None
    for _, definition in definitions({attribute.name: attribute}):
        moments = [
            definition.kind.changed(state.computed[definition.key], definition.computation)
            for state in states
            if definition.key in state.computed
        ]
        last_seen = max((state.last_seen for state in states), default=0)
        # Some kinds keep no time, or know it to a half-life only: no later than the last event.
        known = [moment for moment in moments if moment is not None]
        return min(max(known), last_seen) if known else last_seen or None
    return None
