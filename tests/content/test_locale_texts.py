"""Texts in a locale: which layer's words win."""

from __future__ import annotations

import pytest

from persx.content.texts import localized
from persx.model.workspace import Block, Locale, Variant

LOCALES = {
    "en": Locale(code="en"),
    "de": Locale(code="de", fallback="en"),
    "de-AT": Locale(code="de-AT", fallback="de"),
    "x": Locale(code="x", fallback="y"),
    "y": Locale(code="y", fallback="x"),
}
BLOCK = Block(
    name="hero",
    type="cta",
    content={"headline": "Hello", "text": "Default", "label": "Go", "href": "/go"},
    locales={
        "de": {"headline": "Hallo", "text": "Standard"},
        "de-AT": {"headline": "Servus"},
        "x": {"headline": "X"},
    },
    variants=(
        Variant(
            name="saas",
            content={"headline": "Hello SaaS", "href": None},
            locales={"de": {"headline": "Hallo SaaS"}, "de-AT": {"label": "Geh"}},
        ),
    ),
)


@pytest.mark.parametrize(
    ("locale", "headline", "text"),
    [
        ("en", "Hello", "Default"),
        ("de", "Hallo", "Standard"),
        ("de-AT", "Servus", "Standard"),
        ("de-CH", "Hello", "Default"),
        ("", "Hello", "Default"),
        ("x", "X", "Default"),
        ("y", "X", "Default"),
    ],
)
def test_default_content_follows_the_chain(locale: str, headline: str, text: str) -> None:
    content = localized(BLOCK, None, locale, LOCALES)
    assert (content["headline"], content["text"]) == (headline, text)


@pytest.mark.parametrize(
    ("locale", "headline", "text", "label"),
    [
        ("en", "Hello SaaS", "Default", "Go"),
        ("de", "Hallo SaaS", "Standard", "Go"),
        ("de-AT", "Hallo SaaS", "Standard", "Geh"),
    ],
)
def test_a_variants_own_words_beat_the_default_contents_translation(
    locale: str, headline: str, text: str, label: str
) -> None:
    content = localized(BLOCK, BLOCK.variants[0], locale, LOCALES)
    assert (content["headline"], content["text"], content["label"]) == (headline, text, label)


def test_null_takes_a_field_away() -> None:
    assert "href" in localized(BLOCK, None, "en", LOCALES)
    assert "href" not in localized(BLOCK, BLOCK.variants[0], "en", LOCALES)


def test_the_block_is_left_as_it_is() -> None:
    localized(BLOCK, BLOCK.variants[0], "de-AT", LOCALES)["headline"] = "changed"
    assert BLOCK.content["headline"] == "Hello"
