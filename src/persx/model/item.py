"""Items: what a catalogue holds, and what visitors did with them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final, NewType

import msgspec

from persx.model.clock import Millis

ItemId = NewType("ItemId", str)


class ItemTexts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an item is called in one more language; what is left empty is as the item says it.

    Attributes:
        title: What visitors read.
        text: A description.
        category: The path of its category in words, as long as the item's own.
        url: Its page in that language.
    """

    title: str = ""
    text: str = ""
    category: tuple[str, ...] = ()
    url: str = ""


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that may be recommended: a product, a post, an idea.

    Attributes:
        id: What events call it, such as a ``product_id``.
        title: What visitors read.
        text: A description; what is alike is found by it.
        category: Path from the widest to the narrowest, such as ``("Running", "Shoes")``.
        brand: Who makes or writes it.
        price: In the workspace's currency; none where it has no price.
        was: The price before, where it was lowered.
        available: Whether it can be had now. What cannot is never shown.
        hidden: Somebody took it out of every recommendation.
        tags: Words that rules may ask for.
        image: Address of a picture.
        art: Name of one of our own pictures.
        url: Its page: an address, or a path of this site. Views of that path are views of it.
        added: When it came into the catalogue, epoch milliseconds; 0 where nobody knows.
        attributes: Further facts that rules may ask for.
        translations: Its words by locale, such as ``de`` or ``de-AT``.
    """

    id: ItemId
    title: str = ""
    text: str = ""
    category: tuple[str, ...] = ()
    brand: str = ""
    price: float | None = None
    was: float | None = None
    available: bool = True
    hidden: bool = False
    tags: tuple[str, ...] = ()
    image: str = ""
    art: str = ""
    url: str = ""
    added: Millis = 0
    attributes: dict[str, Any] = {}
    translations: dict[str, ItemTexts] = {}

    @property
    def shown(self) -> bool:
        """Whether it may be shown at all."""
        return self.available and not self.hidden


def in_language(item: Item, chain: Iterable[str]) -> Item:
    """Return an item in the words of a reader's language; ids and facts stay.

    Args:
        chain: Locales from the most general to the reader's own: later ones count first.

    >>> words = {"de": ItemTexts(title="Mütze")}
    >>> in_language(Item(id=ItemId("a"), title="Cap", translations=words), ["de", "de-AT"]).title
    'Mütze'
    """
    if not item.translations:
        return item
    said: dict[str, Any] = {}
    for locale in chain:
        texts = item.translations.get(locale)
        if texts is not None:
            said |= said_of(texts)
    return msgspec.structs.replace(item, **said) if said else item


def said_of(texts: ItemTexts) -> dict[str, Any]:
    """Return what one language says, by field."""
    return {name: value for name in _WORDS if (value := getattr(texts, name))}


_WORDS: Final = ItemTexts.__struct_fields__


class Action(StrEnum):
    """What somebody did with an item."""

    VIEWED = "viewed"
    ADDED = "added"
    BOUGHT = "bought"


class Touch(msgspec.Struct, frozen=True, array_like=True):
    """That somebody did something with an item.

    Attributes:
        item: The item's id, or the path of its page, which begins with a slash.
        action: What they did.
        at: When they did it last, epoch milliseconds.
    """

    item: str
    action: Action
    at: Millis
