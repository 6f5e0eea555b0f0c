"""Splits: nothing of what is asked for is learned from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from persx.model.clock import DAY
from persx.recommend.evaluation.splits import by_time, held_out
from persx.recommend.evaluation.trial import interactions

DATA = replace(
    interactions([[0, 1, 0, 2], [1], [3]], list("abcd")),
    times=np.array([0, 1, 5, 6, 2, 7]) * DAY,
    timed=True,
)


def asked(exclude: bool = True, end: int | None = None) -> list[tuple[str, list[int], list[int]]]:
    trial = by_time(DATA, 4 * DAY, end, exclude=exclude)
    return [(case.who, case.query.items.tolist(), case.wanted.tolist()) for case in trial.cases]


def test_by_time_learns_from_before_and_asks_for_after() -> None:
    trial = by_time(DATA, 4 * DAY)
    assert trial.train.items.tolist() == [0, 1, 1]
    assert trial.train.item_count == 4
    assert asked() == [("0", [0, 1], [2]), ("2", [], [3])]
    assert trial.cases[0].query.ages.tolist() == [4.0, 3.0]


def test_what_is_bought_again_is_wanted_where_it_is_not_excluded() -> None:
    assert asked(exclude=False)[0] == ("0", [0, 1], [0, 2])


def test_what_comes_after_the_window_is_not_asked_for() -> None:
    assert asked(end=6 * DAY) == []
    assert asked(end=7 * DAY) == [("0", [0, 1], [2])]


@given(
    st.dictionaries(st.integers(0, 50), st.lists(st.integers(0, 99), min_size=1, max_size=30)),
    st.floats(0, 1),
)
def test_what_is_held_out_is_not_kept_and_nothing_is_lost(
    rows: dict[int, list[int]], share: float
) -> None:
    kept, held = held_out(rows, share)
    for user, row in rows.items():
        assert sorted(kept[user] + held[user]) == sorted(row)
        assert kept[user]
