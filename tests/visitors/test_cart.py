"""The live cart: whatever the order and the batches of its events, it holds what was left in it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.model.attribute import Computation, State
from persx.model.clock import DAY, HOUR
from persx.model.event import Event, EventType
from persx.visitors.computed import COMPUTED
from persx.visitors.computed.cart import MOST_CHANGES

NOW = 1_795_773_600_000
CART = COMPUTED["cart"]


def track(name: str, at: int, number: int, **properties: Any) -> Event:
    return Event(
        type=EventType.TRACK,
        message_id=f"m{number:04d}",
        anonymous_id="v",
        name=name,
        timestamp=at,
        received=NOW,
        properties=properties,
    )


def added(hours: float, product: str, price: Any = 10, **more: Any) -> Event:
    at = NOW - int(hours * HOUR)
    return track("Product Added", at, at % 9973, product_id=product, price=price, **more)


def removed(hours: float, product: str, **more: Any) -> Event:
    at = NOW - int(hours * HOUR)
    return track("Product Removed", at, at % 9973, product_id=product, **more)


def ordered(hours: float) -> Event:
    at = NOW - int(hours * HOUR)
    return track("Order Completed", at, at % 9973, revenue=10)


def fold(events: list[Event], definition: Computation) -> State:
    state = CART.zero()
    for event in events:
        state = CART.add(state, event, definition)
    return state


def holds(*events: Event, now: int = NOW, **options: Any) -> Any:
    definition = Computation(kind="cart", options=options)
    assert CART.check(definition) == []
    forwards = CART.value(fold(list(events), definition), now, definition)
    backwards = CART.value(fold(list(events[::-1]), definition), now, definition)
    assert forwards == backwards
    return forwards


def test_it_counts_pieces_and_adds_up_their_prices() -> None:
    events = (added(3, "shoe", 89.9), added(2, "sock", "9.5", quantity=2), added(1, "shoe", 89.9))
    assert holds(*events) == 198.8
    assert holds(*events, value="items") == 4
    assert holds(*events, value="products") == ["shoe", "sock"]
    assert holds(*events, value="units") == ["shoe", "shoe", "sock", "sock"]


def test_taking_out_says_how_many_or_means_all() -> None:
    shoes = added(5, "shoe", quantity=3)
    assert holds(shoes, removed(4, "shoe", quantity=1), value="items") == 2
    assert holds(shoes, removed(4, "shoe"), value="items") == 0
    assert holds(shoes, removed(4, "sock"), value="items") == 3


def test_taking_out_more_than_there_is_makes_no_debt() -> None:
    events = (removed(9, "shoe", quantity=5), added(8, "shoe"), removed(7, "shoe", quantity=4))
    assert holds(*events, added(6, "shoe", quantity=2), value="items") == 2


def test_an_order_empties_it_and_what_comes_late_from_before_stays_out() -> None:
    assert holds(added(5, "shoe"), ordered(4)) == 0
    # The order is told before the addition that it holds.
    assert holds(ordered(4), added(5, "shoe"), added(3, "sock", 7)) == 7


def test_it_expires_after_a_long_pause_and_begins_anew() -> None:
    old, new = added(40 * 24, "shoe"), added(1, "sock", 7)
    assert holds(old) == 0
    assert holds(old, expires="60d") == 10
    assert holds(old, new) == 7
    assert holds(new, now=NOW + 31 * DAY) == 0


def test_the_newest_price_holds_and_one_that_is_not_told_changes_nothing() -> None:
    assert holds(added(3, "shoe", 100), added(2, "shoe", 80), added(1, "shoe", None)) == 240


def test_currencies_are_not_mixed() -> None:
    euro, dollar = added(3, "a", 10, currency="EUR"), added(2, "b", 20, currency="usd")
    anything = added(1, "c", 5)
    assert holds(euro, anything) == 15
    assert holds(euro, dollar) is None
    assert holds(euro, dollar, anything, currency="EUR") == 15
    assert holds(euro, dollar, anything, currency="usd") == 25
    assert holds(euro, dollar, value="items") == 2


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"product_id": ""},
        {"product_id": "a", "quantity": -1},
        {"product_id": "a", "quantity": 1e9},
        {"product_id": "a", "quantity": 0},
        {"product_id": {"deep": 1}},
        {"product_id": "x" * 500},
    ],
)
def test_what_makes_no_sense_is_not_in_it(properties: dict[str, Any]) -> None:
    assert holds(track("Product Added", NOW - HOUR, 1, **properties), value="items") == 0


@pytest.mark.parametrize("price", [-5, "free", float("inf"), 1e300, None, [], True])
def test_a_price_that_is_none_counts_nothing(price: Any) -> None:
    assert holds(added(1, "a", price), added(2, "b", 3)) == 3


def test_it_stays_small_and_keeps_the_newest() -> None:
    definition = Computation(kind="cart", options={"value": "products"})
    events = [track("Product Added", NOW - n, n, product_id=f"p{n}") for n in range(1, 2_000)]
    state = fold(events, definition)
    assert len(CART.value(state, NOW, definition)) == MOST_CHANGES  # type: ignore[arg-type]
    assert CART.value(state, NOW, definition)[0] == "p1"  # type: ignore[index]
    assert len(msgspec.json.encode(state)) < 40_000


def test_its_definition_is_checked() -> None:
    assert "event" in CART.check(Computation(kind="cart", event="Product Added"))[0]
    assert "currency" in CART.check(Computation(kind="cart", options={"currency": "euros"}))[0]
    assert "value" in CART.check(Computation(kind="cart", options={"value": "sum"}))[0]
    assert CART.check(Computation(kind="cart", property="price")) != []


moments = st.one_of(
    st.integers(NOW - 90 * DAY, NOW), st.integers(0, 8).map(lambda n: NOW - n * 20 * DAY)
)
events = st.builds(
    lambda *parts: parts,
    st.sampled_from(["Product Added", "Product Added", "Product Removed", "Order Completed"]),
    moments,
    st.sampled_from(["a", "b", "c", 7, None]),
    st.sampled_from([None, 1, 2, 1.5, "2", -1]),
    st.sampled_from([None, 10, "9.99", -1]),
)
histories = st.lists(events, max_size=20).map(
    lambda many: [
        track(name, at, n, product_id=product, quantity=quantity, price=price, category=f"c{n % 2}")
        for n, (name, at, product, quantity, price) in enumerate(many)
    ]
)


@settings(max_examples=150, deadline=None)
@given(history=histories, data=st.data())
def test_neither_order_nor_batches_can_be_seen(history: list[Event], data: st.DataObject) -> None:
    definition = Computation(kind="cart")
    expected = msgspec.json.encode(fold(history, definition), order="deterministic")
    rest = data.draw(st.permutations(history))
    parts = [CART.zero()]
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        part = msgspec.json.encode(fold(rest[:size], definition))
        parts.insert(data.draw(st.integers(0, len(parts))), msgspec.json.decode(part))
        rest = rest[size:]
    merged = parts[0]
    for part in parts[1:]:
        merged = CART.merge(merged, part, definition)
    assert msgspec.json.encode(merged, order="deterministic") == expected


@settings(max_examples=150, deadline=None)
@given(history=histories)
def test_it_holds_what_a_plain_replay_leaves(history: list[Event]) -> None:
    cart: dict[str, float] = {}
    before = None
    for event in sorted(history, key=lambda each: (each.timestamp, each.message_id)):
        said = event.properties
        if event.name == "Order Completed":
            continue
        # At the very same moment the order comes last.
        if any(e.name == "Order Completed" and e.timestamp >= event.timestamp for e in history):
            continue
        if said["product_id"] is None or said["quantity"] == -1:
            continue
        if before is not None and event.timestamp - before > 30 * DAY:
            cart = {}
        before = event.timestamp
        product, quantity = str(said["product_id"]), said["quantity"]
        if event.name == "Product Added":
            cart[product] = cart.get(product, 0) + (1 if quantity is None else float(quantity))
        elif product in cart:
            left = 0 if quantity is None else cart[product] - float(quantity)
            cart[product] = left
            if left <= 0:
                del cart[product]
    if before is None or NOW - before > 30 * DAY:
        cart = {}
    definition = Computation(kind="cart", options={"value": "items"})
    assert CART.value(fold(history, definition), NOW, definition) == pytest.approx(
        sum(cart.values())
    )
