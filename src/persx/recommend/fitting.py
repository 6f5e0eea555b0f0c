"""Fitting a pipeline: each of its sources to interactions, written down as soon as it is done."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from persx.model.errors import BadInput
from persx.model.item import Item
from persx.model.pipeline import Pipeline, PipelineSource
from persx.recommend.artifact import Building, FittedSource, TrainedSource
from persx.recommend.content_index import content_index, index_memory
from persx.recommend.interactions import Interactions
from persx.recommend.recommenders import RECOMMENDERS
from persx.recommend.recommenders.content import CONTENT, ContentConfig
from persx.recommend.recommenders.kind import Progress, by_neighbours, silent

Told = Callable[[float, str], None]
"""Told the share of a pipeline's work that is done, 0 to 1, and which recommender is at work."""


INDEX: Final = {"least": 0.15}
"""How newcomers are compared where no source of the pipeline says it: what shares less than a
category, or some rare words, is not called alike."""


class Fitted(NamedTuple):
    """What was fitted for a pipeline: its sources, and what newcomers are compared with."""

    sources: tuple[FittedSource, ...]
    alike: FittedSource | None


def bytes_of(data: Interactions) -> int:
    """Return the bytes of interactions."""
    columns = data.users, data.items, data.times, data.sessions, data.actions
    return sum(int(each.nbytes) for each in columns) + sum(
        each.nbytes for each in data.contexts.values()
    )


def memory_of(pipeline: Pipeline, data: Interactions) -> int:
    """Return about how many bytes fitting takes at most, with the interactions.

    Raises:
        BadInput: A source's options cannot be read.
    """
    own = bytes_of(data)
    most = 0
    for source in pipeline.sources:
        part = data.of(source.actions)
        copied = 0 if part is data else bytes_of(part)
        recommender = RECOMMENDERS[source.recommender]
        most = max(most, copied + recommender.memory(part, config_of(source)))
    if needs_index(pipeline):
        most = max(most, index_memory(data.item_count))
    return own + most


def needs_index(pipeline: Pipeline) -> bool:
    """Tell whether an index of what items are made of is written beside what is fitted.

    It is where a source tells of neighbours, unless one of them is `content`, which has its own.
    """
    names = [source.recommender for source in pipeline.sources]
    return (
        pipeline.newcomers
        and CONTENT.name not in names
        and any(by_neighbours(RECOMMENDERS[name]) for name in names)
    )


def alike_of(items: Sequence[Item | None], progress: Progress = silent) -> TrainedSource:
    """Return what newcomers to some items are compared with, by their codes."""
    config = msgspec.convert(INDEX, ContentConfig)
    return TrainedSource(CONTENT, config, content_index(items, config.weights, progress))


def config_of(source: PipelineSource) -> Any:
    """Return a source's options, as its recommender knows them.

    Raises:
        BadInput: One is unknown, or not what it should be.
    """
    try:
        return msgspec.convert(source.config, RECOMMENDERS[source.recommender].config)
    except msgspec.ValidationError as error:
        raise BadInput(
            f"The options of '{source.recommender}' cannot be used: {error}.", value=source.config
        ) from None


def key_of(pipeline: Pipeline, data: Interactions) -> str:
    """Return what is the same where the same sources are fitted to the same data."""
    digest = hashlib.sha256(msgspec.json.encode(pipeline.sources, order="sorted"))
    for array in (data.users, data.items, data.times, data.actions, *data.contexts.values()):
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    digest.update(msgspec.json.encode(list(data.ids)))
    digest.update(msgspec.json.encode(dict(data.catalogue), order="sorted"))
    return f"{pipeline.name} {digest.hexdigest()}"


def fit(
    pipeline: Pipeline, data: Interactions, building: Building, told: Told | None = None
) -> Fitted:
    """Fit all sources of a pipeline; what was fitted before a crash is taken as it is.

    Args:
        building: For the `key_of` this work.
    """
    sources = list(pipeline.sources)
    indexing = needs_index(pipeline)
    if indexing:
        sources.append(PipelineSource(recommender=CONTENT.name, config=INDEX))
    found = []
    for place, source in enumerate(sources):

        def progress(share: float, place: int = place, name: str = source.recommender) -> None:
            if told is not None:
                told((place + share) / len(sources), name)

        kept = building.kept(place)
        if kept is None:
            if indexing and place == len(sources) - 1:
                arrays = alike_of([data.catalogue.get(id) for id in data.ids], progress).arrays
            else:
                recommender = RECOMMENDERS[source.recommender]
                arrays = recommender.fit(data.of(source.actions), config_of(source), progress)
            kept = building.keep(place, source.recommender, source.config, arrays)
        found.append(kept)
        progress(1.0)
    alike = found.pop() if indexing else None
    return Fitted(tuple(found), alike)
