"""vmis_knn: beside cases by hand, the same numbers as a slow way of writing it down."""

from __future__ import annotations

from math import log as ln
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.model.clock import DAY
from persx.model.errors import BadInput
from persx.recommend.interactions import Interactions
from persx.recommend.query import Query
from persx.recommend.recommenders.transitions import TRANSITIONS, TransitionsConfig
from persx.recommend.recommenders.vmis_knn import VMIS_KNN, VmisKnnConfig
from persx.recommend.touched import newest_items, steps
from tests.recommend.logs import asked, logs, queries, sessions

PLAIN: dict[str, Any] = {
    "decay": 0.5,
    "match_decay": 1.0,
    "step_decay": 1.0,
    "size_damping": 0.0,
    "rarity": 0.0,
    "rules": 0.0,
    "repeats": 1.0,
}


def scores(data: Interactions, query: Query, **options: Any) -> dict[int, float]:
    config = VmisKnnConfig(**{**PLAIN, **options})
    found = VMIS_KNN.rank(VMIS_KNN.fit(data, config), config, query, 100)
    return dict(zip(found.items.tolist(), found.scores.tolist(), strict=True))


def near(expected: dict[int, float]) -> Any:
    return pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_neighbours_speak_for_their_items_as_much_as_they_are_alike() -> None:
    data = sessions("0 1", "0 2 3", "4 5")
    # The first shares the older item, 0.5; the second both of them, 1.5.
    assert scores(data, asked(0, 2)) == near({0: 1.0, 1: 0.25, 2: 0.75, 3: 0.75})


def test_rare_items_count_more() -> None:
    data = sessions("0 1", "0 2", "3 2")
    found = scores(data, asked(0), rarity=1.0)
    of_0, of_1, of_2 = 2 * ln(4 / 2), ln(4 / 1), ln(4 / 2)
    assert found == near({0: of_0 / of_0, 1: of_1 / of_0, 2: of_2 / of_0})


def test_items_near_the_shared_one_count_more_and_those_before_it_less() -> None:
    data = sessions("1 0 2 3")
    found = scores(data, asked(0), step_decay=0.5, backward=0.5)
    assert found == near({0: 1.0, 1: 0.25, 2: 0.5, 3: 0.25})


def test_neighbours_that_share_only_older_items_count_less() -> None:
    data = sessions("0 2", "1 3")
    assert scores(data, asked(0, 1), decay=1.0, match_decay=0.5) == near(
        {0: 0.5, 1: 1.0, 2: 0.5, 3: 1.0}
    )


def test_long_sessions_count_less() -> None:
    found = scores(sessions("0 1", "0 2 3 4"), asked(0), size_damping=1.0)
    assert found == near({0: 1.0, 1: 1 / 1.5, 2: 0.5 / 1.5, 3: 0.5 / 1.5, 4: 0.5 / 1.5})


def test_contrast_listens_to_the_most_alike() -> None:
    data = sessions("0 1", "0 2 3")
    assert scores(data, asked(0, 2), contrast=2.0) == near({0: 1.0, 1: 0.1, 2: 0.9, 3: 0.9})


def test_older_sessions_count_less_by_days_or_by_sessions() -> None:
    lines = "0 1", "0 2"
    expected = near({0: 1.0, 1: 0.5 / 1.5, 2: 1 / 1.5})
    assert scores(sessions(*lines), asked(0), half_life=1.0) == expected
    assert scores(sessions(*lines, timed=False), asked(0), half_life=1.0) == expected


def test_only_the_newest_sessions_are_looked_at() -> None:
    data = sessions("0 1", "0 2", "0 3")
    assert set(scores(data, asked(0), sessions=2)) == {0, 2, 3}
    assert set(scores(data, asked(0), neighbours=1)) == {0, 3}


def test_of_long_sessions_the_newest_items_are_learned() -> None:
    assert set(scores(sessions("0 1 2 3"), asked(3), longest=2)) == {2, 3}
    assert scores(sessions("0 1 2 3"), asked(1), longest=2) == {}


def test_what_was_viewed_already_counts_as_told() -> None:
    data = sessions("0 1", "0 1")
    assert scores(data, asked(0), repeats=3.0) == near({0: 3.0, 1: 1.0})
    assert scores(data, asked(0), repeats=0.0) == near({1: 1.0})


def test_rules_are_added_to_the_neighbours() -> None:
    data = sessions("0 1", "0 2", "0 2")
    rules = {"rules": 0.5, "rules_backward": 0.0}
    assert scores(data, asked(0), **rules) == near({0: 1.0, 1: 1 / 3 + 0.25, 2: 2 / 3 + 0.5})


def test_who_made_one_step_is_no_neighbour() -> None:
    assert scores(sessions("0", "0"), asked(0)) == {}


def test_it_says_which_item_speaks_most() -> None:
    config = VmisKnnConfig(**PLAIN)
    data = sessions("0 1", "2 3")
    found = VMIS_KNN.rank(VMIS_KNN.fit(data, config), config, asked(0, 2), 10)
    assert found.because is not None
    assert dict(zip(found.items.tolist(), found.because.tolist(), strict=True)) == {
        0: 0,
        1: 0,
        2: 2,
        3: 2,
    }


def test_too_long_a_session_is_refused_with_what_to_do() -> None:
    with pytest.raises(BadInput, match="256 at most"):
        VMIS_KNN.fit(sessions("0 1"), VmisKnnConfig(longest=1_000))


def slow(data: Interactions, config: VmisKnnConfig, query: Query) -> dict[int, float]:
    """The same, a session at a time."""
    data = steps(data)
    past: dict[int, list[tuple[int, int]]] = {}
    for session, item, time in zip(
        data.sessions.tolist(), data.items.tolist(), data.times.tolist(), strict=True
    ):
        past.setdefault(session, []).append((item, time))
    lines = [rows for rows in past.values() if len(rows) > 1]
    if data.timed:
        lines.sort(key=lambda rows: rows[-1][1])
    ends = [rows[-1][1] for rows in lines]
    # Each item where it was touched last.
    kept = [
        [item for place, (item, _) in enumerate(rows) if item not in dict(rows[place + 1 :])][
            -config.longest :
        ]
        for rows in lines
    ]
    newest = newest_items(query, config.length).tolist()
    looked_at = set()
    for item in newest:
        having = [number for number, items in enumerate(kept) if item in items]
        looked_at |= set(having[-config.sessions :])
    alike = []
    for number in sorted(looked_at)[-config.sessions :]:
        # Who is beyond the newest of one shared item is not known to share it.
        shared = [
            place
            for place, item in enumerate(newest)
            if item in kept[number]
            and sum(item in later for later in kept[number + 1 :]) < config.sessions
        ]
        age = (max(ends) - ends[number]) / DAY if data.timed else len(kept) - 1 - number
        likeness = sum(config.decay**place for place in shared)
        likeness *= len(kept[number]) ** -config.size_damping
        likeness *= 0.5 ** (age / config.half_life) if config.half_life else 1.0
        alike.append((likeness, number, shared[0]))
    alike = sorted(alike)[-config.neighbours :]
    sums: dict[int, float] = {}
    for likeness, number, place in alike:
        part = (likeness / max(each for each, _, _ in alike)) ** config.contrast
        part *= config.match_decay**place
        at = kept[number].index(newest[place])
        for step, item in enumerate(kept[number]):
            rare = ln((1 + len(kept)) / sum(item in items for items in kept)) ** config.rarity
            before = config.backward if step < at else 1.0
            grown = part * rare * config.step_decay ** abs(step - at) * before
            sums[item] = sums.get(item, 0.0) + grown
    greatest = max(sums.values(), default=0.0)
    sums = {item: score / greatest for item, score in sums.items() if greatest}
    if config.rules:
        rules = TransitionsConfig(
            distance=config.rules_distance,
            backward=config.rules_backward,
            popularity_damping=config.rules_damping,
            length=config.rules_length,
            decay=config.rules_decay,
        )
        found = TRANSITIONS.rank(TRANSITIONS.fit(data, rules), rules, asked(*newest[::-1]), 1_000)
        for item, score in zip(found.items.tolist(), found.scores.tolist(), strict=True):
            sums[item] = sums.get(item, 0.0) + config.rules * score
    return {
        item: score * (config.repeats if item in newest else 1.0)
        for item, score in sums.items()
        if score * (config.repeats if item in newest else 1.0) > 0
    }


configs = st.builds(
    VmisKnnConfig,
    sessions=st.sampled_from([1, 2, 3, 1_000]),
    neighbours=st.just(500),
    length=st.sampled_from([1, 3, 20]),
    longest=st.sampled_from([2, 3, 50]),
    decay=st.sampled_from([0.5, 0.7, 1.0]),
    match_decay=st.sampled_from([0.5, 1.0]),
    step_decay=st.sampled_from([0.5, 1.0]),
    backward=st.sampled_from([0.5, 1.0]),
    contrast=st.sampled_from([1.0, 2.0]),
    size_damping=st.sampled_from([0.0, 0.5]),
    rarity=st.sampled_from([0.0, 1.0]),
    half_life=st.sampled_from([0.0, 500.0]),
    repeats=st.sampled_from([0.5, 1.0, 2.0]),
    rules=st.sampled_from([0.0, 0.5]),
)


@settings(deadline=None)
@given(data=logs(), config=configs, query=queries())
def test_it_says_what_the_slow_way_says(
    data: Interactions, config: VmisKnnConfig, query: Query
) -> None:
    found = VMIS_KNN.rank(VMIS_KNN.fit(data, config), config, query, 1_000)
    fast = dict(zip(found.items.tolist(), found.scores.tolist(), strict=True))
    assert fast == near(slow(data, config, query))


extremes = st.builds(
    VmisKnnConfig,
    sessions=st.sampled_from([1, 10**9]),
    neighbours=st.sampled_from([1, 10**9]),
    length=st.sampled_from([1, 256]),
    longest=st.sampled_from([2, 256]),
    decay=st.sampled_from([0.0, 1e-30, 1.0]),
    match_decay=st.sampled_from([0.0, 1e-30]),
    step_decay=st.sampled_from([0.0, 1e-30]),
    backward=st.sampled_from([0.0, 1.0]),
    contrast=st.sampled_from([0.0, 10.0]),
    size_damping=st.sampled_from([0.0, 10.0]),
    rarity=st.sampled_from([0.0, 10.0]),
    half_life=st.sampled_from([0.0, 1e-9, 1e12]),
    repeats=st.sampled_from([0.0, 10.0]),
    rules=st.sampled_from([0.0, 10.0]),
    rules_decay=st.sampled_from([0.0, 1.0]),
)


@settings(deadline=None)
@given(data=logs(), config=extremes, query=queries())
def test_the_most_extreme_options_give_finite_scores(
    data: Interactions, config: VmisKnnConfig, query: Query
) -> None:
    found = VMIS_KNN.rank(VMIS_KNN.fit(data, config), config, query, 10)
    assert np.isfinite(found.scores).all()
    assert (found.scores > 0).all()
    assert len(set(found.items.tolist())) == len(found.items)


def walks(count: int) -> Interactions:
    """Sessions through one street, each house followed by the next, from a house of their own."""
    return sessions(*(" ".join(str((n + step) % 40) for step in range(3)) for n in range(count)))


def test_what_transitions_count_is_chosen_by_the_newest_sessions() -> None:
    data = walks(1_000)
    chosen = VMIS_KNN.fit(data, VmisKnnConfig())["mix"].tolist()
    for rules in (0.0, 0.1, 0.3, 1.0, 1.5):
        set_ = VMIS_KNN.fit(data, VmisKnnConfig(rules=rules, repeats=1.0))
        assert set_["mix"].tolist() == [rules, 1.0]
    assert chosen[0] in (0.0, 0.1, 0.3, 1.0, 1.5)
    found = VMIS_KNN.rank(VMIS_KNN.fit(data, VmisKnnConfig()), VmisKnnConfig(), asked(7), 100)
    assert found.items[np.argmax(found.scores)] == 8


def test_what_is_chosen_is_better_than_what_is_not() -> None:
    data = walks(1_000)
    rest = data.rows(data.sessions < 900)

    def gain(**options: Any) -> float:
        config = VmisKnnConfig(**options)
        arrays = VMIS_KNN.fit(rest, config)
        ranks = []
        for session in range(900, 1_000):
            first, second, _ = data.items[data.sessions == session].tolist()
            found = VMIS_KNN.rank(arrays, config, asked(first), 100)
            own = found.scores[found.items == second]
            ranks.append(1 + np.count_nonzero(found.scores > own[0]) if len(own) else np.inf)
        return float(np.mean(1 / np.array(ranks)))

    rules, repeats = VMIS_KNN.fit(data, VmisKnnConfig())["mix"].tolist()
    assert gain(rules=rules, repeats=repeats) >= gain(rules=0.0, repeats=1.0)
    assert gain(rules=rules, repeats=repeats) == 1
    # Nobody comes back, so that nothing is gained by showing again what was seen.
    assert repeats == 1


def test_a_few_sessions_choose_nothing() -> None:
    assert VMIS_KNN.fit(walks(100), VmisKnnConfig())["mix"].tolist() == [0.3, 1.0]
