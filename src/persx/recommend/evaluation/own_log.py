"""Judging pipelines by the workspace's own log: what would have been shown, and what came after.

A pipeline is fitted to what happened before a moment, and asked about visitors who came after it,
by the same function that serves. Of each visitor there is one case: a moment within their visits,
drawn at random. What they did before it is known, what they touched after it is wanted. So cases
are independent of each other, and what is shown to whom nobody knows yet has the weight that it
has in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.model.clock import Millis
from persx.model.item import ItemId, Touch
from persx.model.pipeline import Pipeline, PipelineSource
from persx.recommend.artifact import ArrayFile, Manifest, Trained, TrainedSource
from persx.recommend.catalogue import Catalogue
from persx.recommend.evaluation.metrics import RANKING, Lists
from persx.recommend.fitting import config_of
from persx.recommend.interactions import ACTIONS, DEVICES, Interactions
from persx.recommend.query import NOTHING
from persx.recommend.ranking.known import Wanted
from persx.recommend.ranking.plan import PipelinePlan
from persx.recommend.ranking.prepared import prepare
from persx.recommend.ranking.rank import rank
from persx.recommend.recommenders import RECOMMENDERS

MOST_CASES: Final = 2_000
"""Visitors who are asked about; of more, as many are drawn."""

Z: Final = 1.96
"""Intervals have 95%: the mean of independent cases, by the normal distribution."""

POPULARITY: Final = PipelineSource(recommender="popularity")

_MOST_FITTED: Final = 10
"""Fitted sources that are kept for other pipelines that have them too."""

_NO_FILE: Final = ArrayFile(file="", bytes=0, digest="")


class Moment(NamedTuple):
    """One case: what a visitor had done by a moment, and what they touched afterwards.

    Attributes:
        touches: Oldest first.
        wanted: Ids of items, each once.
        context: Of the first touch that is wanted.
    """

    at: Millis
    touches: tuple[Touch, ...]
    wanted: tuple[str, ...]
    context: Mapping[str, object]


class Estimate(msgspec.Struct, frozen=True):
    """A mean over visitors, and the interval in which it would be found with all of them."""

    mean: float
    low: float
    high: float


class PipelineFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How well something did.

    Attributes:
        metrics: By name and cut, such as ``ndcg@10``.
        against: The differences to popularity, visitor by visitor.
    """

    name: str
    metrics: dict[str, Estimate]
    against: dict[str, Estimate]


def cut_at(data: Interactions, *, share: float = 0.0, length: Millis = 0) -> Millis:
    """Return the moment from which on the newest share of the time, or so much of it, begins."""
    if not len(data.times):
        return 0
    first, last = int(data.times.min()), int(data.times.max())
    return last - length if length else last - round((last - first) * share)


def between(data: Interactions, start: Millis, end: Millis) -> Interactions:
    """Return what happened from a moment on and before another."""
    return data.rows((data.times >= start) & (data.times < end))


def moments(
    data: Interactions,
    start: Millis,
    end: Millis,
    *,
    allowed: Callable[[str], bool],
    most: int = MOST_CASES,
    again: bool = False,
    seed: int = 0,
) -> list[Moment]:
    """Return the cases of a stretch of time, of at most so many visitors.

    Args:
        allowed: Tells whether an item can be shown at all; others are not wanted.
        again: What a visitor had touched before is wanted too.
    """
    random = np.random.default_rng(seed)
    inside = np.flatnonzero((data.times >= start) & (data.times < end))
    visitors, first, counts = np.unique(data.users[inside], return_index=True, return_counts=True)
    starts = np.searchsorted(data.users, visitors)
    found = []
    for place in random.permutation(len(visitors)):
        row = int(inside[first[place]])
        split = row + int(random.integers(counts[place]))
        known = range(int(starts[place]), split)
        before = {int(data.items[each]) for each in known}
        after = dict.fromkeys(int(each) for each in data.items[split : row + int(counts[place])])
        wanted = tuple(
            data.ids[item]
            for item in after
            if (again or item not in before) and allowed(data.ids[item])
        )
        if wanted:
            touches = tuple(
                Touch(data.ids[data.items[at]], ACTIONS[data.actions[at]], int(data.times[at]))
                for at in known
            )
            found.append(Moment(int(data.times[split]), touches, wanted, _context(data, split)))
        if len(found) == most:
            break
    return found


def _context(data: Interactions, row: int) -> dict[str, object]:
    found: dict[str, object] = {}
    if "hour" in data.contexts:
        found["hour"] = int(data.contexts["hour"][row])
    if "device" in data.contexts and (device := int(data.contexts["device"][row])) >= 0:
        found["device"] = DEVICES[device]
    return found


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

    def asked(self, plan: PipelinePlan) -> dict[str, NDArray[np.float64]]:
        """Return each metric of each case, (c,), by name and cut."""
        lists = self._lists(plan)
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

    def _lists(self, plan: PipelinePlan) -> Lists:
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
            wanted = Wanted(
                count=k,
                now=case.at,
                touches=case.touches,
                anchor=codes.get(last, NOTHING) if self._anchored else NOTHING,
                exclude=() if self._again else {touch.item for touch in case.touches},
                context=case.context,
                attributes=case.context,
            )
            shown = [each.item for each in rank(prepared, wanted)][:k]
            right = {codes[ItemId(id)] for id in case.wanted}
            items[number, : len(shown)] = shown
            hits[number, : len(shown)] = [item in right for item in shown]
        return Lists(items, hits, np.array([len(case.wanted) for case in self._cases]))

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
    """Return a pipeline, each of its sources alone, and popularity, by what they are called."""
    found = {plan.name: with_sources(plan, *plan.pipeline.sources)}
    alone = [msgspec.structs.replace(each, fill=False) for each in plan.pipeline.sources]
    if len(alone) > 1:
        for place, each in enumerate(alone, 1):
            found[f"{place}. {each.recommender} alone"] = with_sources(plan, each)
    found["popularity"] = with_sources(plan, POPULARITY)
    return found


def estimate(values: NDArray[np.float64]) -> Estimate:
    """Return the mean of independent values with its interval; of one value, it is all numbers.

    >>> found = estimate(np.array([0.0, 1.0, 0.0, 1.0]))
    >>> found.mean, round(found.low, 3), round(found.high, 3)
    (0.5, -0.066, 1.066)
    """
    mean = float(values.mean())
    if len(values) < 2:
        return Estimate(mean, -np.inf, np.inf)
    half = Z * float(values.std(ddof=1)) / len(values) ** 0.5
    return Estimate(mean, mean - half, mean + half)


def compared(
    values: Mapping[str, Mapping[str, NDArray[np.float64]]], base: str
) -> list[PipelineFigures]:
    """Return the figures of several, with the differences to one of them, case by case."""
    return [
        PipelineFigures(
            name=name,
            metrics={metric: estimate(each) for metric, each in found.items()},
            against={}
            if name == base
            else {metric: estimate(each - values[base][metric]) for metric, each in found.items()},
        )
        for name, found in values.items()
    ]
