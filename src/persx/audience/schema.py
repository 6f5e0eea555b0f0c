"""What rules may name: the attributes with their types and closed values, and the audiences."""

from __future__ import annotations

import json
import keyword
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from persx.model.attribute import Attribute, Computation, Purpose, Source, ValueType
from persx.model.network import NETWORK_INDUSTRY


def _contextual(
    name: str,
    description: str,
    type: ValueType = ValueType.STRING,
    values: tuple[str, ...] = (),
) -> Attribute:
    return Attribute(
        name=name,
        type=type,
        source=Source.CONTEXTUAL,
        values=values,
        purpose=Purpose.NECESSARY,
        freshness="real time",
        description=description,
    )


def contextual_attributes(
    *,
    personas: Sequence[str] = (),
    locales: Sequence[str] = (),
    industries: Sequence[str] = (),
) -> dict[str, Attribute]:
    """Return the attributes that every workspace has, which come from the request.

    Args:
        personas: Names of the workspace's personas: the closed values of ``persona``.
        locales: Codes of the workspace's locales: the closed values of ``locale``.
        industries: Names of its industries: the closed values of ``network.industry``.
    """
    persona = _contextual("persona", "The best fitting persona.", values=tuple(personas))
    network = _contextual(
        NETWORK_INDUSTRY,
        "The industry that the visitor's network speaks for.",
        values=tuple(industries),
    )
    return {
        attribute.name: attribute
        for attribute in (
            _contextual("page.path", "The path of the page that is asked for."),
            _contextual("locale", "The language or region.", values=tuple(locales)),
            _contextual("device", "The kind of device.", values=("phone", "tablet", "desktop")),
            _contextual("referrer.host", "The site that the visitor came from."),
            _contextual("utm.source", "The campaign's source."),
            _contextual("utm.medium", "The campaign's medium."),
            _contextual("utm.campaign", "The campaign's name."),
            _contextual("hour", "0 to 23 in the workspace's zone.", ValueType.NUMBER),
            _contextual("weekday", "1 (Monday) to 7 (Sunday).", ValueType.NUMBER),
            # A persona is found from personal facts, so using it needs the same consent.
            msgspec.structs.replace(persona, purpose=Purpose.PERSONALIZATION),
            msgspec.structs.replace(network, purpose=Purpose.PERSONALIZATION),
            _contextual("identified", "Whether a user id is known.", ValueType.BOOLEAN),
        )
    }


class Schema:
    """The names that rules are checked against.

    Args:
        attributes: The workspace's attributes by name, their closed values resolved to tuples
            (an unresolved name of a list counts as open). One named like a contextual
            attribute replaces it.
        audiences: The names of the workspace's audiences.
    """

    __slots__ = ("attributes", "audiences")

    def __init__(
        self, attributes: Mapping[str, Attribute], audiences: Collection[str] = ()
    ) -> None:
        self.attributes: Final[Mapping[str, Attribute]] = {**contextual_attributes(), **attributes}
        self.audiences: Final = frozenset(audiences)

    def values(self, name: str) -> tuple[str, ...]:
        """Return the closed set of an attribute's values, empty where it is open."""
        values = self.attributes[name].values
        return values if isinstance(values, tuple) else ()


class EventCount(msgspec.Struct, frozen=True):
    """How often an event happened within a length of time: ``count("Order Completed", "30d")``."""

    event: str
    within: str


def event_count_attribute(count: EventCount) -> Attribute:
    """Return the computed attribute that a `count` in a rule reads.

    >>> event_count_attribute(EventCount("Order Completed", "30d")).name
    'count("Order Completed", "30d")'
    """
    event = json.dumps(count.event, ensure_ascii=False)
    within = json.dumps(count.within, ensure_ascii=False)
    return Attribute(
        name=f"count({event}, {within})",
        type=ValueType.NUMBER,
        source=Source.COMPUTED,
        freshness="real time",
        compute=Computation(kind="count", event=count.event, options={"within": count.within}),
        description=f"How often {event} happened within {count.within}.",
    )


def attribute_name_problem(name: str) -> str | None:
    """Tell why rules cannot write this name, or None where they can.

    >>> attribute_name_problem("customer.industry") is None
    True
    >>> attribute_name_problem("utm-source")
    "'utm-source' is not a word of letters, digits and underscores"
    """
    for part in name.split("."):
        if not part.isidentifier():
            return f"'{part}' is not a word of letters, digits and underscores"
        if keyword.iskeyword(part) or part.casefold() in RESERVED:
            return f"'{part}' has a meaning of its own in rules"
        if unicodedata.normalize("NFKC", part) != part:
            return f"'{part}' holds characters that have a plainer form"
    return None


RESERVED: Final[frozenset[str]] = frozenset(
    {"and", "or", "not", "in", "if", "then", "true", "false", "null", "none", "nil"}
)
"""Words that attribute names cannot be made of, in any case, beside Python's own keywords."""


def resolve_values(
    attributes: Iterable[Attribute], lists: Mapping[str, Sequence[str]]
) -> dict[str, Attribute]:
    """Return attributes by name with named lists of values replaced by those values.

    Args:
        attributes: As declared.
        lists: ``industries``, ``locales``, ``personas`` → their names.
    """
    resolved = {}
    for attribute in attributes:
        if isinstance(attribute.values, str):
            values = tuple(lists.get(attribute.values, ()))
            attribute = msgspec.structs.replace(attribute, values=values)
        if attribute.cases and not attribute.values and attribute.type is ValueType.STRING:
            # It has no other values than those that its cases give it.
            values = tuple(case.name for case in attribute.cases)
            attribute = msgspec.structs.replace(attribute, values=values)
        resolved[attribute.name] = attribute
    return resolved
