"""Facts of items as rules read them: ``item.price``, ``anchor.brand``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from persx.model.attribute import Attribute, Purpose, Source, Value, ValueType
from persx.model.item import Item

ITEM: Final = "item"
"""Before the facts of the item that a rule is asked about."""

ANCHOR: Final = "anchor"
"""Before those of the item whose page it is; all of them are unknown elsewhere."""


class ItemFact(NamedTuple):
    """One fact: its type, how it is read of an item, and what it is."""

    type: ValueType
    read: Callable[[Item], Value]
    description: str


def _share_off(item: Item) -> Value:
    if not item.was or item.price is None or item.price >= item.was:
        return 0
    return 1 - item.price / item.was


ITEM_FACTS: Final[Mapping[str, ItemFact]] = {
    "id": ItemFact(ValueType.STRING, lambda item: item.id, "Its id."),
    "title": ItemFact(ValueType.STRING, lambda item: item.title, "Its title."),
    "category": ItemFact(
        ValueType.STRINGS,
        lambda item: list(item.category),
        "Its categories, from the widest to the narrowest.",
    ),
    "category_path": ItemFact(
        ValueType.STRING,
        lambda item: "/".join(item.category) or None,
        "The same as one text, such as Running/Shoes.",
    ),
    "brand": ItemFact(ValueType.STRING, lambda item: item.brand or None, "Its brand."),
    "price": ItemFact(ValueType.NUMBER, lambda item: item.price, "Its price."),
    "off": ItemFact(
        ValueType.NUMBER, _share_off, "By which share its price was lowered, such as 0.2."
    ),
    "tags": ItemFact(ValueType.STRINGS, lambda item: list(item.tags), "Its tags."),
    "url": ItemFact(ValueType.STRING, lambda item: item.url or None, "Its page."),
    "added": ItemFact(
        ValueType.TIME, lambda item: item.added or None, "When it came into the catalogue."
    ),
}
"""What rules may ask of every item, beside what the catalogue says in its further attributes."""

FURTHER: Final = "attributes"
"""``item.attributes.colour`` is what an item's further attributes say of ``colour``."""


def item_attributes(further: Mapping[str, ValueType]) -> dict[str, Attribute]:
    """Return what ranking rules may name of items, as attributes by name.

    Args:
        further: Types of further attributes by name.
    """
    found = {}
    facts = {name: (fact.type, fact.description) for name, fact in ITEM_FACTS.items()}
    for name, type in further.items():
        facts[f"{FURTHER}.{name}"] = (type, "As the catalogue says.")
    for prefix in (ITEM, ANCHOR):
        for name, (type, description) in facts.items():
            key = f"{prefix}.{name}"
            found[key] = Attribute(
                name=key,
                type=type,
                source=Source.CONTEXTUAL,
                purpose=Purpose.NECESSARY,
                freshness="real time",
                description=description,
            )
    return found


def reader(name: str) -> Callable[[Item], Any]:
    """Return how a fact is read of an item, by its name without what stands before it.

    >>> from persx.model.item import ItemId
    >>> reader("category_path")(Item(id=ItemId("a"), category=("Running", "Shoes")))
    'Running/Shoes'
    """
    known = ITEM_FACTS.get(name)
    if known is not None:
        return known.read
    further = name.removeprefix(f"{FURTHER}.")

    def read(item: Item) -> Any:
        value = item.attributes.get(further)
        return list(value) if isinstance(value, tuple) else value

    return read
