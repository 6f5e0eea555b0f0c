"""Words of reasons: what visitors read of why an item is recommended, in their language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from persx.recommend.result import Why


class WhyWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said of each kind of reason; the defaults are English.

    ``{title}`` stands for the item that speaks for it, ``{category}`` for where it is popular.
    What ends in ``_one`` or ``_in`` is said where such an item, or a category, is known.
    """

    viewed: str = "Because of what you viewed"
    viewed_one: str = "Because you viewed {title}"
    added: str = "Goes with what is in your cart"
    added_one: str = "Goes with {title} in your cart"
    bought: str = "Because of what you bought"
    bought_one: str = "Because you bought {title}"
    together: str = "Often bought together"
    together_one: str = "Often bought with {title}"
    seen_together: str = "Often viewed together"
    seen_together_one: str = "Often viewed with {title}"
    alike: str = "Similar"
    alike_one: str = "Similar to {title}"
    popular: str = "Popular this week"
    popular_in: str = "Popular in {category} this week"
    liked: str = "Popular"
    liked_in: str = "Popular in {category}"
    browsed: str = "Popular where you looked lately"
    browsed_in: str = "Popular in {category}, where you looked lately"
    again: str = "Time to buy again?"
    recent: str = "You looked at this lately"
    new: str = "New"
    for_you: str = "Picked for you"
    tried: str = "Something different"
    chosen: str = "Recommended"


ENGLISH: Final = WhyWords()

GERMAN: Final = WhyWords(
    viewed="Passt zu dem, was Sie angesehen haben",
    viewed_one="Weil Sie „{title}“ angesehen haben",
    added="Passt zu Ihrem Warenkorb",
    added_one="Passt zu „{title}“ in Ihrem Warenkorb",
    bought="Passt zu dem, was Sie gekauft haben",
    bought_one="Weil Sie „{title}“ gekauft haben",
    together="Oft zusammen gekauft",
    together_one="Oft zusammen mit „{title}“ gekauft",
    seen_together="Oft zusammen angesehen",
    seen_together_one="Oft zusammen mit „{title}“ angesehen",
    alike="Ähnlich",
    alike_one="Ähnlich wie „{title}“",
    popular="Diese Woche beliebt",
    popular_in="Diese Woche beliebt in {category}",
    liked="Beliebt",
    liked_in="Beliebt in {category}",
    browsed="Beliebt, wo Sie sich zuletzt umgesehen haben",
    browsed_in="Beliebt in {category}, wo Sie sich zuletzt umgesehen haben",
    again="Zeit zum Nachkaufen?",
    recent="Zuletzt angesehen",
    new="Neu",
    for_you="Für Sie ausgesucht",
    tried="Einmal etwas anderes",
    chosen="Empfohlen",
)

WORDS: Final[Mapping[str, WhyWords]] = {"en": ENGLISH, "de": GERMAN}
"""By language; a region has those of its language."""


def why_words(locale: str, own: Mapping[str, str] | None = None) -> WhyWords:
    """Return the words of a locale, English where there are none for its language.

    Args:
        own: What is said instead, by field.

    >>> why_words("de-AT").new, why_words("en", {"new": "Just in"}).new
    ('Neu', 'Just in')
    """
    found = WORDS.get(locale.replace("_", "-").partition("-")[0].casefold(), ENGLISH)
    if not own:
        return found
    known = {name: text for name, text in own.items() if name in WhyWords.__struct_fields__}
    return msgspec.structs.replace(found, **known)


def said(why: Why, words: WhyWords) -> str:
    """Return a reason in words.

    >>> from persx.recommend.result import WhyKind
    >>> said(Why(kind=WhyKind.VIEWED, item="a", title="Wren"), ENGLISH)
    'Because you viewed Wren'
    >>> said(Why(kind=WhyKind.POPULAR, category="Running"), GERMAN)
    'Diese Woche beliebt in Running'
    """
    if why.text:
        return why.text
    kind = why.kind.value
    if why.title:
        text: str = getattr(words, f"{kind}_one", "") or getattr(words, kind)
    elif why.category:
        text = getattr(words, f"{kind}_in", "") or getattr(words, kind)
    else:
        text = getattr(words, kind)
    # Texts that somebody wrote may hold other braces.
    return text.replace("{title}", why.title).replace("{category}", why.category)
