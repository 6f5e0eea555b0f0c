"""What a kind of computed attribute is: a commutative monoid folded from events."""

from __future__ import annotations

from typing import Protocol

from persx.model.attribute import Computation, State, Value, ValueType
from persx.model.clock import Millis
from persx.model.event import Event


class ComputedKind(Protocol):
    """A way to fold events into a value, such as ``count`` or ``decayed_share``.

    States are commutative monoids: `zero` is neutral, `merge` is associative and commutative,
    and `add` of an event is the same as `merge` with the state of that event alone. So neither
    the order of events nor how they were batched can be seen in a state, and merging the states
    of two identities gives the state of the person. States are made of JSON values, with exact
    integers where a float's sum would depend on the order.

    Each kind states its *lateness horizon*: how late an event may come and still count.

    A kind that is made of track events of certain names, whatever a definition says, lists them
    in an attribute ``events``: see `events_of`.
    """

    name: str
    description: str

    def value_type(self, options: dict[str, str | int | float | bool]) -> ValueType | None:
        """Return the type of its values; none where the attribute's declaration decides."""
        ...

    def check(self, computation: Computation) -> list[str]:
        """Return what is wrong with a definition, each with what to do; empty where nothing is."""
        ...

    def zero(self) -> State:
        """Return a new state that has seen no event."""
        ...

    def add(self, state: State, event: Event, computation: Computation) -> State:
        """Return the state after one more event; the given state may be changed.

        The given state began with `zero` and was only added to since. The event's name and
        `where` have been matched already.
        """
        ...

    def merge(self, left: State, right: State, computation: Computation) -> State:
        """Return the state after the events of both; neither argument is changed.

        The result may share parts with them: it is merged further, but never added to.
        """
        ...

    def value(self, state: State, now: Millis, computation: Computation) -> Value:
        """Return what the state says at `now`; none where it says nothing.

        Exact where `now` is not before the newest event.
        """
        ...

    def changed(self, state: State, computation: Computation) -> Millis | None:
        """Return about when the newest event of the state happened; none where it is not kept."""
        ...


def events_of(kind: ComputedKind, computation: Computation) -> tuple[str, ...]:
    """Return the names or types of the events that a definition folds; none means every event."""
    if computation.event is not None:
        return (computation.event,)
    named: tuple[str, ...] = getattr(kind, "events", ())
    return named
