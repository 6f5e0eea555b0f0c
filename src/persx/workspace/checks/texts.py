"""Texts of a document in other locales: the locales exist, and so do the fields."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from persx.model.errors import Fault, did_you_mean
from persx.workspace.checks.subject import Subject


def check_texts(
    subject: Subject,
    kind: str,
    name: str,
    locales: Mapping[str, Mapping[str, str]],
    fields: Collection[str],
    *,
    place: str = "locales",
) -> Iterator[Fault]:
    """Yield the faults of a document's `locales`.

    Args:
        locales: Locale code → field → text.
        fields: The fields that may be said in another language.
        place: Where in the document the texts stand.
    """
    for locale, texts in locales.items():
        yield from subject.unknown(kind, name, f"{place}.{locale}", "locales", [locale])
        for field in texts:
            if field not in fields:
                yield subject.fault(
                    kind,
                    name,
                    f"{place}.{locale}.{field}",
                    f"Unknown field '{field}'.",
                    value=texts[field],
                    hint=did_you_mean(field, fields),
                )
