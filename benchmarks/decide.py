"""Deciding in process: 6 blocks of 5 variants, 20 audiences, 30 attributes, beside GrowthBook."""

from __future__ import annotations

import random
from typing import Any

import msgspec
from growthbook import GrowthBook

from benchmarks.measurement import Measurement, interleaved
from persx.decide.compilation import compile_snapshot
from persx.decide.engine import decide
from persx.decide.learned import bound
from persx.decide.plan import Plan
from persx.experiments.probabilities import Cell, Probabilities
from persx.model.attribute import Attribute, ValueType
from persx.model.decision import Reason
from persx.model.learning import LearnSettings
from persx.model.visitor import Profile
from persx.model.workspace import (
    Audience,
    Block,
    HoldoutSettings,
    Page,
    Policy,
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
    learning = compiled(learned(space))
    drawing = bound(learning, {"block0": (1, alike_often(learning))})
    learning_page = learning.pages["page"]

    def draws() -> None:
        for visitor in visitors:
            decide(learning, learning_page, visitor, context, NOW, learned=drawing)

    drawn = sum(
        decide(learning, learning_page, visitor, context, NOW, learned=drawing).decisions[0].reason
        is Reason.LEARNED
        for visitor in visitors
    )
    # A small difference of two times: of turns side by side, and of many of them.
    more = interleaved(draws, ours, rounds=151)
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
        Measurement(
            name="decide, a block that learns",
            value=(more.ratio - 1) * more.b / len(visitors) * 1e6,
            unit="µs",
            note=f"more for the page where one of its {BLOCKS} blocks learns among {VARIANTS} "
            f"variants, by two attributes; {drawn} of {len(visitors)} visitors are drawn one",
        ),
    ]


def learned(space: Workspace) -> Workspace:
    """Return the workspace with a first block that learns, all of its variants eligible."""
    block = space.blocks["block0"]
    variants = tuple(msgspec.structs.replace(each, when="") for each in block.variants)
    learns = msgspec.structs.replace(
        block,
        variants=variants,
        policy=Policy.LEARN,
        learn=LearnSettings(goal="", by=("text0", "text1")),
    )
    return msgspec.structs.replace(space, blocks={**space.blocks, "block0": learns})


def alike_often(plan: Plan) -> Probabilities:
    """Return probabilities with a cell for every context."""
    names = plan.blocks["block0"].names[:-1]
    shares = {name: 1 / len(names) for name in names}
    return Probabilities(
        block="block0",
        learner="",
        by=("text0", "text1"),
        exploration=0.1,
        lanes={name: lane for lane, name in enumerate(names)},
        overall=Cell(context=(), shares=shares),
        cells=tuple(
            Cell(context=(one, other), shares=shares) for one in INDUSTRIES for other in INDUSTRIES
        ),
    )


def compiled(space: Workspace) -> Plan:
    """Return the workspace as a plan."""
    return compile_snapshot(
        Snapshot(number=1, digest="", published=0, author="", message="", workspace=space)
    )
