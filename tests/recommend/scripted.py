"""Pipelines whose recommenders say what a test wants them to, over catalogues made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from persx.audience.program import Program
from persx.audience.schema import Schema
from persx.model.attribute import Attribute, ValueType
from persx.model.clock import DAY
from persx.model.item import Item, ItemId
from persx.model.pipeline import Pipeline, PipelineSource, RankingRule
from persx.model.workspace import Workspace
from persx.recommend.artifact import ArrayFile, Manifest, Trained, TrainedSource
from persx.recommend.catalogue import NO_CATALOGUE, Catalogue
from persx.recommend.interactions import Interactions
from persx.recommend.query import NOTHING, Candidates, Query
from persx.recommend.ranking.plan import PipelinePlan, compile_pipeline
from persx.recommend.ranking.prepared import Prepared, prepare
from persx.recommend.ranking.rank import Ranked
from persx.recommend.recommenders.kind import Arrays, Progress, silent
from persx.workspace.ranking_rules import ranking_schema

NOW = 1_000 * DAY


class ScriptedConfig(msgspec.Struct, frozen=True):
    """It has no options."""


class Scripted:
    """Says the items and scores of its arrays, whatever the query; `because` where it has one."""

    description = "Says what it was told."
    config = ScriptedConfig

    def __init__(self, name: str = "scripted") -> None:
        self.name = name

    def memory(self, data: Interactions, config: Any) -> int:
        return 0

    def fit(self, data: Interactions, config: Any, progress: Progress = silent) -> Arrays:
        return {}

    def rank(self, arrays: Arrays, config: Any, query: Query, limit: int) -> Candidates:
        items, scores = arrays["items"], arrays["scores"]
        best = np.argsort(-scores, kind="stable")[:limit]
        because = arrays["because"][best] if "because" in arrays else None
        return Candidates(items[best], scores[best], because)


def item(id: str, **facts: Any) -> Item:
    return Item(id=ItemId(id), title=id.title(), **facts)


def catalogue_of(*items: Item) -> Catalogue:
    return NO_CATALOGUE.changed({each.id: each for each in items}, revision=1)


def pipeline(*rules: RankingRule, sources: int = 1, fillers: int = 0, **fields: Any) -> Pipeline:
    """A pipeline of so many scripted sources, called s0, s1, …, and fillers f0, f1, …."""
    return Pipeline(
        name="list",
        sources=(
            *(PipelineSource(recommender=f"s{place}") for place in range(sources)),
            *(PipelineSource(recommender=f"f{place}", fill=True) for place in range(fillers)),
        ),
        rules=rules,
        **fields,
    )


ATTRIBUTES = {
    "plan": Attribute(name="plan"),
    "orders": Attribute(name="orders", type=ValueType.NUMBER),
}


def plan_of(document: Pipeline) -> PipelinePlan:
    workspace = Workspace(pipelines={document.name: document}, attributes=ATTRIBUTES)
    schema = ranking_schema(workspace, Schema(ATTRIBUTES))
    return compile_pipeline(document, Program(schema, {}), ATTRIBUTES)


def trained(
    document: Pipeline,
    ids: Sequence[str],
    said: Sequence[Mapping[str, float]],
    because: Mapping[str, str] | None = None,
) -> Trained:
    """A pipeline whose sources say these scores, in the order of the document."""
    codes = {id: code for code, id in enumerate(ids)}
    sources = []
    for source, scores in zip(document.sources, said, strict=True):
        arrays: dict[str, Any] = {
            "items": np.array([codes[id] for id in scores], dtype=np.int32),
            "scores": np.array(list(scores.values()), dtype=np.float32),
        }
        if because is not None:
            arrays["because"] = np.array(
                [codes.get(because.get(id, ""), NOTHING) for id in scores], dtype=np.int32
            )
        sources.append(TrainedSource(Scripted(source.recommender), ScriptedConfig(), arrays))
    manifest = Manifest(
        pipeline=document, ids=ArrayFile(file="ids.json", bytes=0, digest=""), sources=()
    )
    return Trained(manifest, 1, ids, sources)


def ready(
    document: Pipeline,
    catalogue: Catalogue,
    *said: Mapping[str, float],
    because: Mapping[str, str] | None = None,
) -> Prepared:
    """A pipeline over a catalogue, whose sources say these scores."""
    ids = [each.id for each in catalogue.items if each is not None]
    return prepare(plan_of(document), catalogue, trained(document, ids, said, because))


def ids_of(prepared: Prepared, found: Sequence[Ranked]) -> list[str]:
    items = prepared.catalogue.items
    return [each.id for ranked in found if (each := items[ranked.item]) is not None]
