"""Deciding in process: 6 blocks of 5 variants, 20 audiences, 30 attributes, beside GrowthBook."""

from __future__ import annotations

import random
from typing import Any

from growthbook import GrowthBook

from benchmarks.measurement import Measurement, interleaved
from persx.decide.compilation import compile_snapshot
from persx.decide.engine import decide
from persx.decide.plan import Plan
from persx.model.attribute import Attribute, ValueType
from persx.model.visitor import Profile
from persx.model.workspace import (
    Audience,
    Block,
    HoldoutSettings,
    Page,
    Settings,
    Snapshot,
    Variant,
    Workspace,
)

BLOCKS, VARIANTS, AUDIENCES, ATTRIBUTES = 6, 5, 20, 30
INDUSTRIES = ("eCommerce", "Healthcare", "SaaS", "Financial Services", "Education")
NOW = 1_790_000_000_000


def workspace(holdout: float) -> Workspace:
    """Return the workspace that is measured, with this share held out."""
    attributes = {
        f"text{n}": Attribute(name=f"text{n}", values=INDUSTRIES) for n in range(ATTRIBUTES // 2)
    } | {
        f"number{n}": Attribute(name=f"number{n}", type=ValueType.NUMBER)
        for n in range(ATTRIBUTES // 2)
    }
    audiences = {
        f"audience{n}": Audience(
            name=f"audience{n}",
            when=f'text{n % 15} == "{INDUSTRIES[n % 5]}" and number{n % 15} > {n * 4}',
        )
        for n in range(AUDIENCES)
    }
    blocks = {
        f"block{b}": Block(
            name=f"block{b}",
            type="cta",
            content={"headline": "Default", "label": "Go", "href": "/contact"},
            variants=tuple(
                Variant(
                    name=f"variant{v}",
                    when=f'in_audience("audience{(b * VARIANTS + v) % AUDIENCES}")'
                    if v % 2
                    else f'text{(b + v) % 15} == "{INDUSTRIES[v]}" and number{v} > {10 * b}',
                    content={"headline": f"Variant {v}"},
                )
                for v in range(VARIANTS)
            ),
        )
        for b in range(BLOCKS)
    }
    page = Page(name="page", path="/", title="Page", blocks=tuple(blocks))
    return Workspace(
        settings=Settings(holdout=HoldoutSettings(share=holdout)),
        attributes=attributes,
        audiences=audiences,
        blocks=blocks,
        pages={"page": page},
    )


def profiles(count: int) -> list[Profile]:
    """Return visitors who know 30 attributes each."""
    draw = random.Random(7)
    return [
        Profile(
            identities=(),
            bucketing_id=f"a:visitor-{n}",
            attributes={f"text{i}": draw.choice(INDUSTRIES) for i in range(ATTRIBUTES // 2)}
            | {f"number{i}": draw.uniform(0, 100) for i in range(ATTRIBUTES // 2)},
        )
        for n in range(count)
    ]


def growthbook_features(space: Workspace) -> dict[str, Any]:
    """Return the same targeting as GrowthBook features: a forced value for each variant."""

    def condition(rule: str) -> dict[str, Any]:
        if rule.startswith("in_audience"):
            rule = space.audiences[rule.split('"')[1]].when
        text, number = rule.split(" and ")
        name, value = text.split(" == ")
        other, limit = number.split(" > ")
        return {name: value.strip('"'), other: {"$gt": float(limit)}}

    return {
        block.name: {
            "defaultValue": "default",
            "rules": [
                {"condition": condition(variant.when), "force": variant.name}
                for variant in block.variants
            ],
        }
        for block in space.blocks.values()
    }


def main() -> list[Measurement]:
    """Measure a page's decisions, and the same targeting beside GrowthBook's SDK."""
    visitors = profiles(200)
    context = {"page.path": "/", "device": "phone", "locale": "en"}
    space = workspace(holdout=0.1)
    plan = compiled(space)
    page = plan.pages["page"]
    # The peer has no holdout: without ours, both do the same.
    alike = compiled(workspace(holdout=0.0))
    alike_page = alike.pages["page"]
    features = growthbook_features(space)
    growthbook = GrowthBook(features=features)

    def ours() -> None:
        for visitor in visitors:
            decide(plan, page, visitor, context, NOW)

    def targeting() -> None:
        for visitor in visitors:
            decide(alike, alike_page, visitor, context, NOW)

    def peer() -> None:
        for visitor in visitors:
            growthbook.set_attributes({**visitor.attributes, "id": visitor.bucketing_id})
            for name in features:
                growthbook.get_feature_value(name, "default")

    for visitor in visitors:
        growthbook.set_attributes({**visitor.attributes, "id": visitor.bucketing_id})
        theirs = [growthbook.get_feature_value(name, "default") for name in features]
        own = decide(alike, alike_page, visitor, context, NOW).decisions
        if [each.variant for each in own] != theirs:
            raise RuntimeError("the two do not decide alike")
    whole = interleaved(ours, peer, rounds=15)
    times = interleaved(targeting, peer, rounds=15)
    return [
        Measurement(
            name="decide",
            value=whole.a / len(visitors) * 1e6,
            unit="µs",
            peer="GrowthBook Python SDK",
            ratio=1 / times.ratio,
            note=f"{BLOCKS} blocks × {VARIANTS} variants, {AUDIENCES} audiences, "
            f"{ATTRIBUTES} attributes; the value with our holdout on, the ratio on the same "
            "targeting, without a holdout",
        ),
        Measurement(
            name="decide, holdout on",
            value=whole.a / len(visitors) * 1e6,
            unit="µs",
            peer="GrowthBook Python SDK, which has no holdout",
            ratio=1 / whole.ratio,
        ),
        Measurement(
            name="decide, holdout off",
            value=times.a / len(visitors) * 1e6,
            unit="µs",
        ),
    ]


def compiled(space: Workspace) -> Plan:
    """Return the workspace as a plan."""
    return compile_snapshot(
        Snapshot(number=1, digest="", published=0, author="", message="", workspace=space)
    )
