"""The texts of a block in a locale: default content, a variant over it, locale texts over both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from persx.model.workspace import Block, Locale, Variant


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
