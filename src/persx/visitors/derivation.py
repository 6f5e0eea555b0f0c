"""Derivations: attributes that follow from others, evaluated over what is known of a visitor."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, NamedTuple

from persx.model.attribute import Purpose, Source, Value
from persx.model.clock import Millis


class Derivation(NamedTuple):
    """A derived attribute ready to be evaluated.

    Attributes:
        inputs: Everything that its value follows from, through other derived attributes too.
        value: Gives the value for attributes by name at a moment; none where no case holds.
    """

    name: str
    purpose: Purpose
    inputs: frozenset[str]
    value: Callable[[dict[str, Any], Millis], Value]


def derive(derivations: Sequence[Derivation], attributes: dict[str, Any], now: Millis) -> None:
    """Add derived attributes in place; what is there already stays.

    Args:
        derivations: In an order in which each comes after those that it reads.
    """
    for each in derivations:
        if each.name not in attributes:
            value = each.value(attributes, now)
            if value is not None:
                attributes[each.name] = value


class Derived:
    """Derives attributes for profiles, of what their visitors allow to be used.

    Args:
        derivations: In an order in which each comes after those that it reads.
        keys: Attribute → the key of its fold, of computed ones: without that they are not known
            yet, and nothing follows from what they may turn out to be.
    """

    def __init__(self, derivations: Sequence[Derivation], keys: Mapping[str, str]) -> None:
        self._derived = tuple(
            (each, tuple(keys[name] for name in sorted(each.inputs) if name in keys))
            for each in derivations
        )

    def add(
        self,
        attributes: dict[str, Value],
        sources: dict[str, Source],
        withheld: dict[str, Purpose],
        now: Millis,
        *,
        granted: frozenset[Purpose],
        ready: Container[str] | None,
    ) -> None:
        """Add what follows, in place.

        Where something that an attribute is made from is withheld, so is the attribute: whatever
        it said would tell of that.
        """
        for each, keys in self._derived:
            if ready is not None and not all(key in ready for key in keys):
                continue
            hidden = each.inputs & withheld.keys() if withheld else ()
            if hidden:
                withheld[each.name] = withheld[min(hidden)]
                continue
            value = each.value(attributes, now)
            if value is None:
                continue
            if each.purpose is Purpose.NECESSARY or each.purpose in granted:
                attributes[each.name] = value
                sources[each.name] = Source.DERIVED
            else:
                withheld[each.name] = each.purpose
