"""Why something is recommended, said in a visitor's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "viewed": "Because you looked at {title}",
        "added": "Goes with {title} in your cart",
        "bought": "Because you bought {title}",
        "together": "Often taken together with {title}",
        "alike": "Similar to {title}",
        "popular": "Popular right now",
        "popular in": "Popular in {category}",
        "again": "You may need it again",
        "recent": "You looked at it lately",
        "new": "New here",
        "for_you": "Fits what you look at",
        "tried": "Something new to try",
        "chosen": "Picked by us",
    },
    "de": {
        "viewed": "Weil Sie {title} angesehen haben",
        "added": "Passt zu {title} in Ihrem Warenkorb",
        "bought": "Weil Sie {title} gekauft haben",
        "together": "Oft zusammen mit {title} genommen",
        "alike": "Ähnlich wie {title}",
        "popular": "Gerade beliebt",
        "popular in": "Beliebt in {category}",
        "again": "Vielleicht geht Ihr Vorrat zur Neige",
        "recent": "Haben Sie kürzlich angesehen",
        "new": "Neu hier",
        "for_you": "Passt zu dem, was Sie ansehen",
        "tried": "Etwas Neues zum Ausprobieren",
        "chosen": "Von uns ausgesucht",
    },
}
"""Language → kind of reason → what is said; ``popular in`` where the category is known."""

_NAMED: Final = {"viewed": "for_you", "added": "for_you", "bought": "for_you",
                 "together": "for_you", "alike": "for_you"}  # fmt: skip
"""Reasons that name another item, and what is said where that one has no name."""


def say_why(kind: str, *, title: str = "", category: str = "", locale: str = "en") -> str:
    """Return a reason in words; in English where a language has none, empty for an unknown one.

    >>> say_why("viewed", title="Storm Jacket")
    'Because you looked at Storm Jacket'
    >>> say_why("popular", category="Laufschuhe", locale="de-AT")
    'Beliebt in Laufschuhe'
    >>> say_why("together")
    'Fits what you look at'
    """
    said = WORDS.get(locale.partition("-")[0], WORDS["en"])
    if kind == "popular" and category:
        kind = "popular in"
    if not title:
        kind = _NAMED.get(kind, kind)
    # Titles are anybody's text: they are put in, not read for places of their own.
    return said.get(kind, "").replace("{title}", title).replace("{category}", category)
