"""Translations in feeds: columns such as ``title_de`` and ``title:de-AT``, and JSON objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from persx.recommend.feed_values import address, path

TRANSLATED: Final = ("title", "text", "category", "url")
"""Fields that may be said in several languages."""

MOST_LOCALES: Final = 40

_LOCALE: Final = re.compile(r"([a-z]{2,3})(?:[_-]([a-z]{4}))?(?:[_-]([a-z]{2}|[0-9]{3}))?")
_MARKED: Final = re.compile(r"(.+?)\s*(?:[:@]\s*|\[|\()([a-z0-9_-]{2,12})[\])]?")
_PLAIN: Final = re.compile(r"(.+?)[_.]([a-z]{2}(?:_[a-z]{2})?)")

_PLAIN_LANGUAGES: Final = frozenset(
    {"ar", "bg", "bn", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "es", "et", "eu", "fa",
     "fi", "fr", "ga", "gl", "he", "hi", "hr", "hu", "hy", "it", "ja", "ka", "kk", "ko", "lt",
     "lv", "mk", "ms", "mt", "nb", "nl", "nn", "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr",
     "sv", "ta", "te", "th", "tr", "uk", "ur", "uz", "vi", "zh"}
)  # fmt: skip
"""Languages that a column may end in behind a mere underscore: ``category_id`` is not Indonesian,
which ``category:id`` is."""


def locale_code(text: str) -> str:
    """Return a locale as workspaces write it; empty where it is none.

    >>> locale_code("DE"), locale_code("de_at"), locale_code("zh-hant-tw"), locale_code("german")
    ('de', 'de-AT', 'zh-Hant-TW', '')
    """
    found = _LOCALE.fullmatch(text.strip().casefold())
    if found is None:
        return ""
    language, script, region = found.groups()
    return "-".join(filter(None, (language, script and script.title(), region and region.upper())))


def translated_column(name: str, fields: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the field and the locale that a column says; none where it says another thing.

    Args:
        name: In small letters.
        fields: Field by the names that columns have for it.

    >>> names = {"title": "title", "name": "title", "category": "category"}
    >>> translated_column("name_de", names), translated_column("title:de-at", names)
    (('title', 'de'), ('title', 'de-AT'))
    >>> translated_column("title[fr]", names), translated_column("category_id", names)
    (('title', 'fr'), None)
    """
    marked = _MARKED.fullmatch(name)
    plain = None if marked else _PLAIN.fullmatch(name.replace("-", "_"))
    found = marked or plain
    if found is None:
        return None
    base, code = re.sub(r"[\s-]+", "_", found[1].strip()), found[2]
    field = fields.get(base, "")
    locale = locale_code(code)
    if field not in TRANSLATED or not locale:
        return None
    if plain and locale.partition("-")[0] not in _PLAIN_LANGUAGES:
        return None
    return field, locale


def translations_of(
    value: Any, text: Callable[[Any, str], tuple[str, bool]]
) -> tuple[dict[str, dict[str, Any] | None], bool]:
    """Return what an object of locales says, and whether a text in it is cut.

    Args:
        value: Such as ``{"de": {"title": "Mütze"}}``; a locale of nothing takes its words away.
        text: Reads a title or a text.
    """
    if value is None or value == "":
        return {}, False
    if not isinstance(value, Mapping):
        raise ValueError("it is no object of locales and their words.")
    if len(value) > MOST_LOCALES:
        raise ValueError(f"it has {len(value)} locales; {MOST_LOCALES} are possible.")
    found: dict[str, dict[str, Any] | None] = {}
    cut = False
    for name, words in value.items():
        locale = locale_code(str(name))
        if not locale:
            raise ValueError(f"'{str(name)[:40]}' is no locale, as de and de-AT are.")
        if words is None:
            found[locale] = None
            continue
        if not isinstance(words, Mapping):
            raise ValueError(f"what it says in '{locale}' is no object.")
        said: dict[str, Any] = {}
        for field, told in words.items():
            if field not in TRANSLATED:
                raise ValueError(
                    f"'{str(field)[:40]}' of '{locale}' is not said in several languages; "
                    f"{', '.join(TRANSLATED)} are."
                )
            said[field], shorter = read_words(field, told, text)
            cut |= shorter
        found[locale] = said
    return found, cut


def read_words(
    field: str, value: Any, text: Callable[[Any, str], tuple[str, bool]]
) -> tuple[Any, bool]:
    """Return one field's words in a language, and whether they are cut."""
    if field == "category":
        return path(value), False
    return (address(value), False) if field == "url" else text(value, field)
