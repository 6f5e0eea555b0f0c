"""What every recommender promises, those of third parties too."""

from __future__ import annotations

import tracemalloc
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings

from persx.model.item import Action
from persx.recommend.interactions import Interactions
from persx.recommend.query import Query
from persx.recommend.recommenders import RECOMMENDERS, Recommender
from tests.recommend.logs import Did, asked, log, logs, queries, sessions

every = pytest.mark.parametrize("recommender", list(RECOMMENDERS), ids=lambda each: each.name)


def answers(recommender: Recommender, data: Interactions, query: Query, limit: int = 5) -> Any:
    config = recommender.config()
    return recommender.rank(recommender.fit(data, config), config, query, limit)


@every
@settings(deadline=None)
@given(data=logs(), query=queries())
def test_answers_are_items_with_finite_scores_each_once(
    recommender: Recommender, data: Interactions, query: Query
) -> None:
    found = answers(recommender, data, query)
    assert len(found.items) == len(found.scores) == len(set(found.items.tolist()))
    assert all(0 <= code < data.item_count for code in found.items.tolist())
    assert np.isfinite(found.scores).all()
    assert found.items.dtype == np.int32
    if found.because is not None:
        known = {*query.items.tolist(), query.anchor}
        assert len(found.because) == len(found.items)
        assert all(code == -1 or code in known for code in found.because.tolist())


@every
@settings(deadline=None)
@given(data=logs(), query=queries())
def test_the_same_data_give_the_same_arrays_and_answers(
    recommender: Recommender, data: Interactions, query: Query
) -> None:
    config = recommender.config()
    first, second = recommender.fit(data, config), recommender.fit(data, config)
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])
    found = recommender.rank(first, config, query, 5)
    again = recommender.rank(second, config, query, 5)
    np.testing.assert_array_equal(found.items, again.items)
    np.testing.assert_array_equal(found.scores, again.scores)


@every
def test_an_empty_log_gives_nothing(recommender: Recommender) -> None:
    assert not len(answers(recommender, log([], 0), asked()).items)
    assert not len(answers(recommender, log([], 3), asked()).items)


@every
def test_one_item_is_enough(recommender: Recommender) -> None:
    data = log([Did(0, 0, 0), Did(0, 0, 0, 1.0), Did(1, 1, 0, 2.0, Action.BOUGHT)], 1)
    assert set(answers(recommender, data, asked(0)).items.tolist()) <= {0}


@every
def test_a_past_of_50_000_touches_is_answered(recommender: Recommender) -> None:
    rng = np.random.default_rng(1)
    data = sessions(*(" ".join(map(str, rng.integers(0, 50, 6))) for _ in range(200)), items=50)
    found = answers(recommender, data, asked(*rng.integers(0, 50, 50_000).tolist()))
    assert len(found.items) <= 5


@pytest.mark.parametrize(
    "name", ["transitions", "vmis_knn", "sequence_knn", "history", "recently_viewed"]
)
def test_of_a_long_past_only_the_newest_touches_are_looked_at(name: str) -> None:
    recommender = RECOMMENDERS[name]
    rng = np.random.default_rng(3)
    lines = (" ".join(map(str, rng.integers(0, 9, 6))) for _ in range(50))
    config = recommender.config(length=3)
    arrays = recommender.fit(sessions(*lines), config)
    newest = [0, 1, 2] * 8
    short = recommender.rank(arrays, config, asked(*newest), 9)
    # Who looked at the rest would answer otherwise: 3 to 8 come nowhere else.
    long = recommender.rank(arrays, config, asked(*[3, 4, 5, 6, 7, 8] * 8_000, *newest), 9)
    assert short.items.tolist() == long.items.tolist()
    assert short.scores.tolist() == long.scores.tolist()
    assert len(short.items)


@every
def test_progress_rises_to_the_end(recommender: Recommender) -> None:
    told: list[float] = []
    recommender.fit(sessions("0 1 2", "0 2", "1 2"), recommender.config(), told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


@every
def test_an_unknown_context_is_no_error(recommender: Recommender) -> None:
    data = sessions("0 1 2", "0 1", "2 3")
    query = asked(0)._replace(
        context={"device": "toaster", "hour": 99, "category": "No such/Thing", "moon": "full"}
    )
    assert len(answers(recommender, data, query).items) <= 5


@every
def test_no_more_is_answered_than_was_asked_for(recommender: Recommender) -> None:
    data = sessions(*("0 1 2 3 4 5 6 7 8 9" for _ in range(3)))
    assert len(answers(recommender, data, asked(0, 1, 2), limit=3).items) <= 3


@every
def test_ranking_changes_no_array_and_reads_mapped_ones(
    recommender: Recommender, tmp_path: Any
) -> None:
    data, config = sessions("0 1 2", "0 1", "2 1 3", "3 0"), recommender.config()
    arrays = recommender.fit(data, config)
    mapped = {}
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
        mapped[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    found = recommender.rank(arrays, config, asked(0, 1), 5)
    served = recommender.rank(mapped, config, asked(0, 1), 5)
    np.testing.assert_array_equal(found.items, served.items)
    np.testing.assert_array_equal(found.scores, served.scores)


@every
def test_memory_that_is_stated_suffices(recommender: Recommender) -> None:
    rng = np.random.default_rng(2)
    data = sessions(*(" ".join(map(str, rng.integers(0, 400, 8))) for _ in range(2_000)))
    config = recommender.config()
    recommender.fit(data, config)  # What is imported at the first call is not its memory.
    tracemalloc.start()
    try:
        recommender.fit(data, config)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    about = 1 << 20
    assert peak <= recommender.memory(data, config) + about


@every
def test_options_are_read_from_what_a_pipeline_says(recommender: Recommender) -> None:
    said = msgspec.to_builtins(recommender.config())
    assert msgspec.convert(said, recommender.config) == recommender.config()
    with pytest.raises(msgspec.ValidationError, match="no_such_option"):
        msgspec.convert({"no_such_option": 1}, recommender.config)
