"""Measures: the numbers per visitor that metrics are made of, and metrics from their sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from persx.experiments.moments import Moments
from persx.experiments.plan import MetricPlan
from persx.experiments.sql import query
from persx.model.clock import Millis, parse_duration
from persx.model.metric import Metric
from persx.model.workspace import Goal

EVER: Final[Millis] = 1 << 60
"""Longer than anything lasts."""


class Measure(NamedTuple):
    """One number per visitor, from the events of a goal in [after, before) since they entered.

    `taken` is ``reached`` (1 where there are at least `least`), ``count``, ``sum``, ``missing``
    (events without a number), ``negative`` ones, or ``unpriced`` (in a currency of unknown worth).
    It is taken of visitors who entered at least `wait` ago; `share` is where it is winsorised.
    """

    goal: str
    taken: str
    after: Millis = 0
    before: Millis = EVER
    least: int = 1
    wait: Millis = 0
    share: float | None = None


class Recipe(NamedTuple):
    """How a metric is made of measures, by their places.

    Attributes:
        wait: How long its visitors' time lasts, 0 for always.
        complement: It is those who do *not* reach its measure.
    """

    metric: MetricPlan
    numbers: tuple[int, ...]
    wait: Millis
    complement: bool = False


class Measures(msgspec.Struct, frozen=True):
    """The measures of a plan, each one once, and the metrics that are made of them.

    Attributes:
        products: Pairs of measures whose products are summed.
        waits: The waits of which visitors are counted.
        extra: What else is counted, kind → goal → the measure's place: of goals with a value the
            ``missing``, ``negative`` and ``unpriced`` events, of goals that have to be reached
            several times their ``count``.
    """

    all: tuple[Measure, ...]
    recipes: tuple[Recipe, ...]
    products: tuple[tuple[int, int], ...]
    waits: tuple[Millis, ...]
    extra: dict[str, dict[str, int]]

    def rows(self) -> list[tuple[Any, ...]]:
        """Return the rows of the table that the query reads."""
        return [
            (place, *each._replace(share=-1.0 if each.share is None else each.share))
            for place, each in enumerate(self.all)
        ]

    def query(self, rows: str | None = None) -> str:
        """Return the query that adds them up; with `rows`, its steps with another last SELECT."""
        return query(
            "live_groups",
            rows=rows,
            measures=[f"m{place}" for place in range(len(self.all))],
            products=[(f"m{a}", f"m{b}") for a, b in self.products],
            waits=[f"n{place}" for place in range(len(self.waits))],
        )

    def parameters(self) -> dict[str, Millis]:
        """Return the parameters of the query that are about them."""
        return {f"wait{place}": wait for place, wait in enumerate(self.waits)}

    def moments(self, recipe: Recipe, n: int, found: Sequence[float]) -> Moments:
        """Return a metric's moments in a group of visitors.

        Args:
            n: The group's visitors.
            found: The group's counts by wait, sums by measure, and sums of products by pair.
        """
        counts = dict(zip(self.waits, found, strict=False))
        sums = found[len(self.waits) :]
        products = dict(zip(self.products, sums[len(self.all) :], strict=True))
        visitors = int(counts[recipe.wait]) if recipe.wait else n
        moments = Moments(
            n=visitors,
            sums=tuple(float(sums[each]) for each in recipe.numbers),
            products=tuple(float(products[pair]) for pair in _pairs(recipe.numbers)),
        )
        return _complement(moments) if recipe.complement else moments


def measures_of(metrics: Sequence[tuple[MetricPlan, Metric]], goals: Sequence[Goal]) -> Measures:
    """Return what is to be measured for some metrics of some goals."""
    places: dict[Measure, int] = {}

    def place(measure: Measure) -> int:
        return places.setdefault(measure, len(places))

    recipes = []
    for plan, metric in metrics:
        after = parse_duration(metric.after) if metric.after else 0
        before = after + parse_duration(metric.within) if metric.within else EVER
        wait = before if metric.within else 0
        numbers = [
            Measure(goal, taken, after, before, least, wait, share)
            for goal, taken, least, share in _numbers(metric)
        ]
        if metric.covariate:
            length = parse_duration(metric.covariate)
            numbers += [each._replace(after=-length, before=0) for each in numbers]
        recipes.append(
            Recipe(plan, tuple(map(place, numbers)), wait, metric.at_most is not None)
        )  # fmt: skip
    valued = [goal.name for goal in goals if goal.value]
    extra = {
        kind: {name: place(Measure(name, kind)) for name in valued}
        for kind in ("missing", "negative", "unpriced")
    }
    # Of a goal that has to be reached several times it is told too whether it came at all.
    several = [each.goal for _, each in metrics if each.at_least > 1 or each.at_most is not None]
    extra["count"] = {name: place(Measure(name, "count")) for name in several}
    pairs = {pair for recipe in recipes for pair in _pairs(recipe.numbers)}
    return Measures(
        all=tuple(places),
        recipes=tuple(recipes),
        products=tuple(sorted(pairs)),
        waits=tuple(sorted({recipe.wait for recipe in recipes if recipe.wait})),
        extra=extra,
    )


def _numbers(metric: Metric) -> list[tuple[str, str, int, float | None]]:
    """Return goal, how it is taken, least count and winsorised share of a metric's numbers."""
    least = metric.at_least if metric.at_most is None else metric.at_most + 1
    taken = {"value": "sum", "count": "count", "visitors": "reached"}[metric.of]
    if metric.kind == "conversion":
        return [(metric.goal, "reached", least, None)]
    above = (metric.goal, taken, 1, metric.winsorise)
    if metric.kind == "mean":
        return [above]
    return [above, (metric.per, "count", 1, None)]


def _pairs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    return [(a, b) for place, a in enumerate(numbers) for b in numbers[place:]]


def _complement(moments: Moments) -> Moments:
    """Return the moments of 1 − x where x, the only number, is 0 or 1."""
    missed = moments.n - moments.sums[0]
    return Moments(n=moments.n, sums=(missed,), products=(missed,))
