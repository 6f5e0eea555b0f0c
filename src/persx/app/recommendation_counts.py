"""Recommendation counts: lists by what became of them and items by source, as Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from persx.recommend.result import Recommendation


class Outcome(StrEnum):
    """What became of a list that was wanted."""

    PERSONAL = "personal"
    """It follows from what is known of the visitor."""
    GENERIC = "generic"
    """It is what everybody gets in their place."""
    INSTEAD = "instead"
    """The pipeline had nothing: what the team wrote stands in."""
    EMPTY = "empty"
    """There was nothing to show."""
    ERROR = "error"
    """The pipeline failed; what the team wrote may stand in."""


NEWEST: Final = "newest"
"""In place of a recommender: an item that is there because it is new."""

PINNED: Final = "pinned"
"""In place of a recommender: a rule put it there."""

INSTEAD: Final = "instead"
"""In place of a recommender: the team wrote it, for places that the pipeline leaves empty."""


class Origin(NamedTuple):
    """Where an item of a list comes from: a recommender or what stands in its place, and chance."""

    source: str
    explored: bool = False


def origin_of(found: Recommendation) -> Origin:
    """Return where an item that a pipeline ranked comes from."""
    return Origin(found.source or (PINNED if found.pinned else NEWEST), found.tried)


def outcome_of(origins: Iterable[Origin], *, personal: bool, failed: bool = False) -> Outcome:
    """Return what became of a list with items of these origins.

    >>> outcome_of([Origin("ease"), Origin(INSTEAD)], personal=True).value
    'personal'
    >>> outcome_of([Origin(INSTEAD)], personal=True).value, outcome_of([], personal=False).value
    ('instead', 'empty')
    """
    if failed:
        return Outcome.ERROR
    sources = {each.source for each in origins}
    if not sources:
        return Outcome.EMPTY
    if sources == {INSTEAD}:
        return Outcome.INSTEAD
    return Outcome.PERSONAL if personal else Outcome.GENERIC


class RecommendationCounts(Collector):
    """Counted with every list, and told a few times a minute: plain numbers until then."""

    def __init__(self) -> None:
        self._lists: dict[str, dict[Outcome, int]] = {}
        self._items: dict[Origin, int] = {}

    def add(self, pipeline: str, outcome: Outcome, origins: Iterable[Origin] = ()) -> None:
        """Count a list that was shown.

        Args:
            pipeline: One of the workspace's.
            origins: Of its items.
        """
        counts = self._lists.get(pipeline)
        if counts is None:
            # All of them, so that a rate can be taken of the first error too.
            counts = self._lists[pipeline] = dict.fromkeys(Outcome, 0)
        counts[outcome] += 1
        for origin in origins:
            self._items[origin] = self._items.get(origin, 0) + 1

    def collect(self) -> Iterator[Metric]:
        """Tell how many lists there were of each pipeline, and where their items came from."""
        family = CounterMetricFamily(
            "persx_recommendations",
            "Lists of recommendations by pipeline and what became of them.",
            labels=["pipeline", "outcome"],
        )
        for pipeline, counts in self._lists.items():
            for outcome, count in counts.items():
                family.add_metric([pipeline, outcome.value], count)
        yield family
        family = CounterMetricFamily(
            "persx_recommended_items",
            "Items of lists by where they came from, and whether chance gave them their place.",
            labels=["source", "explored"],
        )
        for (source, explored), count in self._items.items():
            family.add_metric([source, "yes" if explored else "no"], count)
        yield family
