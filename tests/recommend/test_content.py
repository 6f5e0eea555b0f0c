"""content: neighbours by what stands in items, and newcomers among them at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.model.item import Item, ItemId
from persx.recommend.catalogue import NO_CATALOGUE, Catalogue
from persx.recommend.content_index import SCALE, content_index, indexed, outlines
from persx.recommend.content_vectors import (
    ContentWeights,
    features,
    having,
    rareness,
    vectors,
    words,
)
from persx.recommend.interactions import Interactions
from persx.recommend.newcomers import Newcomers, beside
from persx.recommend.query import NOTHING, Query
from persx.recommend.recommenders import RECOMMENDERS
from persx.recommend.recommenders.content import CONTENT, ContentConfig, summed
from persx.recommend.recommenders.kind import Arrays

CONFIG = ContentConfig()
_NONE = np.empty(0, dtype=np.int32)


def item(id: str, title: str, *category: str, **facts: Any) -> Item:
    return Item(id=ItemId(id), title=title, category=category, **facts)


SHELF = [
    item("wren", "Wren running shoe", "Running", "Shoes", brand="Wren", tags=("road",)),
    item("heron", "Heron running shoe", "Running", "Shoes", brand="Heron", tags=("road",)),
    item("mud", "Chamois trail shoe", "Running", "Shoes", brand="Chamois", tags=("trail",)),
    item("cap", "Sun cap", "Running", "Clothes", text="Keeps the sun out of your eyes."),
    item("flask", "Soft flask", "Running", "Gear", text="Half a litre of water."),
    item("pan", "Iron pan", "Kitchen", "Pans", text="For eggs and steaks."),
    item("pot", "Iron pot", "Kitchen", "Pots", text="For soups. Iron, heavy."),
]


def interactions(items: list[Item], ids: list[str] | None = None) -> Interactions:
    return Interactions(
        users=_NONE, items=_NONE, times=np.empty(0, dtype=np.int64), sessions=_NONE,
        actions=np.empty(0, dtype=np.uint8), ids=ids or [each.id for each in items],
        user_count=0, catalogue={each.id: each for each in items},
    )  # fmt: skip


def fitted(items: list[Item], config: ContentConfig = CONFIG) -> Arrays:
    return CONTENT.fit(interactions(items), config)


def query(*codes: int, anchor: int = NOTHING, actions: tuple[int, ...] = ()) -> Query:
    return Query(
        items=np.array(codes, dtype=np.int32),
        ages=np.arange(len(codes), dtype=np.float32)[::-1],
        actions=np.array(actions or [0] * len(codes), dtype=np.uint8),
        anchor=anchor,
    )


def ranked(arrays: Arrays, asked: Query, config: ContentConfig = CONFIG) -> list[str]:
    found = CONTENT.rank(arrays, config, asked, 20)
    return [SHELF[code].id for code in found.items[np.argsort(-found.scores)]]


def test_it_is_registered() -> None:
    assert RECOMMENDERS["content"] is CONTENT


def test_neighbours_are_alike() -> None:
    arrays = fitted(SHELF)
    assert ranked(arrays, query(anchor=0))[:2] == ["heron", "mud"]
    assert ranked(arrays, query(anchor=5))[0] == "pot"
    assert "pan" not in ranked(arrays, query(anchor=0))
    assert 0 not in arrays["neighbours"][0], "nothing is its own neighbour"
    assert np.all(np.diff(arrays["similarities"], axis=1) <= 0), "the nearest first"


def test_a_similarity_is_between_0_and_1_and_the_same_both_ways() -> None:
    arrays = fitted(SHELF)
    near = {
        (code, int(other)): float(value)
        for code, row in enumerate(arrays["neighbours"])
        for other, value in zip(row, arrays["similarities"][code], strict=True)
        if other != NOTHING
    }
    assert near
    for (one, other), value in near.items():
        assert 0 < value <= 1 + 1e-6
        assert near[other, one] == pytest.approx(value)


def test_what_was_touched_last_counts_most_and_is_the_reason() -> None:
    arrays = fitted(SHELF)
    assert ranked(arrays, query(0, 0, 0, 5))[0] in ("heron", "pot")
    old = Query(
        items=np.array([5, 0], dtype=np.int32), ages=np.array([70.0, 0.0], dtype=np.float32),
        actions=np.zeros(2, dtype=np.uint8),
    )  # fmt: skip
    assert ranked(arrays, old)[0] == "heron"
    found = CONTENT.rank(arrays, CONFIG, old, 20)
    assert found.because is not None
    reasons = dict(zip(found.items.tolist(), found.because.tolist(), strict=True))
    assert (reasons[1], reasons[6]) == (0, 5)


def test_the_item_of_the_page_counts_more_than_the_past() -> None:
    assert ranked(fitted(SHELF), query(0, 1, 2, anchor=5))[0] == "pot"


def test_what_was_bought_counts_more_than_what_was_seen() -> None:
    config = ContentConfig(half_life=0, bought=5.0)
    arrays = fitted(SHELF, config)
    assert ranked(arrays, query(5, 0, actions=(2, 0)), config)[0] == "pot"
    assert ranked(arrays, query(5, 0, actions=(0, 2)), config)[0] == "heron"


def test_who_touched_nothing_gets_nothing() -> None:
    arrays = fitted(SHELF)
    for asked in (query(), query(99), query(-1), query(anchor=99)):
        assert len(CONTENT.rank(arrays, CONFIG, asked, 10).items) == 0


def test_items_that_nobody_knows_have_no_neighbours() -> None:
    arrays = CONTENT.fit(interactions(SHELF, [*(each.id for each in SHELF), "ghost"]), CONFIG)
    assert (arrays["neighbours"][7] == NOTHING).all()
    assert len(CONTENT.rank(arrays, CONFIG, query(7), 10).items) == 0


def test_a_catalogue_of_none_and_of_one() -> None:
    for items in ([], SHELF[:1]):
        arrays = fitted(items)
        assert len(CONTENT.rank(arrays, CONFIG, query(0, anchor=0), 10).items) == 0
    blank = fitted([item("a", ""), item("b", "")])
    assert (blank["neighbours"] == NOTHING).all()


def test_the_same_data_gives_the_same_arrays_and_progress_is_told() -> None:
    shares: list[float] = []
    first = CONTENT.fit(interactions(SHELF), CONFIG, shares.append)
    second = CONTENT.fit(interactions(SHELF), CONFIG)
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert CONTENT.memory(interactions(SHELF), CONFIG) > 0


def test_limits_are_kept() -> None:
    many = [item(f"i{n:03}", f"red shoe {n}", "Shoes") for n in range(200)]
    config = ContentConfig(neighbours=7)
    arrays = fitted([*many, *SHELF], config)
    assert arrays["neighbours"].shape == (207, 7)
    found = CONTENT.rank(arrays, config, query(0, 1, 2, 3), 5)
    assert len(found.items) == len(set(found.items.tolist())) == 5


def test_words_of_many_languages() -> None:
    assert list(words("Ｆｕｌｌ ÉTÉ naïve_x 3-in-1")) == [
        "full",
        "été",
        "naïve",
        "x",
        "3",
        "in",
        "1",
    ]
    assert list(words("ランニング")) == ["ラン", "ンニ", "ニン", "ング"]
    shelf = [item("a", "跑步鞋 红色"), item("b", "跑步鞋 蓝色"), item("c", "茶杯")]
    assert fitted(shelf)["neighbours"][0].tolist()[0] == 1
    umlaut = [item("a", "Laufschuh Grün"), item("b", "LAUFSCHUH blau"), item("c", "Tasse")]
    assert fitted(umlaut)["neighbours"][0].tolist()[0] == 1


def test_outlines_are_as_alike_as_the_vectors_are() -> None:
    rng = np.random.default_rng(5)
    many = [
        item(f"i{n}", " ".join(f"word{w}" for w in (400 * rng.random(12) ** 2).astype(int)))
        for n in range(300)
    ]
    found = features(many, ContentWeights())
    made = vectors(found, rareness(having(found), found.size), ContentWeights())
    outlined = outlines(made).astype(np.float64) / SCALE
    lengths = np.sqrt(np.asarray(made.multiply(made).sum(axis=1)))
    exact = (made @ made.T).toarray() / (lengths @ lengths.T)
    errors = outlined @ outlined.T - exact
    assert np.sqrt((errors**2).mean()) < 0.1
    assert np.abs(np.diagonal(errors)).max() < 0.05
    assert not outlines(made[:0]).size


def test_an_index_that_is_read_in_pieces_is_the_same() -> None:
    many = [*(item(f"i{n}", f"word{n % 7} thing{n % 11}") for n in range(1_100)), None]
    weights = ContentWeights()
    found = features(many, weights)
    rare = rareness(having(found), found.size)
    whole, pieces = indexed(vectors(found, rare, weights), rare), content_index(many, weights)
    assert whole.keys() == pieces.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(array, pieces[name])


def test_what_everybody_says_tells_nothing() -> None:
    many = [item(f"i{n:03}", f"buy now free shipping word{n // 2}") for n in range(100)]
    arrays = fitted(many)
    assert arrays["neighbours"][0, :2].tolist() == [1, NOTHING]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.builds(
    item, st.uuids().map(str), st.text(max_size=30), st.text(max_size=5),
    text=st.text(max_size=60), brand=st.text(max_size=4),
    tags=st.lists(st.text(max_size=3), max_size=3).map(tuple),
), max_size=12))  # fmt: skip
def test_any_texts_make_vectors_of_length_1_at_most(items: list[Item]) -> None:
    weights = ContentWeights()
    found = features(items, weights)
    made = vectors(found, rareness(having(found), found.size), weights)
    assert made.shape[0] == len(items)
    lengths = np.sqrt(np.asarray(made.multiply(made).sum(axis=1))).ravel()
    # Features that are hashed to one place add up: a little more than 1 is possible.
    assert (lengths <= 1.5).all()
    assert np.isfinite(made.data).all()


NEW = [
    item("skylark", "Skylark running shoe", "Running", "Shoes", tags=("road",)),
    item("lark", "Lark running shoe for the road", "Running", "Shoes", tags=("road",)),
    item("ladle", "Iron ladle", "Kitchen", "Gear"),
]


def newcomers(config: ContentConfig = CONFIG) -> tuple[Newcomers, Catalogue]:
    arrays = fitted(SHELF, config)
    known = {each.id: code for code, each in enumerate(SHELF)}
    before = NO_CATALOGUE.changed({each.id: each for each in SHELF})
    return beside(arrays, config, known), before


def names(found: Newcomers, asked: Query) -> list[str]:
    got = found.rank(asked, 20)
    ids = [*(each.id for each in SHELF), *found.ids]
    return [ids[code] for code in got.items[np.argsort(-got.scores)]]


def test_newcomers_are_near_to_what_was_there_and_what_was_there_to_them() -> None:
    none, before = newcomers()
    none = none.with_those_of(before)
    assert none.complete
    assert len(none.rank(query(0), 10).items) == 0
    assert none.with_those_of(before) is none
    found = none.with_those_of(before.changed({each.id: each for each in NEW}))
    assert found.ids == ("skylark", "lark", "ladle")
    assert [found.code(each) for each in ("wren", "skylark", "ladle", "x")] == [0, 7, 9, NOTHING]
    assert found.id(8) == "lark"
    assert set(names(found, query(anchor=0))[:2]) == {"skylark", "lark"}
    assert names(found, query(anchor=7))[0] in ("lark", "wren", "heron")
    assert {"lark", "wren", "heron"} <= set(names(found, query(anchor=7)))
    assert "ladle" in names(found, query(5))
    got = found.rank(query(0, 5), 20)
    assert got.because is not None
    because = dict(zip(got.items.tolist(), got.because.tolist(), strict=True))
    assert (because[7], because[9]) == (0, 5)


def test_one_by_one_is_the_same_as_all_at_once() -> None:
    none, before = newcomers()
    after = before.changed({each.id: each for each in NEW})
    at_once = none.with_those_of(after)
    step, catalogue = none.with_those_of(before), before
    for each in NEW:
        catalogue = catalogue.changed({each.id: each})
        step = step.with_those_of(catalogue)
    piecewise = none
    while not piecewise.complete or piecewise.looked_at < after.size:
        piecewise = piecewise.with_those_of(after, most=1)
    for other in (step, piecewise):
        assert other.ids == at_once.ids
        for code in range(at_once.size):
            one = sorted(zip(*(a.tolist() for a in at_once.neighbours(code)), strict=True))
            two = sorted(zip(*(a.tolist() for a in other.neighbours(code)), strict=True))
            assert [a for a, _ in one] == [a for a, _ in two]
            assert [b for _, b in one] == pytest.approx([b for _, b in two])


def test_a_newcomer_is_as_alike_as_after_a_training() -> None:
    none, before = newcomers()
    found = none.with_those_of(before.changed({each.id: each for each in NEW}))
    near = dict(zip(*(each.tolist() for each in found.neighbours(7)), strict=True))
    trained = fitted([*SHELF, *NEW])
    after = dict(
        zip(trained["neighbours"][7].tolist(), trained["similarities"][7].tolist(), strict=True)
    )
    for code in (0, 1, 8):
        # What is rare changes a little with each item.
        assert near[code] == pytest.approx(after[code], abs=0.15)


def test_a_pipeline_without_content_has_newcomers_too() -> None:
    none, before = newcomers()
    index = content_index(list(SHELF), CONFIG.weights)
    other = beside(index, CONFIG, none.known).with_those_of(before.changed({NEW[0].id: NEW[0]}))
    assert {"wren", "heron"} <= set(names(other, query(anchor=7)))


def test_removed_items_and_an_empty_artifact() -> None:
    none, before = newcomers()
    gone = before.changed({NEW[0].id: NEW[0]}).changed({NEW[0].id: None})
    assert none.with_those_of(gone).ids == ()
    empty = beside(fitted([]), CONFIG, {}).with_those_of(before)
    assert len(empty.ids) == len(SHELF)
    assert "heron" in [empty.id(int(code)) for code in empty.rank(query(anchor=0), 9).items]


def test_arrays_may_be_mapped_from_files(tmp_path: Path) -> None:
    none, before = newcomers()
    for name, array in none.arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    mapped = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in none.arrays}
    after = before.changed({each.id: each for each in NEW})
    found = beside(mapped, CONFIG, none.known).with_those_of(after)
    assert names(found, query(0)) == names(none.with_those_of(after), query(0))
    assert ranked(mapped, query(anchor=0))[:1] == ["heron"]


def test_scores_of_one_item_add_up() -> None:
    found = summed(
        np.array([4, 2, 4], dtype=np.int32), np.array([0.5, 0.7, 0.3], dtype=np.float32),
        np.array([8, 9, 7], dtype=np.int32), 10,
    )  # fmt: skip
    assert found.because is not None
    told = zip(found.items.tolist(), found.scores.tolist(), found.because.tolist(), strict=True)
    assert sorted(told) == [(2, pytest.approx(0.7), 9), (4, pytest.approx(0.8), 8)]
