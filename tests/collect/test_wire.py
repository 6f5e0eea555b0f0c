"""The door: what becomes an event, what is kept aside with its reason, and what is refused."""

from __future__ import annotations

import contextlib
import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.model.errors import BadInput
from persx.model.event import Event, EventType, RejectedEvent
from persx.web.collect.envelope import MAX_BATCH, MAX_EVENTS, open_batch
from persx.web.collect.wire import MAX_EVENT, parse_batch, parse_messages, read_time

NOW = 1_795_773_600_000  # 2026-11-27T10:00:00Z
GOOD = {"type": "track", "event": "E", "userId": "u", "messageId": "good"}


def read(
    body: bytes, kind: EventType | None = None, verified: bool = False
) -> tuple[list[Event], list[RejectedEvent]]:
    numbers = itertools.count()
    return parse_batch(body, kind, NOW, verified, lambda: f"made-{next(numbers)}")


def batch(*messages: Any, **more: Any) -> bytes:
    return json.dumps({"batch": messages, **more}).encode()


def one(**fields: Any) -> Event:
    (event,), rejected = read(batch({**GOOD, **fields}))
    assert rejected == []
    return event


def refused(**fields: Any) -> str:
    """The reason why a message was kept aside, its neighbour having come through."""
    (good,), (bad,) = read(batch({**GOOD, "messageId": "bad", **fields}, GOOD))
    assert good.message_id == "good"
    assert bad.received == NOW
    return bad.reason


def raw_refused(raw: bytes) -> str:
    good = json.dumps(GOOD).encode()
    for body in (
        b'{"batch":[%s,%s]}' % (raw, good),
        b'{"sentAt":null,"batch":[%s , %s]}' % (good, raw),
    ):
        (event,), (bad,) = read(body)
        assert event.message_id == "good"
        json.dumps(bad.body).encode()
        bad.body.encode()
    return bad.reason


def test_every_field_of_a_track_message() -> None:
    event = one(
        anonymousId="a",
        messageId="m",
        timestamp="2026-11-27T09:00:00.250Z",
        properties={"revenue": 9.5},
        context={"page": {"path": "/"}},
        integrations={"All": True},
        unknown=[1],
    )
    assert event == Event(
        type=EventType.TRACK,
        message_id="m",
        anonymous_id="a",
        user_id="u",
        name="E",
        timestamp=NOW - 3_600_000 + 250,
        received=NOW,
        properties={"revenue": 9.5},
        context={"page": {"path": "/"}},
    )


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        ("identify", {"traits": {"industry": "saas"}}, {"traits": {"industry": "saas"}}),
        (
            "page",
            {"name": "Home", "category": "Docs"},
            {"name": "Home", "properties": {"category": "Docs"}},
        ),
        ("screen", {"name": 5}, {"name": "5"}),
        ("group", {"groupId": 12}, {"group_id": "12"}),
        ("alias", {"previousId": "old"}, {"previous_id": "old"}),
    ],
)
def test_the_other_calls(kind: str, message: dict[str, Any], expected: dict[str, Any]) -> None:
    body = json.dumps({"userId": "u", "messageId": "m", **message}).encode()
    (event,), _ = read(body, EventType(kind), verified=True)
    fields = {
        "user_id": "u",
        "message_id": "m",
        "verified": True,
        "timestamp": NOW,
        "received": NOW,
    }
    assert event == Event(type=EventType(kind), **{**fields, **expected})


def test_explicit_nulls_are_nothing() -> None:
    event = one(anonymousId=None, timestamp=None, properties=None, context=None, traits=None)
    assert event == Event(
        type=EventType.TRACK,
        message_id="good",
        user_id="u",
        name="E",
        timestamp=NOW,
        received=NOW,
    )


@pytest.mark.parametrize("nobody", ["", "  ", "null", " undefined"])
def test_ids_that_name_nobody_are_nothing(nobody: str) -> None:
    events, rejected = read(
        batch(
            {"type": "track", "event": "x", "anonymousId": "a", "userId": nobody},
            {"type": "track", "event": "x", "anonymousId": nobody, "userId": nobody},
            {"type": "alias", "userId": "u", "previousId": nobody},
        )
    )
    assert [(event.anonymous_id, event.user_id) for event in events] == [("a", None)]
    assert len(rejected) == 2


def test_ids_may_be_numbers_and_a_missing_message_id_is_made() -> None:
    assert one(userId=12).user_id == "12"
    assert one(userId=10**30).user_id == str(10**30)
    assert one(messageId=None).message_id == "made-0"
    assert one(messageId="").message_id == "made-0"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"type": None}, "no type"),
        ({"type": "purchase"}, "'purchase' is none of identify, track"),
        ({"type": ["x"]}, "type"),
        ({"userId": None}, "neither userId nor anonymousId"),
        ({"userId": ""}, "neither userId nor anonymousId"),
        ({"userId": True}, "userId"),
        ({"userId": {"id": 1}}, "userId"),
        ({"userId": "x" * 256}, "userId has 256 characters"),
        ({"userId": "a\nb"}, "cannot be printed"),
        ({"userId": "a\0b"}, "cannot be printed"),
        ({"anonymousId": "a\u202eb"}, "anonymousId holds"),
        ({"messageId": "m" * 300}, "messageId has 300"),
        ({"event": None}, "needs an event"),
        ({"event": "x" * 256}, "name has 256"),
        ({"properties": []}, "properties"),
        ({"properties": "x"}, "properties"),
        ({"traits": 1}, "traits"),
        ({"context": "x"}, "context"),
        ({"timestamp": "yesterday"}, "'yesterday' is not ISO 8601"),
        ({"timestamp": "0001-01-01T00:00:00Z"}, "before 1970"),
        ({"timestamp": 1_700_000_000}, "not a number of epoch milliseconds"),
        ({"timestamp": {}}, "timestamp"),
        ({"type": "group"}, "no groupId"),
        ({"type": "alias"}, "no previousId"),
        (
            {"type": "alias", "userId": None, "anonymousId": "a", "previousId": "p"},
            "needs a userId",
        ),
        ({"properties": {"x": "y" * MAX_EVENT}}, "Send at most 32768"),
    ],
)
def test_a_bad_message_is_kept_aside_and_the_others_are_not(
    fields: dict[str, Any], reason: str
) -> None:
    assert reason in refused(**fields)


DEEP = (
    b'{"type":"track","event":"E","userId":"u","properties":{"x":'
    + b"[" * 4_000
    + b"]" * 4_000
    + b"}}"
)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"type":"track","event":"E","userId":"u","properties":{"x":NaN}}', "not JSON"),
        (b'{"type":"track","event":"E","userId":"u","properties":{"x":-Infinity}}', "not JSON"),
        (b'{"type":"track","event":"E","userId":"u","properties":{"x":1e999}}', "out of range"),
        (b'{"type":"track","event":"E","userId":"u","properties":{"x":01}}', "not JSON"),
        (b'{"type":"track","event":"\xff\xfe","userId":"u"}', "not JSON"),
        (b'{"type":"track","event":"a\x01b","userId":"u"}', "not JSON"),
        (b'{"type":"track","event":"a\x00b","userId":"u"}', "not JSON"),
        (DEEP, "deeper than 32"),
        (b'{"a":' * 2_000 + b"1" + b"}" * 2_000, "deeper than 32"),
        (b"3", "Expected `object`"),
        (b'"text"', "Expected `object`"),
        (b"[]", "Expected `object`"),
        (b"null", "Expected `object`"),
        (b"{'type': 'track'}", "not JSON"),
    ],
)
def test_what_json_does_not_allow_spoils_no_neighbour(raw: bytes, reason: str) -> None:
    assert reason in raw_refused(raw)


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (rb"\ud83d cut emoji", "\ufffd cut emoji"),
        (rb"\ude00\ud83d", "\ufffd\ufffd"),
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"\ud83d\u0041", "\ufffdA"),
        (rb"a\u0000b", "a\ufffdb"),
        (rb"a\\u0000b", "a\\u0000b"),
        (rb"\\\ud83d\\ud83d", "\\\ufffd\\ud83d"),
    ],
)
def test_half_surrogates_and_nul_become_the_replacement_character(
    escaped: bytes, text: str
) -> None:
    message = b'{"type":"track","event":"E","userId":"u","properties":{"x":"%s"}}' % escaped
    events, rejected = read(b'{"batch":[%s,%s]}' % (message, json.dumps(GOOD).encode()))
    assert rejected == []
    assert len(events) == 2
    assert events[0].properties == {"x": text}
    msgspec.json.encode(events)


def test_of_equal_keys_the_last_holds() -> None:
    (event,), _ = read(
        b'{"batch":[{"type":"track","event":"E","userId":"x","userId":"u","properties":{"a":1,"a":2}}]}'
    )
    assert (event.user_id, event.properties) == ("u", {"a": 2})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-27T10:00:00.000Z", NOW),
        ("2026-11-27T10:00:00Z", NOW),
        ("2026-11-27T10:00:00", NOW),
        ("2026-11-27 10:00:00", NOW),
        ("2026-11-27t10:00:00z", NOW),
        ("2026-11-27T11:00:00+01:00", NOW),
        ("2026-11-27T11:00:00+0100", NOW),
        ("2026-11-27T10:00:00.123456789Z", NOW + 123),
        ("2026-11-27T10:00:00.9999Z", NOW + 999),
        ("20261127T100000Z", NOW),
        ("2026-11-27", NOW - 36_000_000),
        (NOW, NOW),
        (NOW + 0.9, NOW),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_forms_of_time(text: str | float, expected: int) -> None:
    assert read_time(text) == expected


def test_timestamps_are_corrected_by_the_clients_clock_and_never_in_the_future() -> None:
    slow = {"timestamp": "2026-11-27T08:59:00Z", "sentAt": "2026-11-27T09:00:00Z"}
    assert one(**slow).timestamp == NOW - 60_000
    fast = {"timestamp": "2026-11-27T11:59:00Z", "sentAt": "2026-11-27T12:00:00Z"}
    assert one(**fast).timestamp == NOW - 60_000
    assert one(timestamp="2030-01-01T00:00:00Z").timestamp == NOW
    assert one(timestamp="2026-11-27T09:00:00Z", sentAt="never").timestamp == NOW - 3_600_000
    assert one(originalTimestamp="2026-11-27T09:59:00Z").timestamp == NOW - 60_000
    absurd = {"timestamp": "1970-01-01T00:00:00Z", "sentAt": "2026-11-27T12:00:00Z"}
    assert one(**absurd).timestamp == 0


def test_what_the_batch_says_holds_for_all_and_a_message_knows_better() -> None:
    body = batch(
        {**GOOD, "timestamp": "2026-11-27T08:00:00Z", "context": {"page": {"path": "/"}}},
        {**GOOD, "timestamp": "2026-11-27T09:00:00Z", "sentAt": "2026-11-27T10:00:00Z"},
        sentAt="2026-11-27T09:00:00Z",
        context={"library": {"name": "x"}, "page": {}},
    )
    first, second = read(body)[0]
    assert first.timestamp == second.timestamp == NOW - 3_600_000
    assert first.context == {"library": {"name": "x"}, "page": {"path": "/"}}


def test_an_anonymous_id_may_come_from_outside_the_message() -> None:
    envelope = open_batch(batch({"type": "page"}, {"type": "page", "userId": "u"}))
    events, rejected = parse_messages(
        envelope,
        None,
        received=NOW,
        verified=False,
        id_factory=lambda: "m",
        anonymous_id="from-header",
    )
    assert rejected == []
    assert [event.anonymous_id for event in events] == ["from-header", None]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"batch":{}}',
        b'{"batch":"x"}',
        b'{"batch":[',
        b'{"batch":[{"type":"track"',
        b'{"batch":[NaN]',
        b'{"batch":[NaN}}',
        b'{"batch":[NaN]}}',
        b'{"batch":[NaN]} trailing',
        b'{"batch":[NaN],"sentAt":{}}',
        b'{"other":[NaN]}',
        b'{"batch":["' + b'\\"' * 200_000,
        b'"' * 400_000,
        b"[" * 400_000,
        b'{"batch":[' + b"1," * 20_000 + b"1]}",
        b" " * (MAX_BATCH + 1),
    ],
    ids=lambda body: repr(body[:24]),
)
def test_a_body_that_is_no_batch_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        read(body)


def test_a_brace_too_many_spoils_one_message() -> None:
    good = json.dumps(GOOD).encode()
    events, (bad,) = read(b'{"batch":[%s,{"type":"track"}},%s]}' % (good, good))
    assert len(events) == 2
    assert "not JSON" in bad.reason


def test_a_batch_has_bounds() -> None:
    with pytest.raises(BadInput, match=f"at most {MAX_EVENTS}"):
        open_batch(b'{"batch":[' + b"1," * MAX_EVENTS + b"1]}")
    assert len(open_batch(b'{"batch":[' + b"1," * (MAX_EVENTS - 1) + b"1]}").messages) == MAX_EVENTS


def test_a_byte_order_mark_is_no_fault() -> None:
    assert len(read(b"\xef\xbb\xbf" + batch(GOOD))[0]) == 1


def test_a_batch_that_is_cut_by_hand_keeps_what_stands_around_it() -> None:
    envelope = open_batch(
        b'{"sentAt":"2026-11-27T09:00:00Z","batch":[{"a":NaN,"b":[1,{"c":"],}"}]},{"d":2}],'
        b'"context":{"batch":[1,2]},"writeKey":"k"}'
    )
    assert [bytes(message) for message in envelope.messages] == [
        b'{"a":NaN,"b":[1,{"c":"],}"}]}',
        b'{"d":2}',
    ]
    assert envelope.write_key == "k"
    assert envelope.sent_at == "2026-11-27T09:00:00Z"
    assert envelope.context == {"batch": [1, 2]}


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
fields = [
    "type",
    "event",
    "userId",
    "anonymousId",
    "messageId",
    "timestamp",
    "sentAt",
    "properties",
]


@settings(max_examples=300, deadline=None)
@given(
    messages=st.lists(
        anything | st.dictionaries(st.sampled_from(fields), anything, max_size=6), max_size=4
    )
)
def test_whatever_comes_each_message_is_an_event_or_kept_aside(messages: list[Any]) -> None:
    # json.dumps writes NaN and half surrogates, as some clients do.
    body = json.dumps({"batch": [*messages, GOOD]}).encode()
    events, rejected = read(body)
    assert len(events) + len(rejected) == len(messages) + 1
    assert events[-1].message_id == "good"
    for event in events:
        assert 0 <= event.timestamp <= NOW
    msgspec.json.encode([events, rejected])


@settings(max_examples=200, deadline=None)
@given(noise=st.binary(max_size=200), position=st.integers(0, 80))
def test_noise_in_a_body_raises_nothing_else(noise: bytes, position: int) -> None:
    body = batch(GOOD, GOOD)
    with contextlib.suppress(BadInput):
        read(body[:position] + noise + body[position:])
