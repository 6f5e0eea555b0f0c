"""What no rule, pin or chance can do: show what must not be shown, or say a wrong probability."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.model.clock import DAY
from persx.model.item import Action, Touch
from persx.model.pipeline import RankingRule
from persx.recommend.ranking.known import Wanted
from persx.recommend.ranking.rank import rank
from persx.recommend.result import WhyKind
from tests.recommend.scripted import NOW, catalogue_of, ids_of, item, pipeline, ready

NAMES = tuple("abcdefghij")
CATEGORIES = ((), ("Running",), ("Running", "Shoes"), ("Outdoor",))

names = st.sampled_from(NAMES)
some = st.lists(names, max_size=4, unique=True)
scores = st.dictionaries(names, st.floats(-5, 100, width=32), max_size=10)
whens = st.sampled_from(
    [
        "",
        "item.price > 30",
        '"Running" in item.category',
        'item.brand == "Wren"',
        "days_since(item.added) > 1",
        'plan == "free" and item.price < 40',
        "item.price < anchor.price",
        "item.brand == anchor.brand",
    ]
)
rules = st.builds(
    RankingRule,
    do=st.sampled_from(["exclude", "include", "boost", "bury", "pin"]),
    when=whens,
    items=some.map(tuple),
    by=st.floats(1.5, 50),
    place=st.integers(1, 6),
)
facts = st.fixed_dictionaries(
    {
        "price": st.one_of(st.none(), st.floats(0, 100)),
        "category": st.sampled_from(CATEGORIES),
        "brand": st.sampled_from(["", "Wren", "Heron"]),
        "available": st.sampled_from([True, True, True, False]),
        "hidden": st.sampled_from([False, False, False, True]),
        "added": st.integers(1, NOW),
    }
)
catalogues = st.dictionaries(names, facts, max_size=10).map(
    lambda found: catalogue_of(*(item(name, **each) for name, each in found.items()))
)
touches = st.lists(
    st.builds(Touch, names, st.sampled_from(list(Action)), st.integers(NOW - 60 * DAY, NOW)),
    max_size=8,
).map(lambda found: tuple(sorted(found, key=lambda touch: touch.at)))


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    catalogue = draw(catalogues)
    document = pipeline(
        *draw(st.lists(rules, max_size=4)),
        sources=draw(st.integers(1, 3)),
        fillers=draw(st.integers(0, 2)),
        only=tuple(draw(st.one_of(st.just([]), some))),
        not_bought_within=draw(st.sampled_from(["", "30d"])),
        not_viewed_within=draw(st.sampled_from(["", "2d"])),
        price_from=draw(st.sampled_from([None, 10.0])),
        price_to=draw(st.sampled_from([None, 60.0])),
        price_near=draw(st.sampled_from([None, 0.5])),
        category_cap=draw(st.integers(0, 3)),
        diversity=draw(st.sampled_from([0.0, 0.4, 1.0])),
        explore=draw(st.sampled_from([0.0, 0.5, 1.0])),
    )
    known = [each.id for each in catalogue.items if each is not None]
    said = [
        {name: score for name, score in draw(scores).items() if name in known}
        for _ in document.sources
    ]
    seed = draw(st.integers(0, 10**6))
    anchored = draw(st.sampled_from(known)) if known and draw(st.booleans()) else ""
    wanted = Wanted(
        count=draw(st.integers(0, 7)),
        now=NOW,
        touches=draw(touches),
        anchor=catalogue.code(anchored),
        exclude=draw(some),
        only=draw(st.one_of(st.none(), some)),
        attributes={"plan": draw(st.sampled_from(["free", "paid"]))},
        draw=lambda place: (seed * 7919 + place * 104_729) % 1_009 / 1_009,
    )
    return {
        "document": document,
        "catalogue": catalogue,
        "wanted": wanted,
        "prepared": ready(document, catalogue, *said),
    }


@settings(max_examples=400, deadline=None)
@given(cases())
def test_what_must_not_be_shown_is_not_shown(case: dict[str, Any]) -> None:
    document, catalogue, wanted = case["document"], case["catalogue"], case["wanted"]
    found = ids_of(case["prepared"], rank(case["prepared"], wanted))
    assert len(found) == len(set(found)) <= wanted.count
    for name in found:
        shown = catalogue.get(name)
        assert shown is not None
        assert shown.available
        assert not shown.hidden
        assert name not in wanted.exclude
        assert catalogue.codes[name] != wanted.anchor
        assert wanted.only is None or name in wanted.only
        assert not document.only or name in document.only
        for least, holds in ((document.price_from, "from"), (document.price_to, "to")):
            if least is not None:
                assert shown.price is not None
                assert shown.price >= least if holds == "from" else shown.price <= least + 1e-3
        for rule in document.rules:
            named = not rule.items or name in rule.items
            if not rule.when:
                assert rule.do != "exclude" or not named
                assert rule.do != "include" or named
    for touch in wanted.touches:
        if document.not_bought_within and touch.action is Action.BOUGHT:
            assert touch.item not in found or NOW - touch.at >= 30 * DAY
        if document.not_viewed_within and touch.action is Action.VIEWED:
            assert touch.item not in found or NOW - touch.at >= 2 * DAY


@settings(max_examples=300, deadline=None)
@given(cases())
def test_caps_hold_for_all_that_is_not_pinned(case: dict[str, Any]) -> None:
    cap = case["document"].category_cap
    found = rank(case["prepared"], case["wanted"])
    pinned = {each.item for each in found if each.why.kind is WhyKind.CHOSEN}
    columns = case["catalogue"].columns
    counts = Counter(int(columns.category[each.item]) for each in found)
    of_pins = Counter(int(columns.category[code]) for code in pinned)
    for category, count in counts.items():
        assert not cap or category < 0 or count <= max(cap, of_pins[category])


@settings(max_examples=200, deadline=None)
@given(cases())
def test_the_same_values_give_the_same_list(case: dict[str, Any]) -> None:
    assert rank(case["prepared"], case["wanted"]) == rank(case["prepared"], case["wanted"])


@settings(max_examples=200, deadline=None)
@given(cases())
def test_pins_are_at_their_places_or_above(case: dict[str, Any]) -> None:
    """A pin is not below its place; it is at it where nothing before it is missing."""
    document, wanted = case["document"], case["wanted"]
    found = ids_of(case["prepared"], rank(case["prepared"], wanted))
    for rule in document.rules:
        alone = [each for each in document.rules if each.do in ("pin", "exclude", "include")]
        if rule.do != "pin" or rule.when or len(rule.items) != 1 or len(alone) > 1:
            continue
        name = rule.items[0]
        if name in found and len(found) >= rule.place:
            assert found.index(name) == rule.place - 1


@settings(max_examples=100, deadline=None)
@given(cases())
def test_probabilities_of_the_first_place_add_up_to_one(case: dict[str, Any]) -> None:
    """Chance is walked through evenly: how often each comes first is what is logged of it."""
    prepared, wanted = case["prepared"], case["wanted"]
    steps = 5_040
    shares: Counter[int] = Counter()
    told: dict[int, float] = {}
    for step in range(0, steps, 7):
        number = (step + 3.5) / steps
        found = rank(
            prepared,
            Wanted(
                count=1,
                now=wanted.now,
                touches=wanted.touches,
                anchor=wanted.anchor,
                exclude=wanted.exclude,
                only=wanted.only,
                attributes=wanted.attributes,
                draw=lambda _, number=number: number,
            ),
        )
        if found:
            shares[found[0].item] += 1
            assert told.setdefault(found[0].item, found[0].propensity) == found[0].propensity
    if told:
        assert sum(told.values()) == pytest.approx(1)
        for code, count in shares.items():
            assert count / (steps / 7) == pytest.approx(told[code], abs=0.01)
