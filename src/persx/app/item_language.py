"""Items in a reader's language: the words of their locale, else of those that it falls back to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from persx.content.texts import locale_chain
from persx.decide.plan import Plan
from persx.model.item import Item, in_language
from persx.recommend.catalogue import Catalogue
from persx.recommend.result import Recommendations, Why


def chain_of(plan: Plan, locale: str) -> Sequence[str]:
    """Return the locales whose words apply, the most general first, as blocks choose theirs.

    A locale that the workspace does not declare has its own words and those of its language:
    a catalogue may know more languages than the site's pages.
    """
    workspace = plan.workspace
    wanted = locale or workspace.settings.default_locale
    return tuple(locale_chain(wanted, workspace.locales)) or _undeclared(wanted)


@lru_cache(maxsize=256)
def _undeclared(locale: str) -> Sequence[str]:
    parts = locale.replace("_", "-").split("-")[:3]
    return tuple("-".join(parts[:count]) for count in range(1, len(parts) + 1))


def why_in(catalogue: Catalogue, why: Why, item: Item, chain: Sequence[str]) -> Why:
    """Return a reason that names items and categories in a reader's language.

    Args:
        item: The one that is recommended, as the catalogue has it.
    """
    speaks = catalogue.get(why.item) if why.item else None
    if speaks is not None and speaks.translations:
        why = msgspec.structs.replace(why, title=in_language(speaks, chain).title)
    if why.category and item.translations and item.category[-1:] == (why.category,):
        why = msgspec.structs.replace(why, category=in_language(item, chain).category[-1])
    return why


def in_words_of(
    found: Recommendations, catalogue: Catalogue, chain: Sequence[str]
) -> Recommendations:
    """Return recommendations whose items and reasons are in a reader's language."""
    items = []
    for each in found.items:
        item, why = in_language(each.item, chain), why_in(catalogue, each.why, each.item, chain)
        if item is not each.item or why is not each.why:
            each = msgspec.structs.replace(each, item=item, why=why)
        items.append(each)
    return msgspec.structs.replace(found, items=tuple(items))
