"""Every kind of computed attribute: the laws of its monoid, and what its values say."""

from __future__ import annotations

from functools import reduce
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.model.attribute import Computation, State
from persx.model.clock import DAY, HOUR, MINUTE
from persx.model.event import Event, EventType
from persx.visitors.computed import COMPUTED
from persx.visitors.computed.decayed_share import MOST_VALUES
from persx.visitors.computed.properties import property_values

NOW = 1_795_773_600_000

OPTIONS: dict[str, list[dict[str, Any]]] = {
    "last": [{}],
    "count": [{}, {"within": "30d"}, {"within": "2m"}],
    "sum": [{}, {"within": "24h"}],
    "days_since_last": [{}],
    "distinct": [{}, {"limit": 2}, {"limit": 1, "within": "7d", "value": "count"}],
    "decayed_share": [{"half_life": "1d"}, {"half_life": "30d", "value": "ranked"}],
    "replenishment": [{}, {"of": "a", "value": "days_left"}, {"of": "a"}, {"usual": "9d"}],
    "sessions": [{}, {"within": "24h"}, {"gap": "1m", "within": "1h", "value": "seconds"}],
}
"""Options to try; a kind that is not here is tried without any."""


def definitions() -> list[Computation]:
    """Every kind of the registry, with a property where it takes one."""
    made = []
    for kind in COMPUTED:
        for options in OPTIONS.get(kind.name, [{}]):
            for path in ("x", None):
                definition = Computation(kind=kind.name, property=path, options=options)
                if not kind.check(definition):
                    made.append(definition)
                    break
    return made


def track(at: int, number: int, **properties: Any) -> Event:
    return Event(
        type=EventType.TRACK,
        message_id=f"m{number:04d}",
        anonymous_id="v",
        name="E",
        timestamp=at,
        received=NOW,
        properties=properties,
    )


# Times that meet at the borders of buckets, of sessions and of half-lives, and far apart.
times = st.one_of(
    st.integers(0, NOW),
    st.integers(NOW - 3 * HOUR, NOW),
    st.sampled_from([0, NOW, NOW - DAY, NOW // DAY * DAY, NOW // DAY * DAY - 1]),
    st.builds(lambda n: NOW // DAY * DAY + n * 30 * MINUTE, st.integers(-40, 40)),
)
values = st.one_of(
    st.sampled_from(["a", "b", "c", "d"]),
    st.floats(-1e13, 1e13),
    st.sampled_from([0.1, 0.2, 0.3, 1e12, -1e12, "12.5", "nan", None, True, {}, [], "x" * 300]),
    st.lists(st.one_of(st.sampled_from(["a", "e"]), st.floats(0, 10)), max_size=4),
)
histories = st.lists(st.tuples(times, values), max_size=24).map(
    lambda pairs: [track(at, number, x=value) for number, (at, value) in enumerate(pairs)]
)


def fold(definition: Computation, events: list[Event]) -> State:
    kind = COMPUTED[definition.kind]
    state = kind.zero()
    for event in events:
        state = kind.add(state, event, definition)
    return state


def canonical(state: State) -> bytes:
    """The state's bytes as JSON, so that 1 and 1.0 differ and the order of keys does not."""
    return msgspec.json.encode(state, order="deterministic")


def copied(state: State) -> State:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state))


@pytest.mark.parametrize("definition", definitions(), ids=lambda it: f"{it.kind}-{it.options}")
class TestMonoid:
    @settings(max_examples=60, deadline=None)
    @given(events=histories, data=st.data())
    def test_neither_order_nor_batches_can_be_seen(
        self, definition: Computation, events: list[Event], data: st.DataObject
    ) -> None:
        kind = COMPUTED[definition.kind]
        expected = canonical(fold(definition, events))
        shuffled = data.draw(st.permutations(events))
        parts = []
        while shuffled:
            size = data.draw(st.integers(1, len(shuffled)))
            parts.append(fold(definition, shuffled[:size]))
            shuffled = shuffled[size:]
        parts.append(kind.zero())
        while len(parts) > 1:
            left = parts.pop(data.draw(st.integers(0, len(parts) - 1)))
            right = parts.pop(data.draw(st.integers(0, len(parts) - 1)))
            # States live in a database between merges.
            parts.append(kind.merge(copied(left), copied(right), definition))
        assert canonical(parts[0]) == expected

    @settings(max_examples=30, deadline=None)
    @given(left=histories, right=histories)
    def test_merging_changes_neither_argument(
        self, definition: Computation, left: list[Event], right: list[Event]
    ) -> None:
        kind = COMPUTED[definition.kind]
        one, other = fold(definition, left), fold(definition, right)
        before = canonical([one, other])
        kind.merge(one, other, definition)
        assert canonical([one, other]) == before

    @settings(max_examples=30, deadline=None)
    @given(events=histories)
    def test_values_are_of_the_stated_type(
        self, definition: Computation, events: list[Event]
    ) -> None:
        kind = COMPUTED[definition.kind]
        value = kind.value(fold(definition, events), NOW, definition)
        expected = {
            "number": (int, float),
            "boolean": bool,
            "strings": list,
            "string": str,
            None: object,
        }[kind.value_type(definition.options)]
        assert value is None or isinstance(value, expected)

    def test_state_stays_small_however_many_events_come(self, definition: Computation) -> None:
        events = [track(NOW - (n * 7_919 % 3_000) * HOUR, n, x=f"value {n}") for n in range(3_000)]
        assert len(canonical(fold(definition, events))) < 120_000


def value(kind: str, events: list[Event], now: int = NOW, **definition: Any) -> Any:
    computation = Computation(kind=kind, **definition)
    assert COMPUTED[kind].check(computation) == []
    return COMPUTED[kind].value(fold(computation, events), now, computation)


def test_count_forgets_what_left_the_window() -> None:
    events = [track(NOW - days * DAY, days, x=1) for days in (0, 6, 20, 29, 31, 400)]
    assert value("count", events) == 6
    assert value("count", events, options={"within": "30d"}) == 4
    assert value("count", events, NOW + 25 * DAY, options={"within": "30d"}) == 1
    assert value("count", []) == 0


def test_a_window_reaches_back_at_most_a_24th_too_far() -> None:
    for within, length in (("1h", HOUR), ("24h", DAY), ("7d", 7 * DAY), ("30d", 30 * DAY)):
        inside = [track(NOW - length + 1, 1, x=1)]
        assert value("count", inside, options={"within": within}) == 1
        outside = [track(NOW - length - length // 24, 1, x=1)]
        assert value("count", outside, options={"within": within}) == 0


def test_sum_is_exact_to_the_millionth_and_reads_lists_and_texts() -> None:
    events = [track(NOW, n, x=0.1) for n in range(10)]
    assert value("sum", events, property="x") == 1
    mixed = [track(NOW, 1, x="19.99"), track(NOW, 2, x=[1, 2.5]), track(NOW, 3, x="none")]
    assert value("sum", mixed, property="x") == 23.49
    products = [track(NOW, 1, products=[{"price": 5}, {"price": 7}, {}])]
    assert value("sum", products, property="products.price") == 12


def test_sum_survives_hostile_amounts() -> None:
    hostile = [track(NOW, n, x=1e12) for n in range(50)]
    hostile += [track(NOW, 60, x=1e300), track(NOW, 61, x="1e999"), track(NOW, 62, x=10**30)]
    assert value("sum", hostile, property="x") == 50 * 10**12
    msgspec.msgpack.encode(fold(Computation(kind="sum", property="x"), hostile))


def test_last_takes_the_newest_value_there_is() -> None:
    events = [track(NOW - 5, 1, x="old"), track(NOW - 1, 2, x="new"), track(NOW, 3, y=1)]
    assert value("last", events, property="x") == "new"
    assert value("last", events) == NOW
    assert value("last", []) is None


def test_last_breaks_ties_by_message_id() -> None:
    events = [track(NOW, 2, x="b"), track(NOW, 1, x="a")]
    assert value("last", events, property="x") == "b"


def test_days_since_last_counts_whole_days() -> None:
    assert value("days_since_last", [track(NOW - 3 * DAY + 1, 1)]) == 2
    assert value("days_since_last", [track(NOW - 3 * DAY, 1)]) == 3
    assert value("days_since_last", []) is None


def test_distinct_lists_newest_first_and_counts() -> None:
    events = [track(NOW - n * DAY, n, x=x) for n, x in enumerate(["b", "a", "b", "c"])]
    assert value("distinct", events, property="x") == ["b", "a", "c"]
    assert value("distinct", events, property="x", options={"value": "count"}) == 3
    assert value("distinct", events, property="x", options={"limit": 2}) == ["b", "a"]
    assert value("distinct", events, property="x", options={"within": "2d"}) == ["b", "a"]


def test_decayed_share_halves_the_weight_every_half_life() -> None:
    events = [track(NOW - 60 * DAY, 1, x="old"), track(NOW, 2, x="new")]
    share = {"half_life": "30d"}
    old = value("decayed_share", events, property="x", options={**share, "of": "old"})
    assert old == pytest.approx(0.25 / 1.25, rel=1e-5)
    assert value("decayed_share", events, property="x", options=share) == "new"
    ranked = {**share, "value": "ranked"}
    assert value("decayed_share", events, property="x", options=ranked) == ["new", "old"]
    ranked["at_least"] = 0.5
    assert value("decayed_share", events, property="x", options=ranked) == ["new"]
    assert value("decayed_share", [], property="x", options=share) is None


def test_decayed_share_of_too_many_values_does_not_depend_on_the_order() -> None:
    events = [track(NOW - n * HOUR, n, x=f"v{n % 333}") for n in range(999)]
    definition = Computation(kind="decayed_share", property="x", options={"half_life": "1d"})
    state = fold(definition, events)
    assert canonical(state) == canonical(fold(definition, events[::-1]))
    assert len(state["weights"]) == MOST_VALUES


def test_sessions_end_after_half_an_hour_without_events() -> None:
    minutes = [0, 10, 39, 100, 101]
    events = [track(NOW - 200 * MINUTE + m * MINUTE, m) for m in minutes]
    assert value("sessions", events) == 2
    assert value("sessions", events, options={"value": "seconds"}) == 40 * 60
    during = NOW - 95 * MINUTE
    assert value("sessions", events, during, options={"value": "current_seconds"}) == 60
    assert value("sessions", events, during, options={"value": "current_events"}) == 2
    assert value("sessions", events, options={"value": "current_seconds"}) == 0
    assert value("sessions", events, options={"value": "returning"}) is True
    assert (
        value("sessions", events[:1], NOW - 199 * MINUTE, options={"value": "returning"}) is False
    )
    assert value("sessions", events[:1], options={"value": "returning"}) is True
    assert value("sessions", []) == 0


def test_a_session_over_midnight_is_one_session() -> None:
    midnight = NOW // DAY * DAY
    events = [track(midnight + minutes * MINUTE, minutes) for minutes in (-20, -1, 5, 20)]
    assert value("sessions", events) == 1
    assert value("sessions", events, options={"value": "seconds"}) == 40 * 60


def test_a_late_event_joins_two_sessions() -> None:
    apart = [track(NOW - 90 * MINUTE, 1), track(NOW - 40 * MINUTE, 2)]
    assert value("sessions", apart) == 2
    assert value("sessions", [*apart, track(NOW - 65 * MINUTE, 3)]) == 1


@pytest.mark.parametrize(
    ("kind", "definition", "said"),
    [
        ("count", {"options": {"witihn": "3d"}}, "Did you mean 'within'?"),
        ("count", {"options": {"within": "soon"}}, "not a length of time"),
        ("count", {"options": {"within": "10s"}}, "between 1m"),
        ("count", {"property": "x"}, "reads no property"),
        ("sum", {}, "needs a property"),
        ("sum", {"property": "a..b"}, "dotted path"),
        ("decayed_share", {"property": "x"}, "needs the option 'half_life'"),
        (
            "decayed_share",
            {"property": "x", "options": {"half_life": "1d", "at_least": "much"}},
            "from 0 to 1",
        ),
        ("distinct", {"property": "x", "options": {"limit": 5_000}}, "from 1 to 1000"),
        ("distinct", {"property": "x", "options": {"value": "most"}}, "values, count"),
        ("sessions", {"options": {"value": "pages"}}, "count, seconds"),
        ("last", {"options": {"within": "3d"}}, "takes none"),
    ],
)
def test_a_wrong_definition_is_told_what_to_do(
    kind: str, definition: dict[str, Any], said: str
) -> None:
    problems = COMPUTED[kind].check(Computation(kind=kind, **definition))
    assert len(problems) == 1
    assert said in problems[0]


def test_page_calls_are_read_in_their_context_too() -> None:
    page = Event(
        type=EventType.PAGE,
        message_id="m",
        anonymous_id="v",
        context={"page": {"path": "/pricing"}, "campaign": {"source": "mail"}},
    )
    assert list(property_values(page, "path")) == ["/pricing"]
    assert list(property_values(page, "context.campaign.source")) == ["mail"]
    assert list(property_values(page, "context.campaign.name")) == []
    told = msgspec.structs.replace(page, properties={"path": "/a"})
    assert list(property_values(told, "path")) == ["/a"]


def reduce_all(states: list[State], definition: Computation) -> State:
    kind = COMPUTED[definition.kind]
    return reduce(lambda a, b: kind.merge(a, b, definition), states, kind.zero())


def test_profiles_merge_what_two_devices_saw() -> None:
    definition = Computation(kind="sessions")
    phone = fold(definition, [track(NOW - 90 * MINUTE, 1)])
    laptop = fold(definition, [track(NOW - 70 * MINUTE, 2), track(NOW, 3)])
    kind = COMPUTED["sessions"]
    assert kind.value(reduce_all([phone, laptop], definition), NOW, definition) == 2
