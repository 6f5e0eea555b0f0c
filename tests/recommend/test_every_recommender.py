"""What every recommender promises, whoever wrote it: with no data, odd data and too much of it."""

from __future__ import annotations

import numpy as np
import pytest

from persx.recommend.evaluation.trial import asked, interactions
from persx.recommend.interactions import Interactions
from persx.recommend.query import Query
from persx.recommend.recommenders import RECOMMENDERS


def data_of(rows: list[list[int]], items: int = 9) -> Interactions:
    return interactions(rows, [f"i{number}" for number in range(items)])


@pytest.mark.parametrize("name", RECOMMENDERS.names)
class TestEveryRecommender:
    """What all of them do with data that nobody hopes for."""

    def test_nothing_at_all(self, name: str) -> None:
        model = RECOMMENDERS[name]
        data = data_of([], items=0)
        arrays = model.fit(data, model.config())
        assert not len(model.rank(arrays, model.config(), Query(), 5).items)
        assert model.memory(data, model.config()) >= 0

    def test_items_that_nobody_touched(self, name: str) -> None:
        model = RECOMMENDERS[name]
        arrays = model.fit(data_of([], items=3), model.config())
        found = model.rank(arrays, model.config(), asked([2]), 5)
        assert set(found.items.tolist()) <= {2}

    def test_a_catalogue_of_one_item(self, name: str) -> None:
        model = RECOMMENDERS[name]
        arrays = model.fit(data_of([[0], [0, 0]], items=1), model.config())
        found = model.rank(arrays, model.config(), asked([0]), 5)
        assert set(found.items.tolist()) <= {0}

    def test_the_same_data_give_the_same_arrays(self, name: str) -> None:
        model = RECOMMENDERS[name]
        rng = np.random.default_rng(1)
        data = data_of([rng.integers(0, 40, 6).tolist() for _ in range(60)], items=40)
        first, second = (model.fit(data, model.config()) for _ in range(2))
        assert first.keys() == second.keys()
        for key in first:
            np.testing.assert_array_equal(first[key], second[key])

    def test_progress_rises_to_the_whole_and_may_stop_the_work(self, name: str) -> None:
        model = RECOMMENDERS[name]
        data = data_of([[0, 1, 2], [1, 2], [0, 2]])
        told: list[float] = []
        model.fit(data, model.config(), told.append)
        assert told == sorted(told)
        assert told[-1] == 1.0

        def stop(_share: float) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            model.fit(data, model.config(), stop)

    def test_a_visitor_with_fifty_thousand_events_is_no_trouble(self, name: str) -> None:
        model = RECOMMENDERS[name]
        rng = np.random.default_rng(2)
        many = rng.integers(0, 300, 50_000).tolist()
        data = data_of([many, *(rng.integers(0, 300, 5).tolist() for _ in range(200))], items=300)
        arrays = model.fit(data, model.config())
        query = asked(many)
        query = query._replace(ages=query.ages * 100)
        found = model.rank(arrays, model.config(), query, 300)
        assert len(set(found.items.tolist())) == len(found.items)
        assert np.isfinite(found.scores).all()

    def test_ranking_changes_no_array(self, name: str) -> None:
        """They are mapped read-only where they are served."""
        model = RECOMMENDERS[name]
        arrays = dict(model.fit(data_of([[0, 1], [1, 2], [0, 1, 2]]), model.config()))
        for array in arrays.values():
            array.setflags(write=False)
        model.rank(arrays, model.config(), asked([0, 1])._replace(anchor=2), 9)
