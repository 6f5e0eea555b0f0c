"""Folding events into states: any order and batches alike, and nobody speaks for another user."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.model.attribute import Attribute, Computation, Purpose, Source, ValueType
from persx.model.event import Event, EventType, IdentityKey, email_key
from persx.model.visitor import EdgeKind, Fact, IdentityState
from persx.storage.joining import joined
from persx.storage.ports import Projection
from persx.visitors.fold import Fold, computed_key, fact_key
from persx.visitors.identity import edges_of
from persx.visitors.profile import assemble

NOW = 1_795_773_600_000


def computed(name: str, **definition: Any) -> Attribute:
    return Attribute(
        name=name,
        type=ValueType.NUMBER,
        source=Source.COMPUTED,
        compute=Computation(**definition),
    )


ATTRIBUTES = {
    attribute.name: attribute
    for attribute in [
        Attribute(name="industry"),
        Attribute(name="customer.plan"),
        Attribute(name="device", source=Source.CONTEXTUAL),
        computed("orders", kind="count", event="Order Completed"),
        computed("big_orders", kind="count", event="Order Completed", where={"big": True}),
        computed("revenue", kind="sum", event="Order Completed", property="revenue"),
        computed("views", kind="count", event="page"),
        computed("pricing_views", kind="count", event="page", where={"path": "/pricing"}),
        computed("everything", kind="count"),
        computed("tracked", kind="count", event="track"),
        computed("visits", kind="sessions"),
    ]
}
FOLD = Fold(ATTRIBUTES)


def event(number: int = 1, **fields: Any) -> Event:
    fields = {"type": EventType.TRACK, "timestamp": NOW, "received": NOW, **fields}
    if "anonymous_id" not in fields and "user_id" not in fields:
        fields["anonymous_id"] = "v"
    return Event(message_id=f"m{number:03d}", **fields)


def only_state(*events: Event) -> IdentityState:
    (state,) = FOLD.fold(events).states.values()
    return state


def count(state: IdentityState, name: str) -> Any:
    return state.computed.get(computed_key(ATTRIBUTES[name]), 0)


ids = st.sampled_from([None, "1", "2"])
events_strategy = st.lists(
    st.builds(
        dict,
        type=st.sampled_from(EventType),
        anonymous_id=ids,
        user_id=ids,
        verified=st.booleans(),
        name=st.sampled_from(["Order Completed", "page", "Other", None]),
        previous_id=st.sampled_from(["1", "9", "00000000-0000-4000-8000-000000000009"]),
        timestamp=st.integers(NOW - 10**8, NOW),
        properties=st.builds(
            dict,
            big=st.sampled_from([True, False, 1, [True, 3]]),
            revenue=st.floats(-1e6, 1e6),
            path=st.sampled_from(["/pricing", "/", 3]),
        ),
        traits=st.builds(
            dict,
            industry=st.sampled_from(["saas", "education", None, 5, {"no": 1}]),
            customer=st.sampled_from([{"plan": "a"}, {}, "none", {"plan": ["a", "b"]}]),
        ),
    ),
    max_size=16,
).map(
    lambda rows: [
        event(number, **row)
        for number, row in enumerate(rows)
        if row["anonymous_id"] or row["user_id"]
    ]
)


def merged(parts: list[Projection]) -> dict[IdentityKey, IdentityState]:
    states: dict[IdentityKey, IdentityState] = {}
    for part in parts:
        for key, state in part.states.items():
            states[key] = FOLD.merge(states[key], state) if key in states else state
    return states


def canonical(value: object) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


@settings(max_examples=150, deadline=None)
@given(events=events_strategy, data=st.data())
def test_any_split_and_order_gives_the_same_states(
    events: list[Event], data: st.DataObject
) -> None:
    whole = FOLD.fold(events)
    shuffled = data.draw(st.permutations(events))
    parts = []
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        parts.append(FOLD.fold(shuffled[:size]))
        shuffled = shuffled[size:]
    in_any_order = data.draw(st.permutations(parts))
    assert canonical(merged(in_any_order)) == canonical(whole.states)
    again = FOLD.fold(data.draw(st.permutations(events)))
    assert again.edges == whole.edges


@settings(max_examples=150, deadline=None)
@given(events=events_strategy, data=st.data())
def test_folding_onto_kept_states_gives_the_same_as_folding_at_once(
    events: list[Event], data: st.DataObject
) -> None:
    left = data.draw(st.permutations(events))
    states: dict[IdentityKey, IdentityState] = {}
    while left:
        size = data.draw(st.integers(1, len(left)))
        # As a store does it: what is kept is packed, and given out fresh each time.
        known = msgspec.json.decode(msgspec.json.encode(states), type=dict[str, IdentityState])
        states |= FOLD.fold(left[:size], known).states
        left = left[size:]
    assert canonical(states) == canonical(FOLD.fold(events).states)


def test_folding_onto_a_state_that_only_a_backfill_has_made() -> None:
    first = event(1, type=EventType.IDENTIFY, timestamp=NOW - 50, traits={"industry": "saas"})
    second = event(2, timestamp=NOW - 20)
    filled = FOLD.filling([fact_key(ATTRIBUTES["industry"])]).fold([first]).states
    (state,) = FOLD.fold([second], filled).states.values()
    assert (state.first_seen, state.last_seen, state.events) == (NOW - 20, NOW - 20, 1)
    assert state.facts["industry"].value == "saas"


def test_definitions_touch_their_own_events_only() -> None:
    state = only_state(
        event(1, name="Order Completed", properties={"revenue": 10, "big": True}),
        event(2, name="Order Completed", properties={"revenue": 2.5, "big": 1}),
        event(3, type=EventType.PAGE, context={"page": {"path": "/pricing"}}),
        event(4, type=EventType.PAGE, properties={"path": "/"}),
        event(5, name="page"),
    )
    assert state.events == 5
    expected = {"orders": 2, "big_orders": 1, "pricing_views": 1, "everything": 5, "tracked": 3}
    assert {name: count(state, name) for name in expected} == expected
    # A track event may be called like a call; a definition of that name means both.
    assert count(state, "views") == 3
    assert count(state, "revenue") == 12_500_000


def test_facts_are_declared_traits_the_later_wins() -> None:
    state = only_state(
        event(1, type=EventType.IDENTIFY, timestamp=NOW - 5, traits={"industry": "saas"}),
        event(2, type=EventType.IDENTIFY, timestamp=NOW - 9, traits={"industry": "education"}),
        event(3, type=EventType.IDENTIFY, context={"traits": {"customer": {"plan": "pro"}}}),
        event(4, type=EventType.IDENTIFY, traits={"customer.plan": "team", "unknown": "x"}),
        event(5, traits={"industry": "not an identify call"}),
        event(6, type=EventType.IDENTIFY, traits={"device": "contextual, not declared"}),
    )
    assert state.facts == {
        "industry": Fact("saas", NOW - 5, "m001"),
        "customer.plan": Fact("team", NOW, "m004"),
    }


@pytest.mark.parametrize(
    "value", ["x" * 1_001, ["x"] * 101, {"a": 1}, [1], [["a"]], 2**60, float("inf")]
)
def test_traits_that_are_no_values_are_not_kept(value: Any) -> None:
    assert only_state(event(type=EventType.IDENTIFY, traits={"industry": value})).facts == {}


def test_a_null_unsets() -> None:
    state = only_state(
        event(1, type=EventType.IDENTIFY, timestamp=NOW - 1, traits={"industry": "saas"}),
        event(2, type=EventType.IDENTIFY, traits={"industry": None}),
    )
    assert state.facts["industry"].value is None


def test_first_and_last_seen_are_timestamps_not_arrival() -> None:
    state = only_state(event(1, timestamp=NOW - 5), event(2, timestamp=NOW), event(3, timestamp=7))
    assert (state.first_seen, state.last_seen, state.events) == (7, NOW, 3)


def test_the_public_key_cannot_speak_for_a_user() -> None:
    true = event(
        1, type=EventType.IDENTIFY, user_id="jane", verified=True, traits={"industry": "saas"}
    )
    lie = {"type": EventType.IDENTIFY, "user_id": "jane", "traits": {"industry": "education"}}
    projection = FOLD.fold(
        [
            true,
            event(2, **lie),
            event(3, anonymous_id="mallory", **lie),
            event(4, name="Order Completed", user_id="jane"),
        ]
    )
    assert set(projection.states) == {"u:jane", "c:jane", "a:mallory"}
    jane = projection.states[IdentityKey("u:jane")]
    assert jane.facts["industry"].value == "saas"
    assert (jane.events, count(jane, "orders")) == (1, 0)
    assert {(edge.left, edge.right, edge.kind) for edge in projection.edges} == {
        ("a:mallory", "u:jane", EdgeKind.CLAIMED),
        ("c:jane", "u:jane", EdgeKind.CLAIMED),
    }
    assert joined(projection.edges).components == {}


def test_verified_edges_join_what_is_known() -> None:
    projection = FOLD.fold(
        [
            event(1, type=EventType.IDENTIFY, user_id="7", anonymous_id="phone", verified=True),
            event(2, type=EventType.IDENTIFY, user_id="7", anonymous_id="laptop", verified=True),
            event(3, user_id="8", anonymous_id="other", verified=True),
            event(4, user_id="8", anonymous_id="phone", verified=False),
        ]
    )
    assert joined(projection.edges).components == {
        **dict.fromkeys(["a:phone", "a:laptop", "u:7"], "a:laptop"),
        **dict.fromkeys(["a:other", "u:8"], "a:other"),
    }


def test_of_equal_edges_the_earliest_is_kept() -> None:
    both = {"user_id": "7", "anonymous_id": "v", "verified": True}
    (edge,) = FOLD.fold([event(2, **both), event(1, timestamp=NOW - 3, **both)]).edges
    assert (edge.at, edge.message_id) == (NOW - 3, "m001")


@pytest.mark.parametrize(
    ("previous", "anonymous", "other"),
    [
        ("00000000-0000-4000-8000-000000000009", None, "a:00000000-0000-4000-8000-000000000009"),
        ("v1", "v1", "a:v1"),
        ("old-user", None, "u:old-user"),
        ("old-user", "v1", "u:old-user"),
    ],
)
def test_alias_links_the_previous_id(previous: str, anonymous: str | None, other: str) -> None:
    alias = event(
        type=EventType.ALIAS,
        user_id="7",
        previous_id=previous,
        anonymous_id=anonymous,
        verified=True,
    )
    edges = FOLD.fold([alias]).edges
    together = joined(edges).components
    assert together[IdentityKey(other)] == together[IdentityKey("u:7")]


def test_a_changed_definition_has_another_key() -> None:
    orders = ATTRIBUTES["orders"]
    relabelled = msgspec.structs.replace(orders, label="Orders")
    assert computed_key(orders) == computed_key(relabelled)
    other = msgspec.structs.replace(orders, compute=Computation(kind="count", event="Other"))
    assert computed_key(orders) != computed_key(other)
    assert computed_key(orders).startswith("orders@")


def test_filling_adds_its_keys_and_nothing_else() -> None:
    events = [
        event(1, name="Order Completed", user_id="7", verified=True),
        event(2, type=EventType.IDENTIFY, traits={"industry": "saas"}),
        event(3, name="Other", anonymous_id="nobody"),
    ]
    key = computed_key(ATTRIBUTES["orders"])
    without = {name: it for name, it in ATTRIBUTES.items() if name not in ("orders", "industry")}
    before = Fold(without).fold(events)
    filling = FOLD.filling([key, fact_key(ATTRIBUTES["industry"])])
    added = filling.fold(events)
    assert added.edges == []
    assert set(added.states) == {"u:7", "a:v"}
    after = {
        identity: filling.merge(state, added.states[identity])
        if identity in added.states
        else state
        for identity, state in before.states.items()
    }
    assert canonical(after) == canonical(FOLD.fold(events).states)


def test_a_group_tells_of_the_account_where_it_is_verified_and_of_its_sender_where_not() -> None:
    attributes = {
        "account.plan": Attribute(name="account.plan"),
        "account.id": Attribute(name="account.id"),
    }
    fold = Fold(attributes)
    said = {"type": EventType.GROUP, "group_id": "acme"}
    projection = fold.fold(
        [
            event(1, user_id="ada", verified=True, traits={"plan": "basic"}, **said),
            event(
                2, user_id="bob", verified=True, timestamp=NOW - 9, traits={"plan": "old"}, **said
            ),
            event(3, anonymous_id="mallory", traits={"plan": "gold"}, **said),
        ]
    )
    states = projection.states
    assert states[IdentityKey("g:acme")].facts == {
        "account.plan": Fact("basic", NOW, "m001"),
        "account.id": Fact("acme", NOW, "m001"),
    }
    assert (states[IdentityKey("g:acme")].first_seen, states[IdentityKey("g:acme")].events) == (
        NOW - 9,
        2,
    )
    assert states[IdentityKey("u:ada")].facts == {}
    assert states[IdentityKey("a:mallory")].facts["account.plan"].value == "gold"
    assert joined(projection.edges).components == {}

    account = states[IdentityKey("g:acme")]
    for who, account_state, plan in (
        ("u:ada", account, "basic"),
        ("u:ada", None, None),
        ("a:mallory", None, "gold"),
        ("a:mallory", account, "basic"),
    ):
        profile = assemble(
            [states[IdentityKey(who)]],
            attributes,
            NOW,
            granted=frozenset(Purpose),
            account=account_state,
        )
        assert profile.attributes.get("account.plan") == plan
        assert profile.identities == (who,)


@pytest.mark.parametrize(
    ("traits", "context", "kind"),
    [
        ({"email": " Ada@X.io "}, {}, EdgeKind.VERIFIED),
        ({}, {"traits": {"email": "ada@x.io"}}, EdgeKind.VERIFIED),
        ({"email": "ada@x.io", "email_verified": False}, {}, EdgeKind.CLAIMED),
        ({"email": "ada@x.io"}, {"traits": {"email_verified": False}}, EdgeKind.CLAIMED),
        ({"email": "ada@x.io", "email_verified": True}, {"traits": 5}, EdgeKind.VERIFIED),
        ({"email": "no address"}, {}, None),
        ({"email": "a@b@c"}, {}, None),
        ({"email": "@"}, {}, None),
        ({"email": "x" * 300 + "@x.io"}, {}, None),
        ({"email": ["ada@x.io"]}, {}, None),
    ],
)
def test_an_address_is_an_identity(
    traits: dict[str, Any], context: dict[str, Any], kind: EdgeKind | None
) -> None:
    said = event(
        type=EventType.IDENTIFY, user_id="7", verified=True, traits=traits, context=context
    )
    edges = [(edge.left, edge.right, edge.kind) for edge in edges_of(said)]
    assert edges == ([(email_key("ada@x.io"), "u:7", kind)] if kind else [])
