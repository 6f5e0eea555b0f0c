"""Feeds: what rows of product feeds and lists say of items, whatever their columns are called."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import msgspec

from persx.model.errors import BadInput, did_you_mean
from persx.recommend.feed_translations import (
    TRANSLATED,
    locale_code,
    read_words,
    translated_column,
    translations_of,
)
from persx.recommend.feed_values import (
    address,
    art,
    available,
    currency_of,
    fact,
    flag,
    line,
    lines,
    moment,
    path,
    price,
)

LONGEST_TEXT: Final = 4_000
"""Characters of a description; what is longer is cut, for its beginning says what a thing is."""

LONGEST_TITLE: Final = 300
MOST_ATTRIBUTES: Final = 60

ATTRIBUTE: Final = "attributes."
"""What a further fact's field begins with in a mapping, such as ``attributes.colour``."""

IGNORE: Final = "-"
"""The field of columns that say nothing."""

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "id": (
        "id", "item_id", "itemid", "product_id", "productid", "parent_asin", "asin", "sku",
        "variant_sku", "article_id", "handle", "item", "code",
    ),
    "title": (
        "title", "name", "product_name", "product_title", "item_name", "headline",
    ),
    "text": (
        "text", "description", "body", "body_html", "body_(html)", "long_description",
        "product_description", "short_description", "summary",
    ),
    "category": (
        "category", "product_type", "category_path", "categories", "product_category",
        "google_product_category", "type", "department",
    ),
    "brand": ("brand", "vendor", "manufacturer", "author", "store", "maker"),
    "price": ("price", "variant_price", "unit_price", "current_price"),
    "sale_price": ("sale_price", "special_price"),
    "was": (
        "was", "compare_at_price", "variant_compare_at_price", "original_price", "old_price",
        "regular_price", "list_price",
    ),
    "available": (
        "available", "availability", "in_stock", "instock", "is_available", "stock_status",
        "stock", "quantity", "inventory_quantity", "variant_inventory_qty", "published", "status",
    ),
    "hidden": ("hidden", "is_hidden"),
    "tags": ("tags", "tag", "keywords", "labels"),
    "image": ("image", "image_link", "image_url", "image_src", "picture", "thumbnail"),
    "art": ("art",),
    "url": ("url", "link", "product_url", "href", "permalink", "path"),
    "added": ("added", "created_at", "created", "added_at", "date_added", "published_at"),
}  # fmt: skip
"""Field → the names that its column has in feeds, the likeliest first."""

FIELDS: Final = (*NAMES, "attributes", "translations")

_FIELD_BY_NAME: Final = {
    name: (field, rank) for field, names in NAMES.items() for rank, name in enumerate(names)
}
_FIELDS_BY_NAME: Final = {name: field for name, (field, _) in _FIELD_BY_NAME.items()}
_SPACES: Final = re.compile(r"[\s\-]+")
_MARKUP: Final = re.compile(
    r"<!--.*?-->|<(?:script|style)\b.*?</(?:script|style)\s*>|<[^>]*>", re.S | re.I
)
_BLANKS: Final = re.compile(r"\s+")


class Feed(msgspec.Struct, frozen=True):
    """Which column says what.

    Attributes:
        columns: Column → the field that it says.
        ranks: Column → the greater, the less likely it is the one that is meant.
    """

    columns: dict[str, str]
    ranks: dict[str, int] = {}

    def says(self, field: str) -> bool:
        """Tell whether a column says a field."""
        return field in self.columns.values()


class Said(msgspec.Struct, frozen=True):
    """What a row says of an item.

    Attributes:
        facts: Fields of `Item` that are said, with their values; what is said to be empty has
            the value of an item of which nothing is known.
        cut: A text was too long, and is cut.
    """

    id: str
    facts: dict[str, Any]
    cut: bool = False


def feed_of(columns: Collection[str], mapping: Mapping[str, str] | None = None) -> Feed:
    """Return which column says what: as the mapping has it, the others by their names.

    Columns that nobody knows say further facts, under their own names.

    Args:
        mapping: Column → a field of `FIELDS`, one in a language as ``title:de``,
            ``attributes.NAME``, or ``-`` for nothing.

    Raises:
        BadInput: The mapping names a column or field that is not there, or no column says ids.
    """
    mapping = mapping or {}
    for column, field in mapping.items():
        if column not in columns:
            raise BadInput(
                f"There is no column '{column}'.",
                value=column,
                hint=did_you_mean(column, list(columns))
                or f"There are: {', '.join(sorted(columns))[:300]}",
            )
        named = field in FIELDS or field == IGNORE or _translation(field) is not None
        if not named and not field.startswith(ATTRIBUTE):
            raise BadInput(
                f"'{field}' is nothing that is known of items.",
                value=field,
                hint=did_you_mean(field, FIELDS)
                or f"Take one of {', '.join(FIELDS)}, or title:de, or attributes.NAME.",
            )
    found, ranks = dict[str, str](), dict[str, int]()
    for column in columns:
        name = _SPACES.sub("_", column.strip().casefold())
        known, rank = _FIELD_BY_NAME.get(name, ("", 0))
        mapped = mapping.get(column)
        if mapped == IGNORE:
            continue
        if mapped is None and known == "" and name.startswith(ATTRIBUTE):
            known = name
        if not known and (said := translated_column(column.strip().casefold(), _FIELDS_BY_NAME)):
            known = ":".join(said)
        found[column] = mapped or known or (name if name in ("attributes", "translations") else "")
        found[column] = found[column] or f"{ATTRIBUTE}{name}"
        ranks[column] = -1 if mapped else rank
    # A field that the mapping says is not guessed besides, and of several names the likeliest
    # counts; the others say further facts. Whatever tells of availability has to agree.
    for field in NAMES:
        told = sorted((c for c in found if found[c] == field), key=lambda c: ranks[c])
        mapped_ones = [column for column in told if ranks[column] < 0]
        keep = told if field == "available" and not mapped_ones else (mapped_ones or told[:1])
        for column in told:
            if column not in keep:
                found[column] = f"{ATTRIBUTE}{_SPACES.sub('_', column.strip().casefold())}"
    feed = Feed(found, ranks)
    if not feed.says("id"):
        raise BadInput(
            "No column says the items' ids.",
            value=", ".join(sorted(columns))[:300],
            hint="Call one 'id', or say which one it is: --map COLUMN=id",
        )
    return feed


def said(row: Mapping[str, Any], feed: Feed) -> Said:
    """Return what a row says.

    Raises:
        BadInput: A value cannot be read; the message says which column and why.
    """
    facts: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    translations: dict[str, dict[str, Any] | None] = {}
    had: list[bool] = []
    sale: float | None = None
    cut = False
    for column, field in feed.columns.items():
        if column not in row:
            continue
        value = row[column]
        try:
            if field == "available":
                if (here := available(value)) is not None:
                    had.append(here)
                facts.setdefault("available", True)
            elif field == "sale_price":
                sale = price(value)
            elif field in ("text", "title"):
                facts[field], shorter = _text(value, field)
                cut |= shorter
            elif field == "attributes":
                attributes |= _attributes(value)
            elif field == "translations":
                told, shorter = translations_of(value, _text)
                translations |= told
                cut |= shorter
            elif (words := _translation(field)) is not None:
                name, locale = words
                texts = translations.get(locale) or {}
                texts[name], shorter = read_words(name, value, _text)
                translations[locale] = texts
                cut |= shorter
            elif field.startswith(ATTRIBUTE):
                if (further := fact(value)) is not None:
                    attributes[field.removeprefix(ATTRIBUTE)[:100]] = further
            else:
                facts[field] = _READ[field](value)
                if field == "price" and (currency := currency_of(value)):
                    attributes["currency"] = currency
        except ValueError as error:
            raise BadInput(f"Column '{column}': {error}", value=str(value)[:100]) from error
    if sale is not None:
        # What it costs now; the price that stands beside it is the one before.
        facts["was"], facts["price"] = facts.get("price"), sale
    was, now = facts.get("was"), facts.get("price")
    if was is not None and now is not None and was <= now:
        facts["was"] = None
    if had:
        facts["available"] = all(had)
    if len(attributes) > MOST_ATTRIBUTES:
        attributes = dict(list(attributes.items())[:MOST_ATTRIBUTES])
    if attributes:
        facts["attributes"] = attributes
    if translations:
        facts["translations"] = translations
    if facts.get("added") == 0:
        del facts["added"]
    id = facts.pop("id", "")
    if not id:
        raise BadInput("It has no id.")
    return Said(id, facts, cut)


def _translation(field: str) -> tuple[str, str] | None:
    """Return the field and the locale of one in a language, such as ``title:de``."""
    name, colon, code = field.partition(":")
    locale = locale_code(code)
    return (name, locale) if colon and name in TRANSLATED and locale else None


def _text(value: Any, field: str) -> tuple[str, bool]:
    """Return words without markup, cut where they are too long, and whether they were."""
    most = LONGEST_TEXT if field == "text" else LONGEST_TITLE
    if value is None:
        return "", False
    if isinstance(value, list | tuple):
        value = " ".join(str(each) for each in value)
    if not isinstance(value, str | int | float):
        raise ValueError("it is no text.")
    whole = str(value)
    # Markup takes room; of ten megabytes only the beginning is looked at.
    text = whole[: most * 8]
    if "<" in text or "&" in text:
        text = html.unescape(_MARKUP.sub(" ", text))
    text = _BLANKS.sub(" ", text).strip()
    cut = len(text) > most or len(whole) > most * 8
    return (text[: most - 1].rstrip() + "…" if len(text) > most else text), cut


def _attributes(value: Any) -> dict[str, Any]:
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        raise ValueError("it is no object of names and values.")
    return {
        str(name)[:100]: told for name, each in value.items() if (told := fact(each)) is not None
    }


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "id": line,
    "category": path,
    "brand": line,
    "price": price,
    "was": price,
    "hidden": flag,
    "tags": lines,
    "image": address,
    "art": art,
    "url": address,
    "added": moment,
}
