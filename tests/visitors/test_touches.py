"""Touches: what counts as one, and the same state in any order however many there are."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.model.attribute import Attribute, Computation, Purpose, Source, ValueType
from persx.model.clock import DAY
from persx.model.event import Event, EventType, anonymous_key
from persx.model.item import Action, Touch
from persx.model.pipeline import Pipeline, PipelineSource
from persx.model.visitor import IdentityState
from persx.model.workspace import Workspace
from persx.visitors.computed.touches import MOST, MOST_PURCHASES, Touches, touched, touches_of
from persx.visitors.fold import Fold, computed_key
from persx.visitors.profile import assemble
from persx.visitors.touched import TOUCHES, touches_attribute
from persx.workspace.snapshot import effective_attributes

KIND = Touches()
HOW = Computation(kind="touches")
NOW = 10_000


def made(name: str = "", /, type: EventType = EventType.TRACK, at: int = 5, **said: Any) -> Event:
    return Event(
        type=type,
        name=name or None,
        message_id=f"{name}{at}",
        anonymous_id="v",
        timestamp=at,
        received=at,
        properties=said,
    )


def page(path: str, at: int = 5) -> Event:
    return made(type=EventType.PAGE, at=at, path=path)


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        (made("Product Viewed", product_id="a"), [(Action.VIEWED, "a")]),
        (made("Item Viewed", item_id="a"), [(Action.VIEWED, "a")]),
        (made("Recommendation Clicked", item_id="a"), [(Action.VIEWED, "a")]),
        (made("Product Added", sku=7), [(Action.ADDED, "7")]),
        (made("Product Viewed", product_id="a", sku="b"), [(Action.VIEWED, "a")]),
        (
            made("Order Completed", products=[{"product_id": "a"}, {"sku": "b"}, {}, "odd"]),
            [(Action.BOUGHT, "a"), (Action.BOUGHT, "b")],
        ),
        (page("/shoes/wren/?size=4#top"), [(Action.VIEWED, "/shoes/wren")]),
        (page("/"), []),
        (page("no path"), []),
        (page("/" + "x" * 300), []),
        (made("Product Viewed", product_id="/shoes"), []),
        (made("Product Viewed", product_id={"nested": 1}), []),
        (made("Product Viewed", name="Wren"), []),
        (made("Product Removed", product_id="a"), []),
        (made("page", path="/a"), []),
    ],
)
def test_what_an_event_says(event: Event, wanted: list[tuple[Action, str]]) -> None:
    assert list(touched(event)) == wanted


def test_the_newest_of_each_counts_once_and_comes_last() -> None:
    events = [
        made("Product Viewed", at=3, product_id="a"),
        made("Product Viewed", at=9, product_id="b"),
        made("Product Viewed", at=7, product_id="a"),
        made("Product Added", at=8, product_id="a"),
    ]
    state = reduce(lambda kept, event: KIND.add(kept, event, HOW), events, KIND.zero())
    assert touches_of(state) == (
        Touch("a", Action.VIEWED, 7),
        Touch("a", Action.ADDED, 8),
        Touch("b", Action.VIEWED, 9),
    )
    assert KIND.value(state, NOW, HOW) == ["b", "a"], "for rules: newest first, each once"
    assert KIND.changed(state, HOW) == 9
    assert KIND.value(None, NOW, HOW) is None


def bought(at: int, *items: str) -> Event:
    return made("Order Completed", at=at, products=[{"product_id": item} for item in items])


def test_each_day_on_which_something_was_bought_is_told() -> None:
    events = [
        bought(20 * DAY + 5, "a"),
        bought(DAY, "a", "b"),
        bought(20 * DAY + 9, "a"),
        bought(8 * DAY, "a:1"),
        made("Product Viewed", at=21 * DAY, product_id="a"),
    ]
    state = reduce(lambda kept, event: KIND.add(kept, event, HOW), events, KIND.zero())
    assert touches_of(state) == (
        Touch("a", Action.BOUGHT, DAY),
        Touch("b", Action.BOUGHT, DAY),
        Touch("a:1", Action.BOUGHT, 8 * DAY),
        Touch("a", Action.BOUGHT, 20 * DAY + 9),
        Touch("a", Action.VIEWED, 21 * DAY),
    )
    assert KIND.value(state, NOW, HOW) == ["a", "a:1", "b"], "for rules each is there once"


def test_of_what_was_bought_on_very_many_days_the_newest_are_kept() -> None:
    state = KIND.zero()
    for day in range(300):
        state = KIND.add(state, bought(day * DAY, "a"), HOW)
    found = touches_of(state)
    assert [touch.at // DAY for touch in found] == list(range(200, 300))
    # What was kept before days were: the newest purchase alone.
    assert touches_of({"ba": 7, "vb": 5}) == (
        Touch("b", Action.VIEWED, 5),
        Touch("a", Action.BOUGHT, 7),
    )


many = st.lists(
    st.tuples(
        st.sampled_from(["Product Viewed", "Product Added", "Order Completed"]),
        st.integers(0, 260),
        st.integers(0, 400).map(lambda hours: hours * DAY // 24),
    ),
    max_size=500,
).map(lambda found: [made(name, at=at, product_id=str(item)) for name, item, at in found])


@settings(max_examples=60, deadline=None)
@given(many, st.randoms(use_true_random=False), st.integers(0, 500))
def test_the_cap_keeps_the_state_independent_of_order_and_batches(
    events: list[Event], chance: Any, cut: int
) -> None:
    def folded(some: list[Event]) -> Any:
        return reduce(lambda kept, event: KIND.add(kept, event, HOW), some, KIND.zero())

    whole = folded(events)
    mixed = list(events)
    chance.shuffle(mixed)
    assert folded(mixed) == whole
    assert KIND.merge(folded(mixed[:cut]), folded(mixed[cut:]), HOW) == whole
    assert len(whole or {}) <= MOST + MOST_PURCHASES


def test_a_visitor_with_fifty_thousand_events_keeps_the_newest() -> None:
    state = KIND.zero()
    for at in range(50_000):
        state = KIND.add(state, made("Product Viewed", at=at, product_id=str(at)), HOW)
    assert [touch.item for touch in touches_of(state)] == [str(at) for at in range(49_800, 50_000)]


# -- in profiles ----------------------------------------------------------------------------------


def states(attribute: Attribute, *events: Event) -> list[IdentityState]:
    projected = Fold({attribute.name: attribute}).fold(events)
    return list(projected.states.values())


def test_a_workspace_with_a_pipeline_keeps_touches_by_itself() -> None:
    assert TOUCHES not in effective_attributes(Workspace())
    pipelines = {"p": Pipeline(name="p", sources=(PipelineSource(recommender="popularity"),))}
    found = effective_attributes(Workspace(pipelines=pipelines))
    assert found[TOUCHES].purpose is Purpose.PERSONALIZATION
    own = Attribute(name="seen", type=ValueType.STRINGS, source=Source.COMPUTED, compute=HOW)
    found = effective_attributes(Workspace(pipelines=pipelines, attributes={"seen": own}))
    assert TOUCHES not in found, "what is declared is enough"


def test_touches_are_in_the_profile_where_their_purpose_is_granted() -> None:
    attribute = touches_attribute(())
    assert attribute is not None
    kept = states(attribute, made("Product Viewed", product_id="a"), page("/b", at=6))
    attributes = {attribute.name: attribute}
    known = assemble(kept, attributes, NOW, granted=frozenset(Purpose))
    assert [touch.item for touch in known.touches] == ["a", "/b"]
    withheld = assemble(kept, attributes, NOW, granted=frozenset({Purpose.ANALYTICS}))
    assert withheld.touches == ()
    assert withheld.withheld == {TOUCHES: Purpose.PERSONALIZATION}
    unknown = assemble(kept, attributes, NOW, granted=frozenset(Purpose), ready=frozenset())
    assert unknown.touches == (), "not known until they are backfilled"
    assert assemble(kept, {}, NOW, granted=frozenset(Purpose)).touches == ()


def test_identities_that_belong_together_have_the_touches_of_both() -> None:
    attribute = touches_attribute(())
    assert attribute is not None
    one = states(attribute, made("Product Viewed", product_id="a"))[0]
    other = IdentityState(
        identity=anonymous_key("w"),
        first_seen=1,
        last_seen=1,
        events=1,
        computed={computed_key(attribute): {"vb": 9, "va": 2}},
    )
    found = assemble([one, other], {TOUCHES: attribute}, NOW, granted=frozenset(Purpose))
    assert found.touches == (Touch("a", Action.VIEWED, 5), Touch("b", Action.VIEWED, 9))
