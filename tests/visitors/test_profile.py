"""The profile: merged states, typed values, expiry, and purposes that were not granted."""

from __future__ import annotations

from typing import Any

import pytest

from persx.model.attribute import Attribute, Computation, Purpose, Source, ValueType
from persx.model.clock import DAY
from persx.model.event import Event, EventType, IdentityKey
from persx.model.visitor import Fact, IdentityState, Profile
from persx.visitors.fold import Fold, computed_key
from persx.visitors.profile import assemble
from persx.visitors.values import conform

NOW = 1_795_773_600_000
ALL = frozenset(Purpose)

INDUSTRY = Attribute(name="industry", values=("saas", "education"), expires="90d")
ORDERS = Attribute(
    name='count("Order Completed", "30d")',
    type=ValueType.NUMBER,
    source=Source.COMPUTED,
    compute=Computation(kind="count", event="Order Completed", options={"within": "30d"}),
    expires="60d",
)
CATEGORY = Attribute(
    name="customer.last_purchase_category",
    source=Source.COMPUTED,
    purpose=Purpose.MARKETING,
    compute=Computation(kind="last", event="Order Completed", property="products.category"),
    expires="10d",
)
ATTRIBUTES = {it.name: it for it in (INDUSTRY, ORDERS, CATEGORY)}


def state(key: str, first: int = NOW, **facts: tuple[Any, int]) -> IdentityState:
    return IdentityState(
        identity=IdentityKey(key),
        first_seen=first,
        last_seen=NOW,
        events=1,
        facts={name: Fact(value, at) for name, (value, at) in facts.items()},
    )


def profile(*states: IdentityState, now: int = NOW, **more: Any) -> Profile:
    return assemble(states, ATTRIBUTES, now, **{"granted": ALL, **more})


def orders(*at: int, key: str = "a:v") -> IdentityState:
    events = [
        Event(
            type=EventType.TRACK,
            name="Order Completed",
            message_id=f"{key}{when}",
            anonymous_id=key[2:],
            timestamp=when,
            properties={"products": [{"category": f"Shoes {when}"}]},
        )
        for when in at
    ]
    return Fold(ATTRIBUTES).fold(events).states[IdentityKey(key)]


def test_a_new_visitor_has_done_nothing_yet() -> None:
    assert profile() == Profile(
        attributes={ORDERS.name: 0}, sources={ORDERS.name: Source.COMPUTED}, first_seen=0
    )


def test_states_merge_and_the_oldest_gives_the_bucketing_id() -> None:
    young = state("a:young", NOW, industry=("education", NOW - 1))
    old = state("u:old", NOW - 9, industry=("saas", NOW - 2))
    merged = profile(young, old)
    assert merged.bucketing_id == "u:old"
    assert merged.identities == ("u:old", "a:young")
    assert merged.first_seen == NOW - 9
    assert merged.attributes["industry"] == "education"
    assert merged == profile(old, young)


def test_two_devices_are_counted_together() -> None:
    both = profile(orders(NOW, NOW - 40 * DAY), orders(NOW - DAY, key="a:w"))
    assert both.attributes[ORDERS.name] == 2
    assert both.attributes[CATEGORY.name] == f"Shoes {NOW}"


def test_facts_and_computed_values_expire() -> None:
    said = state("a:v", industry=("saas", NOW - 90 * DAY + 1))
    assert profile(said).attributes["industry"] == "saas"
    assert "industry" not in profile(said, now=NOW + 1).attributes
    bought = orders(NOW - 9 * DAY)
    assert CATEGORY.name in profile(bought).attributes
    late = profile(bought, now=NOW + 2 * DAY)
    assert CATEGORY.name not in late.attributes
    assert late.attributes[ORDERS.name] == 1


def test_what_is_not_granted_is_withheld_by_name() -> None:
    known = profile(orders(NOW), granted=ALL - {Purpose.MARKETING})
    assert CATEGORY.name not in known.attributes
    assert known.withheld == {CATEGORY.name: Purpose.MARKETING}
    nothing = profile(orders(NOW), granted=frozenset())
    assert nothing.attributes == {}
    # What is not known is not withheld either.
    assert set(nothing.withheld) == {CATEGORY.name, ORDERS.name}


def test_necessary_facts_need_no_grant() -> None:
    locale = Attribute(name="locale", purpose=Purpose.NECESSARY)
    told = state("a:v", locale=("de", NOW))
    known = assemble([told], {"locale": locale}, NOW, granted=frozenset())
    assert known.attributes == {"locale": "de"}


def test_a_computed_value_is_unknown_until_its_backfill_is_done() -> None:
    assert ORDERS.name not in profile(orders(NOW), ready=frozenset()).attributes
    ready = frozenset({computed_key(ORDERS)})
    assert profile(orders(NOW), ready=ready).attributes[ORDERS.name] == 1


def test_the_cookie_lies_over_what_is_kept_unless_it_does_not_fit() -> None:
    kept = state("a:v", industry=("saas", NOW))
    assert profile(kept, declared={"industry": "education"}).attributes["industry"] == "education"
    assert profile(kept, declared={"industry": "aviation"}).attributes["industry"] == "saas"
    assert profile(kept, declared={"unknown": "x"}).attributes["industry"] == "saas"


def test_a_value_outside_the_closed_set_is_not_known() -> None:
    assert "industry" not in profile(state("a:v", industry=("aviation", NOW))).attributes
    assert "industry" not in profile(state("a:v", industry=(None, NOW))).attributes


@pytest.mark.parametrize(
    ("type", "given", "expected"),
    [
        ("string", "x", "x"),
        ("string", 5, None),
        ("string", True, None),
        ("string", ["x", "y"], "x"),
        ("string", [], None),
        ("number", 5, 5),
        ("number", 2.5, 2.5),
        ("number", "5", None),
        ("number", True, None),
        ("number", float("nan"), None),
        ("boolean", False, False),
        ("boolean", 0, None),
        ("strings", ["a", "b"], ["a", "b"]),
        ("strings", "a", ["a"]),
        ("strings", [], []),
        ("strings", ["a", 5], ["a"]),
        ("strings", [5], None),
        ("time", NOW, NOW),
        ("time", "2026-11-27T10:00:00Z", NOW),
        ("time", "2026-11-27", NOW - 10 * 3_600_000),
        ("time", "soon", None),
        ("time", "1969-12-31T23:59:59Z", -1_000),
    ],
)
def test_values_conform_to_their_types(type: str, given: Any, expected: Any) -> None:
    found = conform(given, Attribute(name="x", type=ValueType(type)))
    assert found == expected
    assert found.__class__ is expected.__class__
