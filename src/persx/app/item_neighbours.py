"""Neighbours: what each pipeline shows beside an item, whether it knows the item, and shows it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from persx.app.item_language import chain_of, in_words_of
from persx.app.plans import current_plan
from persx.app.recommending import RecommendRequest, recommend
from persx.app.services import Services
from persx.content.blocks.recommendations import RECOMMENDATIONS
from persx.decide.plan import Plan
from persx.model.item import Item, ItemId
from persx.model.visitor import Profile
from persx.recommend.query import NOTHING
from persx.recommend.ranking.closed import Closed, bars
from persx.recommend.ranking.plan import PipelinePlan
from persx.recommend.ranking.prepared import Prepared
from persx.recommend.result import Recommendations
from persx.recommend.words import said, why_words

BESIDE: Final = 6


class Knows(StrEnum):
    """What a pipeline learned of an item."""

    NOTHING_YET = "nothing_yet"
    """Nothing is trained: the newest items are shown."""
    TRAINED = "trained"
    """It was among what the served training learned from."""
    COMPARED = "compared"
    """It came later; it is compared by what it is like, until the next training."""
    WAITING = "waiting"
    """It waits for the next training."""


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """An item that is shown beside another, and why, in words."""

    item: Item
    reason: str
    source: str


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What one pipeline has to do with an item.

    Attributes:
        blocks: Blocks that recommend by it.
        artifact: Number of the training that recommends; 0 where there is none.
        anchored: What is shown depends on the item whose page it is.
        items: What it shows on the item's page to somebody of whom nothing is known.
        closed: Why it does not show the item itself.
        error: What went wrong in the ranking; empty where nothing did.
    """

    pipeline: str
    label: str
    blocks: tuple[str, ...]
    artifact: int
    knows: Knows
    anchored: bool
    items: tuple[Neighbour, ...] = ()
    closed: tuple[Closed, ...] = ()
    error: str = ""

    @property
    def open(self) -> bool:
        """Whether the pipeline may show the item to somebody."""
        return not any(each.for_all for each in self.closed)


async def beside_item(services: Services, id: ItemId) -> Sequence[Beside]:
    """Return what each pipeline shows beside an item now; nothing of it is logged.

    Raises:
        Unavailable: Nothing is published yet.
    """
    plan = current_plan(services)
    return [await _beside(services, plan, each, id) for each in plan.pipelines.values()]


async def _beside(services: Services, plan: Plan, pipeline: PipelinePlan, id: ItemId) -> Beside:
    catalogue = await services.current_catalogue()
    prepared = services.prepared.of(pipeline, catalogue, services.models.recommenders)
    code = catalogue.codes.get(id, NOTHING)
    found, anchored, error = None, False, ""
    try:
        found = await _listed(services, plan, pipeline, anchor=id)
        anywhere = await _listed(services, plan, pipeline, exclude=(id,))
        anchored = [each.item.id for each in found.items] != [
            each.item.id for each in anywhere.items
        ]
    except Exception as problem:
        # As on the site: one pipeline's failure is told, and keeps nothing else from being shown.
        error = f"{type(problem).__name__}: {problem}"
    words = why_words(plan.workspace.settings.default_locale)
    chain = chain_of(plan, "")
    shown = in_words_of(found, catalogue, chain).items if found is not None else ()
    return Beside(
        pipeline=pipeline.name,
        label=pipeline.pipeline.label or pipeline.name,
        blocks=tuple(_blocks(plan, pipeline.name)),
        artifact=prepared.trained.number if prepared.trained is not None else 0,
        knows=_knows(prepared, id),
        anchored=anchored,
        items=tuple(
            Neighbour(item=each.item, reason=said(each.why, words), source=each.source)
            for each in shown
        ),
        closed=tuple(bars(prepared, code)) if code != NOTHING else (),
        error=error,
    )


async def _listed(
    services: Services,
    plan: Plan,
    pipeline: PipelinePlan,
    anchor: str = "",
    exclude: tuple[str, ...] = (),
) -> Recommendations:
    request = RecommendRequest(
        pipeline=pipeline.name, count=BESIDE, anchor=anchor, exclude=exclude, generic=True
    )
    return await recommend(services, Profile(storable=False), request, plan=plan)


def _knows(prepared: Prepared, id: ItemId) -> Knows:
    if prepared.trained is None:
        return Knows.NOTHING_YET
    if id in prepared.trained.codes:
        return Knows.TRAINED
    newcomers = prepared.newcomers
    if newcomers is not None and newcomers.code(id) != NOTHING:
        return Knows.COMPARED
    return Knows.WAITING


def _blocks(plan: Plan, pipeline: str) -> list[str]:
    """Return the blocks whose own content, or a variant's, recommends by a pipeline."""
    return [
        name
        for name, block in sorted(plan.blocks.items())
        if block.type == RECOMMENDATIONS.name
        and any(each.get("pipeline") == pipeline for each in block.texts[""].contents if each)
    ]
