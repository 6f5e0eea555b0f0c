"""Derived attributes: cases become one function, in an order in which each can be evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from persx.audience.program import Branch, Program
from persx.model.attribute import Attribute, Case, Value, ValueType
from persx.model.errors import BadInput
from persx.visitors.derivation import Derivation


def case_value(case: Case, type_: ValueType) -> Value:
    """Return the value that a case stands for; none where the type has no such value.

    >>> case_value(Case(name="5"), ValueType.NUMBER), case_value(Case(name="no"), ValueType.NUMBER)
    (5, None)
    """
    if type_ is ValueType.STRING:
        return case.name
    if type_ is ValueType.BOOLEAN:
        return {"true": True, "false": False}.get(case.name)
    if type_ is not ValueType.NUMBER:
        return None
    try:
        number = float(case.name)
    except ValueError:
        return None
    if not -(2**53) <= number <= 2**53:
        return None
    return int(number) if number.is_integer() else number


def derivations(attributes: Mapping[str, Attribute], program: Program) -> tuple[Derivation, ...]:
    """Compile the derived attributes among these.

    Raises:
        BadInput: A case's rule is faulty, or attributes derive from each other in a circle.
    """
    derived = {name: each for name, each in attributes.items() if each.cases}
    inputs = {
        name: frozenset[str]().union(*(program.reads(case.when) for case in each.cases))
        for name, each in derived.items()
    }
    graph = {name: sorted(reads & derived.keys()) for name, reads in inputs.items()}
    try:
        order = tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise BadInput(
            f"Attributes derive from each other in a circle: {' → '.join(error.args[1])}.",
            value=error.args[1][0],
            hint="Take one out of the other's cases.",
        ) from error
    return tuple(_derivation(derived[name], inputs[name], program) for name in order)


def _derivation(attribute: Attribute, inputs: frozenset[str], program: Program) -> Derivation:
    choose = program.chooser([Branch(case.when) for case in attribute.cases])
    # The last one is for the index −1: no case holds.
    values = (*(case_value(case, attribute.type) for case in attribute.cases), None)

    def value(known: dict[str, Value], now: int) -> Value:
        return values[choose(known, now, {})]

    return Derivation(attribute.name, attribute.purpose, inputs, value)
