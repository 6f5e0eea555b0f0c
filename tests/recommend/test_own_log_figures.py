"""Figures of the own log: coverage, diversity, popularity bias and segments, computed by hand."""

from __future__ import annotations

from math import sqrt

import msgspec
import numpy as np
import pytest

from persx.model.item import Action, Touch
from persx.model.pipeline import Pipeline, PipelineSource
from persx.recommend.evaluation.moments import Moment
from persx.recommend.evaluation.own_log import Bench, rivals
from persx.recommend.evaluation.segments import FEWEST, SEGMENTS, by_segment
from tests.recommend.scripted import catalogue_of, item, plan_of
from tests.recommend.training import some_interactions

# a was touched by one visitor, b by two, … e, which is hidden, by five.
TRAIN = some_interactions(["a", "b", "c", "d", "e"])
CATALOGUE = catalogue_of(
    item("a", category=("Run",)),
    item("b", category=("Run",), brand="Acme"),
    item("c", category=("Run",)),
    item("d", brand="Acme"),
    item("e", hidden=True),
)
POPULAR = Pipeline(name="many", sources=(PipelineSource(recommender="popularity"),))
# Shown to the first are c and b, for d is known; to the second d and c.
CASES = [
    Moment(1, (Touch("d", Action.VIEWED, 0),), ("c",), {}),
    Moment(1, (), ("a",), {}),
]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("coverage@2", 3 / 4),
        # Places of a, b, c, d: 0 1 2 1; sorted 0 1 1 2: (−1 + 1 + 3·2) ÷ (4 · 4).
        ("gini@2", 6 / 16),
        # Percentiles: a ⅛, b ⅜, c ⅝, d ⅞.
        ("popularity@2", (5 + 3 + 7 + 5) / 8 / 4),
        # c–b: 2 ÷ √(3·2); d–c: 3 ÷ √(4·3).
        ("diversity@2", ((1 - 2 / sqrt(6)) + (1 - 3 / sqrt(12))) / 2),
        # c–b: Run, of Run and Run, Acme; d–c: nothing in common.
        ("variety@2", ((1 - 1 / sqrt(2)) + 1) / 2),
        ("coverage@1", 2 / 4),
        ("diversity@1", None),
    ],
)
def test_of_all_lists_of_what_may_be_shown(name: str, expected: float | None) -> None:
    found = Bench(TRAIN, CASES, CATALOGUE, cuts=(1, 2)).answers(plan_of(POPULAR))
    assert found.together[name] == (None if expected is None else pytest.approx(expected))
    assert found.metrics["hr@2"].tolist() == [1.0, 0.0]


def test_where_nothing_may_be_shown_there_is_no_figure() -> None:
    nothing = msgspec.structs.replace(POPULAR, price_from=5.0)
    found = Bench(TRAIN, CASES, CATALOGUE).answers(plan_of(nothing))
    assert set(found.together.values()) == {None}
    assert not found.metrics["recall@10"].any()


def test_popularity_keeps_its_place_beside_a_pipeline_of_that_name() -> None:
    both = msgspec.structs.replace(POPULAR, name="popularity")
    assert list(rivals(plan_of(both))) == ["popularity", "popularity alone"]


class TestSegments:
    """How well it does for some visitors, where they are enough."""

    def cases(self, count: int) -> list[Moment]:
        touch = Touch("a", Action.VIEWED, 0)
        return [
            Moment(
                1,
                (touch, touch) * (number % 2),
                ("b",),
                {"device": "phone"} if number % 4 else {},
                returning=number % 2 == 1,
                audiences=("loyal", "rich") if number % 2 else (),
                persona="Runner" if number < FEWEST else "",
            )
            for number in range(count)
        ]

    def test_each_visitor_is_in_those_that_fit(self) -> None:
        cases = self.cases(80)
        values = {"hr@1": np.array([float(number % 2) for number in range(80)])}
        found = by_segment(cases, values, {"hr@1": np.zeros(80)})
        assert list(found) == list(SEGMENTS)
        assert {kind: {name: each.cases for name, each in parts.items()} for kind, parts in
                found.items()} == {
            "activity": {"history 0": 40, "history 1": 40},
            "device": {"phone": 60, "unknown": 20},
            "visit": {"new": 40, "returning": 40},
            "audience": {"loyal": 40, "rich": 40},
            "persona": {"Runner": 30},
        }  # fmt: skip
        assert found["visit"]["returning"].metrics["hr@1"].mean == 1.0
        assert found["visit"]["new"].metrics["hr@1"].mean == 0.0
        assert found["device"]["phone"].against["hr@1"].mean == pytest.approx(40 / 60)
        # Nothing is told of twenty: that would be chance.
        assert found["device"]["unknown"].metrics == {}

    def test_histories_are_in_the_order_of_their_length(self) -> None:
        some = [Touch(f"item-{number}", Action.VIEWED, 0) for number in range(15)]
        cases = [Moment(1, tuple(some[: number // 4]), ("b",), {}) for number in range(60)]
        found = by_segment(cases, {}, {})["activity"]
        assert list(found) == [
            "history 0", "history 1–4", "history 5–8", "history 9–11", "history 12–14",
        ]  # fmt: skip
