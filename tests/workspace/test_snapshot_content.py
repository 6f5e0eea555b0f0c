"""Canonical JSON, digests, effective attributes, coverage and the difference of two workspaces."""

from __future__ import annotations

import json
import random
import unicodedata
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.model.attribute import Source
from persx.model.workspace import Workspace
from persx.visitors.preferences import preferences
from persx.visitors.touched import TOUCHES
from persx.workspace.coverage import coverage
from persx.workspace.documents import parse, read_folder
from persx.workspace.history import changes
from persx.workspace.snapshot import canonical, digest, effective_attributes, schema

FILES = read_folder(Path(__file__).parents[1] / "testdata" / "workspaces" / "shop")


def parsed(files: dict[str, str]) -> Workspace:
    """The workspace of files without faults."""
    workspace, faults = parse(files)
    assert faults == []
    assert workspace is not None
    return workspace


SHOP = parsed(FILES)


def shuffled(value: Any, rng: random.Random, *, ordered: bool = False) -> Any:
    """The same value with the keys of all maps in another order, where order has no meaning."""
    if isinstance(value, dict):
        keys = list(value)
        if not ordered:
            rng.shuffle(keys)
        # The order of variants and arms is the order in which they are chosen.
        return {key: shuffled(value[key], rng, ordered=key in ("variants", "arms")) for key in keys}
    return [shuffled(item, rng) for item in value] if isinstance(value, list) else value


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_canonical_json_is_stable_under_the_order_of_keys(rng: random.Random) -> None:
    files = {
        path: yaml.safe_dump(
            shuffled(yaml.safe_load(text.replace(" 00:00", "T00:00:00")), rng),
            sort_keys=False,
            allow_unicode=True,
        )
        for path, text in FILES.items()
        if path != "blocks/home/hero.yaml"
    }
    files["blocks/home/hero.yaml"] = FILES["blocks/home/hero.yaml"]
    assert canonical(parsed(files)) == canonical(SHOP)


def test_canonical_json_is_sorted_and_has_no_whitespace() -> None:
    data = canonical(SHOP)
    again = json.dumps(
        json.loads(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
    assert data == again
    assert len(digest(data)) == 64


def test_canonical_json_is_read_back_as_the_same_workspace() -> None:
    workspace = msgspec.json.decode(canonical(SHOP), type=Workspace)
    assert workspace == SHOP
    assert canonical(workspace) == canonical(SHOP)


def test_what_looks_the_same_has_the_same_digest() -> None:
    decomposed = {path: unicodedata.normalize("NFD", text) for path, text in FILES.items()}
    assert decomposed != FILES
    assert canonical(parsed(decomposed)) == canonical(SHOP)


def test_the_order_of_variants_matters() -> None:
    hero = SHOP.blocks["hero"]
    turned = msgspec.structs.replace(hero, variants=tuple(reversed(hero.variants)))
    other = msgspec.structs.replace(SHOP, blocks={**SHOP.blocks, "hero": turned})
    assert canonical(other) != canonical(SHOP)


def test_counts_in_rules_become_attributes_and_lists_become_values() -> None:
    attributes = effective_attributes(SHOP)
    count = attributes['count("Order Completed", "30d")']
    assert count.source is Source.COMPUTED
    assert attributes["industry"].values == ("eCommerce", "Financial Services")
    preferred = preferences(SHOP.questions)
    # It has a pipeline, whose recommendations follow from what visitors did with items.
    assert set(attributes) == {*SHOP.attributes, count.name, *preferred, TOUCHES}


def test_rules_may_name_the_personas_and_locales_of_the_workspace() -> None:
    known = schema(SHOP)
    assert known.values("persona") == ("eCommerce-Growth",)
    assert known.values("locale") == ("en", "de", "de-AT")
    assert known.audiences == {"big-carts", "regulars"}


def test_coverage_is_what_a_visitor_of_the_industry_gets() -> None:
    cells = {
        (cell.block, cell.industry): (cell.variant, cell.opted_out, cell.missing)
        for cell in coverage(SHOP)
    }
    assert cells == {
        ("hero", "eCommerce"): ("shops", False, False),
        ("hero", "Financial Services"): ("banks", False, False),
        ("note", "eCommerce"): (None, True, False),
        ("note", "Financial Services"): (None, True, False),
    }


@pytest.mark.parametrize(
    ("rule", "covered"),
    [
        ('industry in ["eCommerce", "Financial Services"]', True),
        ('industry != "Financial Services"', True),
        ("known(industry)", True),
        ("", True),
        ('industry == "eCommerce" and not known(cart.value)', True),
        ('industry == "eCommerce" and returning', False),
        ('in_audience("big-carts")', False),
    ],
)
def test_coverage_is_decided_by_the_rule_not_by_names(rule: str, covered: bool) -> None:
    text = FILES["blocks/home/hero.yaml"].replace(
        """when: industry == "eCommerce\"""", f"when: {json.dumps(rule)}"
    )
    workspace = parsed({**FILES, "blocks/home/hero.yaml": text})
    (cell,) = [
        cell for cell in coverage(workspace) if (cell.block, cell.industry) == ("hero", "eCommerce")
    ]
    assert (cell.variant == "shops") is covered


def test_a_variant_for_a_week_does_not_cover() -> None:
    text = FILES["blocks/home/hero.yaml"].replace(
        "  shops:\n", "  shops:\n    schedule: {end: 2030-01-01 00:00}\n"
    )
    workspace = parsed({**FILES, "blocks/home/hero.yaml": text})
    assert any(cell.missing for cell in coverage(workspace))


def test_changes_name_the_documents_that_differ() -> None:
    goals = FILES["goals.yaml"].replace("value: revenue", "value: total")
    files = {**FILES, "goals.yaml": goals, "settings.yaml": FILES["settings.yaml"] + "footer: x\n"}
    files["pages/more.yaml"] = "path: /more\ntitle: More\nblocks: [note]\n"
    del files["experiments/hero-text.yaml"]
    assert [str(change) for change in changes(SHOP, parsed(files))] == [
        "changed settings",
        "changed goals/order",
        "added pages/more",
        "removed experiments/hero-text",
    ]
    assert changes(SHOP, SHOP) == ()
