"""Trained pipelines for tests, written as training writes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from persx.app.services import Services
from persx.model.artifact import RECOMMENDER, Origin
from persx.model.pipeline import Pipeline, PipelineSource
from persx.recommend.artifact import Building, TrainedOn
from persx.recommend.interactions import Interactions
from persx.recommend.recommenders import RECOMMENDERS


def a_pipeline(name: str = "popular", recommender: str = "popularity") -> Pipeline:
    return Pipeline(name=name, sources=(PipelineSource(recommender=recommender),))


def some_interactions(ids: Sequence[str]) -> Interactions:
    """Who touched which of some items: one visitor the first, two the second, and so on."""
    pairs = sorted((user, item) for item in range(len(ids)) for user in range(item + 1))
    users = np.array([user for user, _ in pairs], dtype=np.int32)
    return Interactions(
        users=users,
        items=np.array([item for _, item in pairs], dtype=np.int32),
        times=np.zeros(len(pairs), dtype=np.int64),
        sessions=users,
        actions=np.zeros(len(pairs), dtype=np.uint8),
        ids=ids,
        user_count=len(ids),
    )


async def put_trained(
    services: Services, *ids: str, pipeline: Pipeline | None = None, activate: bool = True
) -> int:
    """Keep an artifact of a pipeline, trained on what `some_interactions` says of some items."""
    pipeline = pipeline or a_pipeline()
    data = some_interactions(ids)
    building = Building(services.recommender_folder.path, f"{pipeline.name} {ids}")
    fitted = []
    for place, source in enumerate(pipeline.sources):
        recommender = RECOMMENDERS[source.recommender]
        arrays = recommender.fit(data, recommender.config())
        fitted.append(building.keep(place, source.recommender, source.config, arrays))
    body = building.finish(pipeline, ids, fitted, TrainedOn(items=len(ids)))
    number = await services.artifacts.put(
        RECOMMENDER, pipeline.name, body, origin=Origin(made=services.clock()), meta={}
    )
    if activate:
        await services.artifacts.activate(RECOMMENDER, pipeline.name, number, now=services.clock())
    return number
