"""Preferences: what every visitor may declare about how they are treated, in every workspace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from persx.model.attribute import Attribute, AttributeTexts, Purpose, ValueType

GENERIC_CONTENT: Final = "generic_content"
"""Whether the visitor wants the content that is meant for everybody, on every page."""

DECLINED: Final = "declined_questions"
"""Questions to which the visitor said no, as ``attribute=value``: they are not asked again."""

_PUT_ASIDE: Final = f"{DECLINED}."

PREFERENCES: Final[Mapping[str, Attribute]] = {
    GENERIC_CONTENT: Attribute(
        name=GENERIC_CONTENT,
        type=ValueType.BOOLEAN,
        purpose=Purpose.NECESSARY,
        label="Wants generic content",
        locales={"de": AttributeTexts(label="Möchte allgemeine Inhalte")},
        description="Whether the visitor wants the content that is meant for everybody.",
    ),
    DECLINED: Attribute(
        name=DECLINED,
        type=ValueType.STRINGS,
        purpose=Purpose.NECESSARY,
        label="Questions answered with no",
        locales={"de": AttributeTexts(label="Mit Nein beantwortete Fragen")},
        description="What the visitor was asked and declined, so that nobody asks again.",
    ),
}
"""Declared attributes that persx itself asks for. They need no consent: they are a wish of the
visitor that could not be honoured otherwise."""


def put_aside(question: str) -> str:
    """Return the attribute that holds when a visitor put a question aside.

    Each question has its own, so that what was put aside on two devices is so on both, once they
    are known to be one visitor's.

    >>> put_aside("company-size")
    'declined_questions.company-size'
    """
    return _PUT_ASIDE + question


def preferences(questions: Iterable[str]) -> dict[str, Attribute]:
    """Return what every visitor may declare of a workspace that asks these questions."""
    return {
        **PREFERENCES,
        **{
            put_aside(name): Attribute(
                name=put_aside(name),
                type=ValueType.TIME,
                purpose=Purpose.NECESSARY,
                label=f"Put aside: {name}",
                locales={"de": AttributeTexts(label=f"Zurückgestellt: {name}")},
                description="When the visitor put the question aside, so that it rests.",
            )
            for name in questions
        },
    }


def is_preference(name: str) -> bool:
    """Tell whether an attribute is one that persx itself asks for."""
    return name in PREFERENCES or name.startswith(_PUT_ASIDE)
