"""What visits leave: which traces, from when, and the same in any order however many there are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.model.attribute import Computation, Trace
from persx.model.event import CONSENT_CHANGED, EXPOSURE, Event, EventType
from persx.visitors.computed.traces import MOST, Traces, declared_at, left_before, source_of

KIND = Traces()
ALL = Computation(
    kind="traces",
    options={"from": " ".join(trace for trace in Trace), "declares": "industry company.size"},
)
SOME = Computation(kind="traces", options={"from": "pages"})


def made(type: EventType = EventType.PAGE, at: int = 5, **fields: Any) -> Event:
    return Event(type=type, message_id="m", anonymous_id="v", timestamp=at, received=at, **fields)


def left(event: Event, computation: Computation = ALL) -> set[str]:
    return set(KIND.add(KIND.zero(), event, computation) or {})


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        (made(properties={"path": "/blog/a/b/c/d?x=1"}), {"page /blog/a/b", "section /blog"}),
        (made(properties={"path": "/"}), {"page /"}),
        (made(context={"page": {"path": "/pricing/"}}), {"page /pricing"}),
        (made(EventType.SCREEN, name="Settings"), {"screen Settings"}),
        (
            made(
                properties={"referrer": "https://www.news.example/a?b"},
                context={"page": {"url": "https://site.example/"}},
            ),
            {"from news.example"},
        ),
        (
            made(
                properties={"referrer": "https://site.example/x"},
                context={"page": {"url": "https://www.site.example/"}},
            ),
            set(),
        ),
        (made(properties={"referrer": "http://[broken"}), set()),
        (
            made(context={"campaign": {"source": "mail", "medium": "email", "name": "may"}}),
            {"source mail", "medium email", "campaign may"},
        ),
        (made(context={"campaign": "mail"}), set()),
        (made(context={"userAgent": "Safari 17; iOS; phone"}), {"device phone"}),
        (made(context={"device": {"type": "tablet"}}), {"device tablet"}),
        (made(context={"userAgent": "Mozilla/5.0 (something)"}), set()),
        (made(EventType.TRACK, name="Signed Up"), {"event Signed Up"}),
        (made(EventType.TRACK, name=EXPOSURE), set()),
        (made(EventType.TRACK, name=CONSENT_CHANGED), set()),
        (
            made(
                EventType.TRACK,
                name="Order Completed",
                properties={"products": [{"category": "Shoes"}, {"category": "Hats"}]},
            ),
            {"event Order Completed", "category Shoes", "category Hats"},
        ),
        (made(EventType.IDENTIFY, traits={"industry": "SaaS"}), {"declared industry"}),
        (made(EventType.IDENTIFY, traits={"company": {"size": 5}}), {"declared company.size"}),
        (made(EventType.IDENTIFY, traits={"industry": None}), set()),
        (made(EventType.IDENTIFY, traits={"industry": ""}), set()),
        (made(EventType.IDENTIFY, context={"traits": {"industry": "A"}}), {"declared industry"}),
        (made(context={"simulated": True}), {"simulated visitor"}),
        (made(context={"simulated": "true"}), set()),
    ],
)
def test_what_an_event_leaves(event: Event, wanted: set[str]) -> None:
    time = {trace for trace in left(event) if source_of(trace) is Trace.TIME}
    assert left(event) - time == wanted
    assert time == {"hours 00-04 UTC"}


def test_the_hours_and_the_weekend() -> None:
    saturday = 1_790_985_600_000 + 13 * 3_600_000
    assert left(made(at=saturday)) == {"hours 12-16 UTC", "weekend yes"}
    assert left(made(at=saturday - 24 * 3_600_000)) == {"hours 12-16 UTC"}


def test_only_what_is_wanted_is_kept() -> None:
    event = made(properties={"path": "/a"}, context={"device": {"type": "phone"}})
    assert left(event, SOME) == {"page /a"}
    assert left(made(EventType.IDENTIFY, traits={"industry": "SaaS"}), SOME) == set()
    bare = Computation(kind="traces")
    assert left(event, bare) == {"page /a", "device phone"}, "all but the time"


def test_what_is_no_source_is_a_fault() -> None:
    assert KIND.check(ALL) == []
    (problem,) = KIND.check(Computation(kind="traces", options={"from": "pages page"}))
    assert "Nothing is left by 'page'. Did you mean 'pages'?" in problem


histories = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 150)), max_size=300)


@settings(max_examples=60, deadline=None)
@given(histories, st.data())
def test_the_first_hundred_are_the_same_in_any_order(
    history: list[tuple[int, int]], data: st.DataObject
) -> None:
    events = [made(at=at, properties={"path": f"/{page}"}) for at, page in history]
    whole = KIND.zero()
    for event in events:
        whole = KIND.add(whole, event, SOME)
    shuffled = data.draw(st.permutations(events))
    cut = data.draw(st.integers(0, len(events)))
    parts = []
    for piece in (shuffled[:cut], shuffled[cut:]):
        state = KIND.zero()
        for event in piece:
            state = KIND.add(state, event, SOME)
        parts.append(state)
    assert KIND.merge(parts[1], parts[0], SOME) == whole
    first: dict[str, int] = {}
    for at, page in sorted(history):
        first.setdefault(f"page /{page}", at)
    wanted = sorted(first.items(), key=lambda item: (item[1], item[0]))[:MOST]
    assert (whole or {}) == dict(wanted)


@settings(max_examples=40, deadline=None)
@given(histories, st.integers(0, 400))
def test_what_was_known_earlier_follows_from_what_is_known_today(
    history: list[tuple[int, int]], moment: int
) -> None:
    whole = earlier = KIND.zero()
    for at, page in history:
        event = made(at=at, properties={"path": f"/{page}"})
        whole = KIND.add(whole, event, SOME)
        if at < moment:
            earlier = KIND.add(earlier, event, SOME)
    assert left_before(whole, moment) == (earlier or {})


def test_a_declaration_is_noted_once_and_is_no_trace() -> None:
    state = KIND.zero()
    for at in (9, 4, 7):
        state = KIND.add(state, made(EventType.IDENTIFY, at=at, traits={"industry": "A"}), ALL)
    assert declared_at(state, "industry") == 4
    assert declared_at(state, "company.size") is None
    assert KIND.value(state, 10, ALL) == ["hours 00-04 UTC"]
    assert set(left_before(state, 100)) == {"hours 00-04 UTC"}
    assert KIND.value(KIND.zero(), 10, ALL) is None
