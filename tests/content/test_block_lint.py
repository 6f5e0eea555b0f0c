"""Lint of a block: faults in default content, variants and locales, each where it comes from."""

from __future__ import annotations

from typing import Any

from persx.content.lint import check_block, check_block_type
from persx.content.types import block_types
from persx.model.attribute import Attribute
from persx.model.workspace import Block, BlockTypeDocument, Locale, Variant, Workspace

WORKSPACE = Workspace(
    attributes={"industry": Attribute(name="industry"), "goals": Attribute(name="goals")},
    locales={
        "en": Locale(code="en"),
        "de": Locale(code="de", fallback="en"),
        "de-AT": Locale(code="de-AT", fallback="de"),
    },
)
GOOD = {"headline": "Hello", "label": "Go", "href": "/go"}


def lint(**parts: Any) -> list[str]:
    block = Block(**{"name": "b", "type": "cta", "content": GOOD} | parts)
    return [fault.path for fault in check_block(block, block_types(WORKSPACE), WORKSPACE)]


def test_a_good_block() -> None:
    assert (
        lint(
            locales={"de": {"headline": "Hallo"}},
            variants=(Variant(name="saas", content={"headline": "Hi"}),),
        )
        == []
    )


def test_an_unknown_type_gets_a_suggestion() -> None:
    block = Block(name="b", type="heroo", content={})
    (fault,) = check_block(block, block_types(WORKSPACE), WORKSPACE)
    assert (fault.path, fault.hint) == ("type", "Did you mean 'hero'?")


def test_faults_of_every_layer_are_found_once() -> None:
    paths = lint(
        content={**GOOD, "headline": " "},
        locales={"de": {"label": ""}, "de-AT": {"txt": "?"}},
        variants=(
            Variant(name="saas", content={"href": "javascript:x"}, locales={"de": {"href": "//x"}}),
            Variant(name="edu", content={"headlin": "Typo"}),
            Variant(name="good", content={"headline": "Fine"}),
        ),
    )
    assert sorted(paths) == [
        "content.headline",
        "locales.de-AT.txt",
        "locales.de.label",
        "variants.edu.content.headlin",
        "variants.saas.content.href",
        "variants.saas.locales.de.href",
    ]


def test_a_variant_may_take_an_optional_field_away_but_not_a_mandatory_one() -> None:
    content = {**GOOD, "text": "More"}
    assert lint(content=content, variants=(Variant(name="a", content={"text": None}),)) == []
    assert lint(content=content, variants=(Variant(name="a", content={"label": None}),)) == [
        "variants.a.content.label"
    ]


def test_attributes_that_content_reads_must_be_declared(samples: dict[str, Any]) -> None:
    content = {**samples["collection"], "rank_by": ["industy", "goals", "device", "persona"]}
    block = Block(name="b", type="collection", content=content)
    (fault,) = check_block(block, block_types(WORKSPACE), WORKSPACE)
    assert (fault.path, fault.value) == ("content", "industy")
    assert fault.hint == "Did you mean 'industry'?"


def test_declared_types_are_checked_like_builtin_ones() -> None:
    document = BlockTypeDocument(
        name="faq",
        schema={
            "type": "object",
            "required": ["question"],
            "properties": {"question": {"type": "string"}, "link": {"format": "href"}},
        },
        template="<h2>{{ content.question }}</h2>",
    )
    assert check_block_type(document) == []
    workspace = Workspace(block_types={"faq": document})
    block = Block(name="b", type="faq", content={"qestion": "?", "link": "data:x"})
    faults = check_block(block, block_types(workspace), workspace)
    assert sorted(fault.path for fault in faults) == [
        "content.link",
        "content.qestion",
        "content.question",
    ]
    assert any(fault.hint == "Did you mean 'question'?" for fault in faults)
