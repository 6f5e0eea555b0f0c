"""Exploration: what a pipeline would bring if it explored another share, by lists as seen."""

from __future__ import annotations

import contextlib
from typing import Final

import msgspec
import numpy as np

from persx.app.clicking import PAGE_DAYS
from persx.app.plans import current_plan
from persx.app.recommending import pipeline_of
from persx.app.services import Services
from persx.app.use_cases import UseCase
from persx.decide.list_receipt import LoggedAnswer
from persx.decide.receipt import LoggedList
from persx.experiments.log_tables import goal_tables
from persx.experiments.off_policy.lists import (
    CLIP,
    NEAR,
    ListsEvaluation,
    SeenLists,
    evaluate_lists,
)
from persx.experiments.sql import query
from persx.experiments.statistics.interval import CONFIDENCE
from persx.model.clock import DAY, Millis
from persx.model.errors import Unreadable
from persx.storage.scope import System

_SCOPE: Final = System("off-policy evaluation")


class ExplorationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Another share of places that a pipeline would explore.

    Attributes:
        explore: From 0 (none) to below 1.
        days: Lists of so many days; of all where it is 0.
        clip: No list counts more than so many times.
    """

    pipeline: str
    explore: float = 0.0
    days: int = 0
    clip: float = CLIP
    confidence: float = CONFIDENCE


class Exploration(msgspec.Struct, frozen=True, kw_only=True):
    """What the log tells of that.

    Attributes:
        explores_now: The share that the served pipeline explores.
        waiting: Visitors whose list is too young to tell.
        lost: Visitors whose list the decision log or its snapshot does not have any more.
        simulated: There are simulated visitors in this home.
    """

    pipeline: str
    explores_now: float
    lists: ListsEvaluation
    waiting: int = 0
    lost: int = 0
    simulated: bool = False


Place = tuple[float, bool]
"""The probability of an item at its place, and whether chance gave it that."""


async def exploration(services: Services, request: ExplorationRequest) -> Exploration:
    """Estimate which share of a pipeline's lists would be clicked if it explored another share.

    Each visitor's first list counts, and whether an item of it was clicked within a day.

    Raises:
        NotFound: There is no such pipeline.
        BadInput: The share or the clip cannot be.
        Unavailable: Nothing is published yet.
    """
    await services.refresh()
    pipeline = pipeline_of(current_plan(services), request.pipeline)
    now = services.clock()
    window = PAGE_DAYS * DAY
    tables = goal_tables([], await services.store.seen_by(_SCOPE).bucketing_ids())
    rows = await services.warehouse.seen_by(_SCOPE).query(
        query("lists_seen"),
        {
            "pipeline": pipeline.name,
            "since": now - request.days * DAY if request.days else 0,
            "until": now - window,
            "window": window,
        },
        tables={"bucketing": tables["bucketing"]},
    )
    shares = _Shares(services, pipeline.name)
    seen: list[tuple[list[Place], float, bool]] = []
    waiting = lost = 0
    for over, block, snapshot, recommended, clicks in rows.rows:
        if not over:
            waiting += 1
            continue
        places = logged_places(recommended, str(block), pipeline.name)
        share = await shares.of(int(snapshot or 0))
        if places is None or share is None:
            lost += 1
        else:
            seen.append((places, share, clicks > 0))
    return Exploration(
        pipeline=pipeline.name,
        explores_now=pipeline.pipeline.explore,
        lists=evaluate_lists(
            _arrays(seen), request.explore, clip=request.clip, confidence=request.confidence
        ),
        waiting=waiting,
        lost=lost,
        simulated=services.simulation is not None,
    )


def logged_places(recommended: str | None, block: str, pipeline: str) -> list[Place] | None:
    """Return the places of a list as a line of the decision log has it; none where it has not.

    Args:
        recommended: JSON of the line's lists by block, or of the one that was asked for, which who
            shows it may give any block's name.
    """
    if recommended is None:
        return None
    with contextlib.suppress(msgspec.DecodeError):
        asked = msgspec.json.decode(recommended, type=LoggedAnswer)
        same = asked.pipeline == pipeline
        return [(each.propensity, each.tried) for each in asked.items] if same else None
    try:
        lists = msgspec.json.decode(recommended, type=dict[str, LoggedList])
    except msgspec.DecodeError:
        return None
    found = lists.get(block)
    if found is None or found.pipeline != pipeline:
        return None
    return [(each.propensity, each.explored) for each in found.items]


def _arrays(seen: list[tuple[list[Place], float, bool]]) -> SeenLists:
    longest = max((len(places) for places, _, _ in seen), default=0)
    propensity = np.ones((len(seen), longest))
    explored = np.zeros((len(seen), longest), dtype=np.bool_)
    for row, (places, share, _) in enumerate(seen):
        for at, (chance, tried) in enumerate(places):
            propensity[row, at] = chance
            # Lines of earlier versions do not say it, but their probabilities do.
            explored[row, at] = tried or (chance < 1 and abs(chance - (1 - share)) > NEAR)
    return SeenLists(
        propensity,
        explored,
        np.array([share for _, share, _ in seen], dtype=np.float64),
        np.array([clicked for _, _, clicked in seen], dtype=np.float64),
    )


class _Shares:
    """The shares of places that a pipeline explored, by the snapshot that served it."""

    def __init__(self, services: Services, pipeline: str) -> None:
        self._services, self._pipeline = services, pipeline
        self._kept: dict[int, float | None] = {}

    async def of(self, number: Millis) -> float | None:
        if number not in self._kept:
            try:
                snapshot = await self._services.store.snapshot(number) if number else None
            except Unreadable:
                snapshot = None
            pipelines = snapshot.workspace.pipelines if snapshot is not None else {}
            found = pipelines.get(self._pipeline)
            self._kept[number] = None if found is None else found.explore
        return self._kept[number]


EXPLORATION: Final = UseCase(
    "recommend-exploration", ExplorationRequest, Exploration, exploration, writes=False
)
