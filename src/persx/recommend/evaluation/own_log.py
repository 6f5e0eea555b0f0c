"""Judging pipelines by the workspace's own log: what would have been shown, and what came after.

A pipeline is fitted to what happened before a moment, and asked about visitors who came after it,
by the same function that serves. Of each visitor there is one case: a moment within their visits,
drawn at random. What they did before it is known, what they touched after it is wanted. So cases
are independent of each other, and what is shown to whom nobody knows yet has the weight that it
has in the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from persx.model.item import ItemId
from persx.model.pipeline import Pipeline, PipelineSource
from persx.recommend.artifact import ArrayFile, Manifest, Trained, TrainedSource
from persx.recommend.catalogue import Catalogue
from persx.recommend.evaluation.metrics import RANKING, TOGETHER, Crowd, Lists, known_facts
from persx.recommend.evaluation.moments import Moment
from persx.recommend.fitting import config_of
from persx.recommend.interactions import Interactions
from persx.recommend.query import NOTHING, Codes
from persx.recommend.ranking.known import Wanted
from persx.recommend.ranking.plan import PipelinePlan
from persx.recommend.ranking.prepared import prepare
from persx.recommend.ranking.rank import rank
from persx.recommend.recommenders import RECOMMENDERS

POPULARITY: Final = PipelineSource(recommender="popularity")

_MOST_FITTED: Final = 10
"""Fitted sources that are kept for other pipelines that have them too."""

_NO_FILE: Final = ArrayFile(file="", bytes=0, digest="")


class Answers(NamedTuple):
    """How a pipeline did.

    Attributes:
        metrics: Metric and cut → (c,) of each case.
        together: Metric and cut → of all lists together; none where there is none.
    """

    metrics: dict[str, NDArray[np.float64]]
    together: dict[str, float | None]


class Bench:
    """Pipelines over one split: each source is fitted once, however many pipelines have it.

    Args:
        train: What they are fitted to.
        cases: What they are asked.
        cuts: How many places count.
        anchored: Asked as on the page of the item that was touched last.
        again: What a visitor had touched before may be shown.
    """

    def __init__(
        self,
        train: Interactions,
        cases: Sequence[Moment],
        catalogue: Catalogue,
        *,
        cuts: Sequence[int] = (10,),
        anchored: bool = False,
        again: bool = False,
    ) -> None:
        self._train, self._cases, self._catalogue = train, cases, catalogue
        self._cuts, self._anchored, self._again = cuts, anchored, again
        self._fitted: dict[bytes, TrainedSource] = {}
        self._crowds: dict[bytes, Crowd] = {}

    def asked(self, plan: PipelinePlan) -> dict[str, NDArray[np.float64]]:
        """Return each metric of each case, (c,), by name and cut."""
        return self._metrics(self._lists(plan)[0])

    def answers(self, plan: PipelinePlan) -> Answers:
        """Return each metric of each case, and those of all lists together.

        Of the items that the pipeline may show at all: they are what coverage is a share of.
        """
        lists, codes = self._lists(plan)
        places = np.full(self._catalogue.size + 1, NOTHING, dtype=np.int32)
        places[codes] = np.arange(len(codes))
        shown = lists._replace(items=places[lists.items])
        crowd = self._crowd(codes)
        together = {
            f"{name}@{k}": metric(shown.first(k), crowd) if len(codes) else None
            for k in self._cuts
            for name, metric in TOGETHER.items()
        }
        return Answers(self._metrics(lists), together)

    def _crowd(self, codes: Codes) -> Crowd:
        """Return who touched some items before, and what those are, by their place."""
        key = codes.tobytes()
        if key not in self._crowds:
            items = self._catalogue.items
            some = {str(item.id): item for code in codes.tolist() if (item := items[code])}
            place = {id: number for number, id in enumerate(some)}
            known = [(code, place[id]) for code, id in enumerate(self._train.ids) if id in place]
            rows, columns = np.array(known, dtype=np.int64).reshape(-1, 2).T
            shape = (self._train.item_count, len(some))
            chosen = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)
            self._crowds[key] = Crowd(
                counts=(self._train.counts @ chosen).astype(np.int64),
                matrix=(self._train.matrix() @ chosen).tocsr(),
                facts=known_facts(list(some), some),
            )
        return self._crowds[key]

    def _metrics(self, lists: Lists) -> dict[str, NDArray[np.float64]]:
        count = len(lists.wanted)
        found = {}
        for k in self._cuts:
            first = lists.first(k)
            ones = [
                Lists(first.items[at : at + 1], first.hits[at : at + 1], first.wanted[at : at + 1])
                for at in range(count)
            ]
            for name, metric in RANKING.items():
                found[f"{name}@{k}"] = np.array([metric(one) for one in ones])
        return found

    def _lists(self, plan: PipelinePlan) -> tuple[Lists, Codes]:
        """Return what is shown, and the codes of all that may be."""
        pipeline = plan.pipeline
        sources = [self._fit(source) for source in pipeline.sources]
        manifest = Manifest(pipeline=pipeline, ids=_NO_FILE, sources=())
        prepared = prepare(plan, self._catalogue, Trained(manifest, 0, self._train.ids, sources))
        k = max(self._cuts)
        items = np.full((len(self._cases), k), NOTHING, dtype=np.int32)
        hits = np.zeros(items.shape, dtype=np.bool_)
        codes = self._catalogue.codes
        for number, case in enumerate(self._cases):
            last = case.touches[-1].item if case.touches else ""
            anchor = codes.get(last, NOTHING) if self._anchored else NOTHING
            context = {**case.context, **self._place(anchor)}
            wanted = Wanted(
                count=k,
                now=case.at,
                touches=case.touches,
                anchor=anchor,
                exclude=() if self._again else {touch.item for touch in case.touches},
                context=context,
                attributes={**case.attributes, **context},
            )
            shown = [each.item for each in rank(prepared, wanted)][:k]
            right = {codes[ItemId(id)] for id in case.wanted}
            items[number, : len(shown)] = shown
            hits[number, : len(shown)] = [item in right for item in shown]
        lists = Lists(items, hits, np.array([len(case.wanted) for case in self._cases]))
        return lists, np.flatnonzero(prepared.allowed).astype(np.int32)

    def _place(self, anchor: int) -> dict[str, object]:
        """Return what the page of an item tells of where the visitor is, as when it is served."""
        item = self._catalogue.items[anchor] if anchor != NOTHING else None
        return {"category": "/".join(item.category)} if item is not None and item.category else {}

    def _fit(self, source: PipelineSource) -> TrainedSource:
        key = msgspec.json.encode([source.recommender, source.actions, source.config])
        if key not in self._fitted:
            while len(self._fitted) >= _MOST_FITTED:
                del self._fitted[next(iter(self._fitted))]
            config, recommender = config_of(source), RECOMMENDERS[source.recommender]
            arrays = recommender.fit(self._train.of(source.actions), config)
            self._fitted[key] = TrainedSource(recommender, config, arrays, source.actions)
        return self._fitted[key]


def with_sources(plan: PipelinePlan, *sources: PipelineSource) -> PipelinePlan:
    """Return a pipeline with other sources; what may be shown, and how it is mixed, stays."""
    pipeline: Pipeline = msgspec.structs.replace(plan.pipeline, sources=sources, explore=0.0)
    return replace(plan, pipeline=pipeline)


def rivals(plan: PipelinePlan) -> dict[str, PipelinePlan]:
    """Return a pipeline, each of its sources alone, and popularity, by what they are called.

    Popularity comes last, and has another name where the pipeline is called so.
    """
    found = {plan.name: with_sources(plan, *plan.pipeline.sources)}
    alone = [msgspec.structs.replace(each, fill=False) for each in plan.pipeline.sources]
    if len(alone) > 1:
        for place, each in enumerate(alone, 1):
            found[f"{place}. {each.recommender} alone"] = with_sources(plan, each)
    base = POPULARITY.recommender
    found[f"{base} alone" if plan.name == base else base] = with_sources(plan, POPULARITY)
    return found
