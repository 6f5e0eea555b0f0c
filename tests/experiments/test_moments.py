"""Moments: they add up in any split, and give the usual means and covariances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.experiments.aggregates import Aggregate
from persx.experiments.moments import Moments
from persx.model.errors import BadInput

rows = st.lists(st.tuples(*[st.integers(-1000, 1000)] * 3), min_size=0, max_size=30)


def of(found: list[tuple[int, int, int]]) -> Moments:
    return Moments.of(*zip(*found, strict=True)) if found else Moments()


@given(rows, rows, rows)
@settings(max_examples=100, deadline=None)
def test_any_split_gives_the_same(a: list, b: list, c: list) -> None:
    assert (of(a) + of(b)) + of(c) == of(a) + (of(b) + of(c)) == of(a + b + c)
    assert of(a) + of(b) == of(b) + of(a)
    assert of(a) + Moments() == of(a) == Moments() + of(a)


@given(rows.filter(lambda found: len(found) >= 2))
@settings(max_examples=100, deadline=None)
def test_means_and_covariances_are_the_usual_ones(found: list[tuple[int, int, int]]) -> None:
    array, moments = np.array(found, dtype=float), of(found)
    expected = np.cov(array.T)
    for i in range(3):
        assert moments.mean(i) == pytest.approx(array[:, i].mean())
        for j in range(3):
            assert moments.covariance(i, j) == pytest.approx(expected[i, j], abs=1e-6)
            assert moments.covariance(i, j) == moments.covariance(j, i)


def test_one_number_is_an_aggregate() -> None:
    values = [3.0, 0.0, 4.5, 0.0]
    moments = Moments.of(values, [1, 0, 1, 1])
    aggregate = Aggregate(n=4, total=7.5, squares=29.25)
    assert moments.aggregate(0) == aggregate
    assert moments.variance(0) == pytest.approx(aggregate.variance)
    assert Moments.from_aggregate(aggregate) == moments.chosen(0)


def test_chosen_numbers_keep_their_products() -> None:
    columns = np.random.default_rng(3).normal(size=(4, 50))
    everything = Moments.of(*columns)
    turned, expected = everything.chosen(3, 1), Moments.of(columns[3], columns[1])
    assert turned.sums == pytest.approx(expected.sums)
    assert turned.products == pytest.approx(expected.products)
    assert Moments().chosen(0, 1) == Moments()


def test_equal_values_have_no_variance() -> None:
    moments = Moments.of([0.1] * 1000, [0.2] * 1000)
    assert moments.variance(0) == moments.covariance(0, 1) == 0


def test_few_visitors_have_none_either() -> None:
    assert Moments.of([5], [2]).covariance(0, 1) == 0
    assert Moments.of([], []).mean(0) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 1, "sums": (1.0, 2.0), "products": (1.0, 2.0)},
        {"n": -1},
        {"n": 1, "sums": (float("nan"),), "products": (1.0,)},
        {"n": 1, "sums": (1.0,), "products": (float("inf"),)},
    ],
)
def test_impossible_moments_are_refused(fields: dict) -> None:
    with pytest.raises(BadInput):
        Moments(**fields)


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(BadInput, match="do not add up"):
        Moments.of([1], [2]) + Moments.of([1])
    with pytest.raises(BadInput, match="do not belong together"):
        Moments.of([1, 2], [1])
