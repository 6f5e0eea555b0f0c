"""Preferences: what every visitor may declare about how they are treated, in every workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from persx.model.attribute import Attribute, AttributeTexts, Purpose, ValueType

GENERIC_CONTENT: Final = "generic_content"
"""Whether the visitor wants the content that is meant for everybody, on every page."""

DECLINED: Final = "declined_questions"
"""Questions to which the visitor said no, as ``attribute=value``: they are not asked again."""

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
