"""The guide on shops: what it shows can be published, and the demo has its rules word for word."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from persx.demo import demo_folder
from persx.workspace.documents import read_folder
from persx.workspace.validation import check

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "shop.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
DEMO = read_folder(demo_folder("shop"))


def test_the_two_rules_are_those_of_the_demo() -> None:
    workspace, _ = check(DEMO)
    assert workspace is not None
    rules = {
        variant.name: variant.when
        for block in workspace.blocks.values()
        for variant in block.variants
    }
    shown = [yaml.safe_load(text) for text in SNIPPETS if "content:" in text]
    assert len(shown) == 2
    for variants in shown:
        for name, variant in variants.items():
            assert rules[name] == variant["when"]
            assert len(variant) <= 3, "each rule is four lines"


def test_its_attributes_can_be_published_with_its_rules() -> None:
    attributes = "".join(text for text in SNIPPETS if "source:" in text)
    files = {
        "settings.yaml": "name: Shop",
        "attributes.yaml": attributes,
        "pages/home.yaml": "path: /\ntitle: Home\nblocks: [picks, delivery]",
        "blocks/picks.yaml": """
type: products
content:
  headline: Picks
  products: [{id: a, name: A, price: 1, category: Running accessories, href: /a}]
variants:
"""
        + SNIPPETS[0],
        "blocks/delivery.yaml": """
type: progress_bar
content: {label: Delivery, attribute: cart.value, goal: 150, message: So far, done_message: Free}
variants:
"""
        + SNIPPETS[1],
    }
    workspace, faults = check(files)
    assert [fault for fault in faults if fault.severity == "error"] == []
    assert workspace is not None
    assert workspace.attributes["customer.stage"].cases[-1].name == "anonymous"


def test_copies_of_a_product_agree() -> None:
    workspace, _ = check(DEMO)
    assert workspace is not None
    seen: dict[str, tuple[object, ...]] = {}
    shelves = 0
    for block in workspace.blocks.values():
        products = block.content.get("products", [block.content] if block.type == "product" else [])
        for product in products:
            said = tuple(product.get(key) for key in ("name", "price", "was", "category", "art"))
            assert seen.setdefault(product["id"], said) == said, product["id"]
            shelves += 1
            if "href" in product:
                assert product["href"] == f"/products/{product['id']}"
    assert len(seen) == 36
    assert shelves > 100


def test_every_text_of_the_demo_is_german_too() -> None:
    workspace, _ = check(DEMO)
    assert workspace is not None
    for name, block in workspace.blocks.items():
        german = {**block.locales.get("de", {})}
        words = {"headline", "intro", "text", "eyebrow", "label", "message", "empty", "thanks"}
        assert words & block.content.keys() <= german.keys(), name
        for variant in block.variants:
            texts = words & variant.content.keys()
            assert texts <= variant.locales.get("de", {}).keys(), f"{name}: {variant.name}"
    for attribute in workspace.attributes.values():
        assert attribute.locales["de"].label, attribute.name
