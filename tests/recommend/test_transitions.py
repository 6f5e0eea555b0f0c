"""transitions: what followed an item, the closer the more."""

from __future__ import annotations

import pytest

from persx.model.item import Action
from persx.recommend.interactions import Interactions
from persx.recommend.query import Query
from persx.recommend.recommenders.transitions import TRANSITIONS, TransitionsConfig
from tests.recommend.logs import Did, asked, log, sessions

THREE = sessions("0 1 2", "0 1", "1 0 0")


def scores(data: Interactions, query: Query, **options: float) -> dict[int, float]:
    config = TransitionsConfig(**{"distance": 2, "length": 1, **options})  # type: ignore[arg-type]
    found = TRANSITIONS.rank(TRANSITIONS.fit(data, config), config, query, 10)
    return {
        code: pytest.approx(score, rel=1e-5)
        for code, score in zip(found.items.tolist(), found.scores.tolist(), strict=True)
    }


def test_rules_computed_by_hand() -> None:
    # 0 was followed by 1 twice, by itself once, and by 2 once at distance 2.
    assert scores(THREE, asked(0)) == {1: 1.0, 0: 0.5, 2: 0.25}
    # 1 was followed by 2 once, and by 0 once at distance 1 and once at distance 2.
    assert scores(THREE, asked(1)) == {0: 1.0, 2: 1 / 1.5}


def test_older_items_count_less() -> None:
    found = scores(THREE, asked(0, 1), length=2, decay=0.5)
    assert found == {0: 1 + 0.5 * 0.5, 1: 0.5, 2: 1 / 1.5 + 0.5 * 0.25}


def test_the_way_back_counts_what_it_is_told() -> None:
    data = sessions("0 1", "2 0", "2 0")
    assert scores(data, asked(0)) == {1: 1.0}
    assert scores(data, asked(0), backward=0.25) == {1: 1.0, 2: 0.5}


def test_damping_divides_by_how_often_a_follower_is_touched() -> None:
    data = sessions("0 1", "0 1", "0 2", "3 1", "3 1")
    assert scores(data, asked(0)) == {1: 1.0, 2: 0.5}
    assert scores(data, asked(0), popularity_damping=1.0) == {2: 1.0, 1: 0.5}


def test_only_the_best_followers_are_kept() -> None:
    assert scores(THREE, asked(0), neighbours=1) == {1: 1.0}


def test_nothing_follows_from_one_session_into_another() -> None:
    assert scores(sessions("0 1", "2 3"), asked(1)) == {}


def test_one_step_that_is_noted_three_times_is_one() -> None:
    bought = log(
        [
            Did(0, 0, 0, 0.0),
            Did(0, 0, 0, 0.1, Action.ADDED),
            Did(0, 0, 0, 0.2, Action.BOUGHT),
            Did(0, 0, 1, 0.3),
        ],
        2,
    )
    assert scores(bought, asked(0)) == {1: 1.0}


def test_the_page_of_an_item_counts_as_the_newest_touch() -> None:
    assert scores(THREE, asked(0, anchor=1)) == scores(THREE, asked(1))


def test_whoever_comes_back_is_continued_from_the_last_time() -> None:
    assert scores(THREE, asked(0, running=0)) == scores(THREE, asked(0))
    assert scores(THREE, asked(1, 0, running=1), length=2) == scores(THREE, asked(0))


def test_it_says_which_item_speaks_most() -> None:
    config = TransitionsConfig(length=2)
    found = TRANSITIONS.rank(TRANSITIONS.fit(THREE, config), config, asked(0, 1), 10)
    assert found.because is not None
    assert dict(zip(found.items.tolist(), found.because.tolist(), strict=True)) == {
        0: 1,
        1: 0,
        2: 1,
    }
