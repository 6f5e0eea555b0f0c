"""The Segment endpoints over real HTTP: keys, encodings, bounds, CORS, answers."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import socket
from typing import Any

import httpx
import pytest

from persx.model.errors import Unavailable
from persx.model.event import Event, EventType, RejectedEvent
from persx.model.visitor import EdgeKind
from persx.testing import see

TRACK = {"type": "track", "event": "Order Completed", "anonymousId": "v", "messageId": "m1"}
MESSAGES: dict[str, dict[str, Any]] = {
    "identify": {"userId": "u", "traits": {"industry": "saas"}},
    "track": {"userId": "u", "event": "Order Completed"},
    "page": {"anonymousId": "v", "name": "Home"},
    "screen": {"anonymousId": "v", "name": "Home"},
    "group": {"userId": "u", "groupId": "g"},
    "alias": {"userId": "u", "previousId": "p"},
}


@pytest.mark.parametrize("kind", MESSAGES)
@pytest.mark.parametrize("short", [False, True])
def test_every_call_in_its_long_and_short_form(collector: Any, kind: str, short: bool) -> None:
    answer = collector.post(f"/v1/{kind[0] if short else kind}", MESSAGES[kind])
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    (event,) = collector.events()
    assert event.type is EventType(kind)
    assert event.verified is False
    assert event.received > 1_700_000_000_000


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/import", "/v1/b", "/beacon/v1/batch"])
def test_batches(collector: Any, path: str) -> None:
    other = {**TRACK, "messageId": "m2"}
    answer = collector.post(path, {"batch": [TRACK, other, TRACK]})
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert collector.post(path, {"batch": [other]}).status_code == 200
    assert [event.message_id for event in collector.events()] == ["m1", "m2"]
    (state,) = collector.states("a:v")
    assert state.events == 2
    assert (collector.counted("accepted"), collector.counted("duplicate")) == (2, 2)


def test_a_bad_event_loses_no_other(collector: Any) -> None:
    batch = [{**TRACK, "messageId": f"m{n}"} for n in range(99)]
    batch.insert(40, {"type": "track", "anonymousId": "v", "messageId": "bad"})
    answer = collector.post("/v1/batch", {"batch": batch})
    assert (answer.status_code, answer.json()) == (200, {"success": True, "rejected": 1})
    assert len(collector.events()) == 99
    assert collector.rejected() == ["A track message needs an event."]
    assert collector.counted("rejected") == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"event": "x"}, "neither userId nor anonymousId"),
        ({"anonymousId": "v"}, "needs an event"),
        (
            {"anonymousId": "v", "event": "x", "properties": {"x": "y" * 33_000}},
            "Send at most 32768",
        ),
        (b'{"event":', "not JSON"),
        (b"[1]", "Expected `object`"),
    ],
)
def test_one_bad_event_is_a_400_and_kept_aside(collector: Any, body: Any, reason: str) -> None:
    answer = collector.post("/v1/track", body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "message"}
    assert reason in answer.json()["message"]
    assert len(collector.rejected()) == 1
    assert collector.events() == []


def test_a_body_that_is_no_batch_is_a_400_and_kept_aside(collector: Any) -> None:
    answer = collector.post("/v1/batch", b'{"batch": 5}')
    assert answer.status_code == 400
    assert "not a batch" in answer.json()["message"]
    assert len(collector.rejected()) == 1
    unsigned = collector.post("/v1/batch", b'{"batch": 5}', auth=None)
    assert unsigned.status_code == 400
    assert collector.post("/v1/batch", b'{"batch": 5}', auth=("wrong", "")).status_code == 401
    assert len(collector.rejected()) == 1


def test_what_is_too_long_is_a_400_and_the_answer_arrives(collector: Any) -> None:
    answer = collector.post("/v1/batch", b" " * 3_000_000)
    assert answer.status_code == 400
    assert "too long" in answer.json()["message"]
    assert [reason.split(".")[0] for reason in collector.rejected()] == ["The body is too long"]
    full = {
        "batch": [
            {**TRACK, "messageId": str(n), "properties": {"x": "y" * 30_000}} for n in range(16)
        ]
    }
    assert len(json.dumps(full)) < 500 << 10
    assert collector.post("/v1/batch", full).status_code == 200


def test_every_result_is_counted_from_the_beginning(collector: Any) -> None:
    registry = collector.services.metrics.registry
    for result in ("accepted", "duplicate", "rejected", "erased"):
        assert registry.get_sample_value("persx_events_total", {"result": result}) == 0


class TestKeys:
    def test_a_wrong_or_missing_key_is_a_401(self, collector: Any) -> None:
        for more in (
            {"auth": None},
            {"auth": ("wrong", "")},
            {"auth": None, "params": {"writeKey": "wrong"}},
            {"auth": None, "params": {"writeKey": "secret-key"}},
            {"auth": None, "headers": {"Authorization": "Basic !!!"}},
        ):
            answer = collector.post("/v1/track", TRACK, **more)
            assert answer.status_code == 401
            assert answer.json()["code"] == "Unauthorized"
            assert "www-authenticate" not in answer.headers
        assert collector.events() == []

    def test_the_public_key_in_body_or_address(self, collector: Any) -> None:
        for n, (fields, more) in enumerate(
            [
                ({"writeKey": "public-key"}, {}),
                ({}, {"params": {"writeKey": "public-key"}}),
                ({"writeKey": "public-key"}, {"headers": {"Authorization": "Basic !!!"}}),
            ]
        ):
            message = {**TRACK, **fields, "messageId": f"t{n}"}
            assert collector.post("/v1/track", message, auth=None, **more).status_code == 200
            batch = {"batch": [{**TRACK, "messageId": f"b{n}"}], **fields}
            assert collector.post("/v1/batch", batch, auth=None, **more).status_code == 200
        assert len(collector.events()) == 6
        assert not any(event.verified for event in collector.events())

    def test_the_server_key_verifies(self, collector: Any) -> None:
        both = {"userId": "jane", "anonymousId": "v", "traits": {"industry": "saas"}}
        collector.post("/v1/identify", both, auth=("secret-key", ""))
        collector.post("/v1/identify", {**both, "traits": {"industry": "x"}, "anonymousId": "w"})
        (edge, claimed) = sorted(collector.call(see(collector.services.store).edges()))
        assert (edge.left, edge.right, edge.kind) == ("a:v", "u:jane", EdgeKind.VERIFIED)
        assert (claimed.left, claimed.kind) == ("a:w", EdgeKind.CLAIMED)
        jane, device = sorted(collector.states("u:jane"), key=lambda it: it.identity, reverse=True)
        assert jane.facts["industry"].value == "saas"
        assert (device.identity, device.facts) == ("a:v", {}), "there, and nothing is said of it"
        (liar,) = collector.states("a:w")
        assert liar.facts["industry"].value == "x"


class TestEncodings:
    def test_gzip(self, collector: Any) -> None:
        body = gzip.compress(json.dumps({"batch": [TRACK]}).encode())
        headers = {"Content-Encoding": "gzip"}
        assert collector.post("/v1/batch", body, headers=headers).status_code == 200
        half = len(body) // 2
        for bad, reason in [
            (body[:half], "cut off"),
            (b"no gzip", "not gzip"),
            (b"", "cut off"),
            (gzip.compress(b" " * 50_000_000), "too long"),
            (gzip.compress(b"") * 20_000, "members"),
        ]:
            answer = collector.post("/v1/batch", bad, headers=headers)
            assert answer.status_code == 400
            assert reason in answer.json()["message"]
            assert reason in collector.rejected()[0]
        two = gzip.compress(b'{"batch":') + gzip.compress(b"[]}")
        assert collector.post("/v1/batch", two, headers=headers).status_code == 200
        assert len(collector.events()) == 1

    def test_an_unknown_encoding_is_told(self, collector: Any) -> None:
        answer = collector.post("/v1/batch", b"x", headers={"Content-Encoding": "br"})
        assert (answer.status_code, answer.json()["message"]) == (
            400,
            "Content-Encoding 'br' is not known. Use gzip.",
        )

    def test_plain_text_as_browsers_send_it(self, collector: Any) -> None:
        body = json.dumps({**TRACK, "writeKey": "public-key"}).encode()
        headers = {"Content-Type": "text/plain", "Origin": "https://shop.example"}
        answer = collector.post("/v1/t", body, auth=None, headers=headers)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        assert len(collector.events()) == 1

    def test_the_anonymous_id_header(self, collector: Any) -> None:
        header = base64.b64encode(b"visitor-1").decode()
        body = {"batch": [{"type": "page"}, {"type": "page", "anonymousId": "own"}]}
        collector.post("/v1/batch", body, headers={"AnonymousId": header})
        collector.post("/v1/page", {"anonymousId": "x"}, headers={"AnonymousId": "%%%"})
        assert [event.anonymous_id for event in collector.events()] == ["visitor-1", "own", "x"]


def test_preflight_and_errors_carry_cors(collector: Any) -> None:
    answer = collector.client.options(
        collector.url + "/v1/batch",
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, anonymousid",
        },
    )
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"].startswith("authorization, content-type")
    assert "access-control-allow-credentials" not in answer.headers
    refused = collector.post("/v1/track", TRACK, auth=("wrong", ""))
    assert refused.headers["access-control-allow-origin"] == "*"


def test_client_metrics_are_dropped(collector: Any) -> None:
    assert collector.post("/v1/m", {"series": [{"type": "Counter"}]}, auth=None).status_code == 200
    assert collector.events() == []


def test_browser_clients_boot(collector: Any) -> None:
    get = collector.client.get
    settings = get(collector.url + "/v1/projects/public-key/settings")
    assert settings.headers["access-control-allow-origin"] == "*"
    segment = settings.json()["integrations"]["Segment.io"]
    host = collector.url.removeprefix("http://")
    assert (segment["apiKey"], segment["apiHost"], segment["protocol"]) == (
        "public-key",
        f"{host}/v1",
        "http",
    )
    for wrong in ("secret-key", "other", "%00"):
        assert get(f"{collector.url}/v1/projects/{wrong}/settings").status_code == 404
    for answer in (
        get(collector.url + "/sourceConfig/?p=npm&v=3", auth=("public-key", "")),
        get(collector.url + "/sourceConfig?writeKey=public-key"),
    ):
        source = answer.json()["source"]
        assert (source["writeKey"], source["enabled"], source["destinations"]) == (
            "public-key",
            True,
            [],
        )
    assert get(collector.url + "/sourceConfig/", auth=("secret-key", "")).status_code == 401


def test_storage_that_is_away_is_a_503_worth_trying_again(collector: Any) -> None:
    class Away:
        async def append(self, events: list[Event], rejected: list[RejectedEvent]) -> None:
            raise Unavailable("The disk is full.", hint="Make room.")

    kept = collector.services.stream
    collector.services.stream = Away()
    try:
        answer = collector.post("/v1/track", TRACK)
    finally:
        collector.services.stream = kept
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json() == {"code": "Unavailable", "message": "The disk is full. Make room."}
    assert collector.post("/v1/track", TRACK).status_code == 200


def test_many_clients_at_once_lose_and_repeat_nothing(collector: Any) -> None:
    async def send() -> None:
        async with httpx.AsyncClient(timeout=60) as client:
            bodies = [
                {"batch": [{**TRACK, "messageId": f"{n % 20}-{m}"} for m in range(10)]}
                for n in range(40)
            ]
            answers = await asyncio.gather(
                *(
                    client.post(collector.url + "/v1/batch", json=body, auth=("public-key", ""))
                    for body in bodies
                )
            )
            assert {answer.status_code for answer in answers} == {200}

    asyncio.run(send())
    assert len(collector.events()) == 200
    assert collector.states("a:v")[0].events == 200
    sequences = [event.sequence for event in collector.events()]
    assert sequences == list(range(1, 201))


def test_a_client_that_hangs_up_breaks_nothing(collector: Any) -> None:
    host, port = collector.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b'POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"batch":['
        )
    assert collector.post("/v1/track", TRACK).status_code == 200
    assert len(collector.events()) == 1


def test_no_address_and_no_user_agent_is_stored_as_it_was_sent(collector: Any) -> None:
    agent = "Mozilla/5.0 (Linux; Android 14; Pixel 8 Pro) Chrome/131.0.6778.81 Mobile Safari/537"
    context = {"ip": "203.0.113.77", "userAgent": agent, "locale": "de"}
    shared = {"context": context, "batch": [TRACK, {**TRACK, "messageId": "m2", "context": {}}]}
    assert collector.post("/v1/batch", shared).status_code == 200
    bad = {"type": "track", "anonymousId": "v", "context": context}
    assert collector.post("/v1/batch", {"batch": [bad]}).json()["rejected"] == 1
    reduced = {"ip": "203.0.113.0", "userAgent": "Chrome 131; Android; phone", "locale": "de"}
    assert [event.context for event in collector.events()] == [reduced, reduced]
    (rejected,) = collector.call(see(collector.services.stream).rejected())
    assert "203.0.113.0" in rejected.body
    assert "203.0.113.77" not in rejected.body
    assert "Pixel" not in rejected.body
