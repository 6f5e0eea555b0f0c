"""Warnings about what is kept without use or purpose, what reveals, and who sees nothing."""

from __future__ import annotations

from typing import Final

import pytest

from persx.model.attribute import Attribute
from persx.model.workspace import Workspace
from persx.workspace.attribute_uses import Use, attribute_catalogue
from persx.workspace.creation import scaffold
from persx.workspace.validation import check

SCAFFOLD: Final = scaffold()


def warnings(**files: str) -> list[tuple[str, str]]:
    """Place and message of each fault of the new workspace with some files replaced or longer."""
    changed = dict(SCAFFOLD)
    for name, text in files.items():
        path = name.replace("__", "/") + ".yaml"
        changed[path] = changed.get(path, "") + text
    workspace, faults = check(changed)
    assert workspace is not None, faults
    assert {fault.severity for fault in faults} <= {"warning"}
    return [(f"{fault.file}:{fault.path}", fault.message) for fault in faults]


def test_the_new_workspace_has_none() -> None:
    assert warnings() == []


def test_an_attribute_that_nothing_uses() -> None:
    ((place, message),) = warnings(attributes="\nshoe_size: {type: number, purpose: marketing}\n")
    assert place == "attributes.yaml:shoe_size"
    assert message.startswith("Nothing uses 'shoe_size'")
    assert warnings(attributes="\nshoe_size: {type: number, kept_for: returns}\n") == []


def test_an_attribute_that_rules_use_without_a_purpose() -> None:
    used = {"attributes": "\nplan: {type: string}\n", "audiences": '\nfans: {when: plan == "x"}\n'}
    ((place, message),) = warnings(**used)
    assert place == "attributes.yaml:plan"
    assert message == "One place uses 'plan', and no purpose is stated for it."
    used["attributes"] = "\nplan: {type: string, purpose: marketing}\n"
    assert warnings(**used) == []


@pytest.mark.parametrize(
    ("audiences", "personas", "rule"),
    [
        ("", "", "pregnant"),
        ("\nexpecting: {when: pregnant and known(tools)}\n", "", 'in_audience("expecting")'),
        ("", "\nmum: {label: M, industry: eCommerce, behaviour: [pregnant]}\n", 'persona == "mum"'),
    ],
)
def test_content_that_reveals_a_sensitive_attribute(
    audiences: str, personas: str, rule: str
) -> None:
    attribute = "\npregnant: {type: boolean, purpose: marketing, sensitive: true}\n"
    block = f"""type: cta
content: {{headline: Hello, label: Go, href: /start}}
external: true
coverage_opt_out: ["*"]
variants:
  soon:
    when: {rule}
    content: {{headline: Prams}}
"""
    industry = "" if "eCommerce" in SCAFFOLD["industries.yaml"] else "\neCommerce: {label: Shop}\n"
    found = warnings(
        attributes=attribute,
        audiences=audiences,
        personas=personas,
        industries=industry,
        blocks__ad=block,
    )
    revealed = [(place, message) for place, message in found if "sensitive" in message]
    used = rule == "pregnant" or audiences or personas
    assert used
    assert [place for place, _ in revealed] == ["blocks/ad.yaml:variants.soon.when"]
    assert "'pregnant'" in revealed[0][1]


def test_other_ways_to_reveal_a_sensitive_attribute() -> None:
    files = {
        "attributes": """
faith: {type: string, purpose: marketing, sensitive: true}
taste:
  {type: string, source: predicted, purpose: personalization, predict: {of: persona}}
""",
        "personas": "\ndevout: {label: D, industry: eCommerce, behaviour: ['faith == \"x\"']}\n",
        "industries": "" if "eCommerce" in SCAFFOLD["industries.yaml"] else "\neCommerce: {}\n",
        "blocks__shelf": """type: collection
external: true
coverage_opt_out: ["*"]
content:
  headline: Read on
  rank_by: [faith]
  items: [{title: A, text: a, href: /a, tags: [x]}, {title: B, text: b, href: /b}]
variants:
  guessed: {when: 'taste == "devout"', content: {headline: Hello}}
  free: {when: 'known(tools)', content: {headline: Hi, rank_by: [tools]}}
""",
        "experiments__faithful": """
target: known(faith)
blocks: [home-hero]
arms: {a: default, b: targeted}
""",
        "questions": "\nwhich: {attribute: industry, text: Which?, when: 'faith == \"x\"'}\n",
    }
    assert {place for place, message in warnings(**files) if "sensitive" in message} == {
        "blocks/shelf.yaml:content",
        "blocks/shelf.yaml:variants.guessed.content",
        "blocks/shelf.yaml:variants.guessed.when",
        "experiments/faithful.yaml:target",
        "questions.yaml:which.when",
    }


def test_a_block_that_shows_nothing_to_whom_nothing_is_known_of() -> None:
    block = """type: notice
content: {text: "  ", href: /start}
external: true
coverage_opt_out: ["*"]
variants:
  here: {when: 'known(tools)', content: {text: Hello}}
"""
    kind = """schema: {type: object, properties: {text: {type: string}, href: {type: string}}}
template: "{% if content.text %}<p>{{ content.text }}</p>{% endif %}"
"""
    ((place, message),) = warnings(blocks__note=block, block_types__notice=kind)
    assert place == "blocks/note.yaml:content"
    assert message.startswith("Visitors of whom nothing is known see nothing here")
    assert warnings(blocks__note=block.replace('"  "', "Hi"), block_types__notice=kind) == []


def test_the_catalogue_says_where_an_attribute_is_used() -> None:
    workspace, _ = check(SCAFFOLD)
    assert workspace is not None
    entries = {entry.name: entry for entry in attribute_catalogue(workspace)}
    assert Use("audiences", "readers", "when") in entries["page_views"].uses
    assert entries["page_views"].source == "computed"
    assert any(use.kind == "industries" for use in entries["industry"].uses)
    (entry,) = attribute_catalogue(Workspace(attributes={"x": Attribute(name="x", expires="9d")}))
    assert (entry.unused, entry.expires, entry.label) == (True, "9d", "x")
    assert entry.freshness == "on change"
    assert entries["page_views"].freshness == "real time"


def test_an_attribute_changes_in_one_of_three_ways() -> None:
    files = {**SCAFFOLD}
    files["attributes.yaml"] += "\nplan: {type: string, kept_for: us, freshness: dayly}\n"
    _, (fault,) = check(files)
    assert (fault.path, fault.value) == ("plan.freshness", "dayly")
    assert fault.hint == "Did you mean 'daily'?"
