"""Texts in a locale: a block's content in its layers, and what other documents say there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from persx.model.attribute import Attribute, AttributeTexts
from persx.model.question import QuestionDocument
from persx.model.workspace import (
    Block,
    ConsentSettings,
    Industry,
    Locale,
    Page,
    Settings,
    Variant,
)


def localized(
    block: Block, variant: Variant | None, locale: str, locales: Mapping[str, Locale]
) -> dict[str, Any]:
    """Return a block's content as this variant and locale have it.

    Each layer replaces whole top-level fields of those below it; a field that a layer sets to
    nothing (null) is taken away. From the bottom: default content, its texts along the locale
    chain (default language first), the variant's content, its texts along the chain. So a
    variant's own words beat the default content's translation.

    Args:
        locale: The visitor's; one that the workspace does not know has no texts of its own.
    """
    chain = tuple(locale_chain(locale, locales))
    content = dict(block.content)
    for code in chain:
        content.update(block.locales.get(code, {}))
    if variant is not None:
        content.update(variant.content)
        for code in chain:
            content.update(variant.locales.get(code, {}))
    return {field: value for field, value in content.items() if value is not None}


def text_of(
    document: ConsentSettings | Industry | Page | QuestionDocument | Settings,
    field: str,
    locale: str,
    locales: Mapping[str, Locale],
) -> str:
    """Return a document's text in a locale; what is not said there is said as it is by default."""
    said = (document.locales.get(code, {}).get(field) for code in _nearest(locale, locales))
    return next(filter(None, said), "") or str(getattr(document, field))


def label_of(attribute: Attribute, locale: str, locales: Mapping[str, Locale]) -> str:
    """Return what an attribute is called in a locale; its name in words where nothing says it."""
    said = (texts.label for texts in _texts(attribute, locale, locales))
    label = next(filter(None, said), "") or attribute.label
    return label or attribute.name.replace("_", " ").replace(".", " ")


def value_text(attribute: Attribute, value: str, locale: str, locales: Mapping[str, Locale]) -> str:
    """Return how a locale says one of an attribute's values; the value itself if it does not."""
    said = (texts.values.get(value, "") for texts in _texts(attribute, locale, locales))
    return next(filter(None, said), "") or value


def _texts(
    attribute: Attribute, locale: str, locales: Mapping[str, Locale]
) -> Iterator[AttributeTexts]:
    return (
        attribute.locales[code] for code in _nearest(locale, locales) if code in attribute.locales
    )


def _nearest(locale: str, locales: Mapping[str, Locale]) -> Iterator[str]:
    return reversed(tuple(locale_chain(locale, locales)))


def language_of(
    block: Block, variant: str, locale: str, locales: Mapping[str, Locale], default: str
) -> str:
    """Return the locale whose texts a block shows: the nearest that it has, else `default`.

    Args:
        variant: The name of the variant that is shown; any other name is default content.
        default: The locale of the default texts.
    """
    shown = next((each for each in block.variants if each.name == variant), block)
    return next((code for code in _nearest(locale, locales) if code in shown.locales), default)


def locale_chain(locale: str, locales: Mapping[str, Locale]) -> Iterator[str]:
    """Yield the codes whose texts apply, the most general first: ``de``, then ``de-AT``.

    A fallback that leads back to itself ends the chain.
    """
    chain: list[str] = []
    code: str | None = locale
    while code and code in locales and code not in chain:
        chain.append(code)
        code = locales[code].fallback
    return reversed(chain)
