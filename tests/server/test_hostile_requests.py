"""Bad input on a real server: the right status, nothing lost, everything counted, still alive."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.conftest import PASSWORD, SERVER_KEY, WRITE_KEY, Server, running
from tests.server.conftest import Cli, counted

pytestmark = pytest.mark.server

KEY = {"Authorization": f"Bearer {SERVER_KEY}"}
HOSTILE = [
    "<script>alert('x')</script>",
    "'\"; DROP TABLE event; --",
    "{{ 7 * 7 }}{% raise %}${7*7}",
    "\r\nSet-Cookie: a=b\r\n\r\n<html>",
    "\x00\x1b[31m\u202e\U0001f47b\u2028",
    "=cmd|' /C calc'!A0",
    "../../../etc/passwd\x00.yaml",
    "A" * 5_000,
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 " * 50,
    "%s%n%00%ff{0}\\",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The demo, for this file alone: it counts."""
    with running(tmp_path_factory.mktemp("hostile") / "home", "--demo") as server:
        yield server
        assert httpx.get(server.url).status_code == 200
    assert "Traceback" not in server.output.read_text()


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """A client with the server key."""
    with httpx.Client(base_url=server.url, headers=KEY, timeout=20) as client:
        yield client


class Counting:
    """What has been counted since the last look."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.last = counted(url)

    def new(self) -> tuple[int, int, int]:
        """Accepted, duplicate and rejected events since the last look."""
        now = counted(self.url)
        before, self.last = self.last, now
        accepted, duplicate, rejected = (
            now.get(name, 0) - before.get(name, 0) for name in ("accepted", "duplicate", "rejected")
        )
        return accepted, duplicate, rejected


@pytest.fixture
def counts(server: Server) -> Counting:
    """The counters."""
    return Counting(server.url)


def track(**fields: Any) -> dict[str, Any]:
    """A good track message, with fields replaced."""
    return {"type": "track", "event": "Tried", "anonymousId": "ann", **fields}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"batch": {}}', b'{"a":' * 9_000, b"\x00"],
    ids=range(8),
)
def test_bodies_that_are_no_batch(client: httpx.Client, counts: Counting, body: bytes) -> None:
    assert client.post("/v1/batch", content=body).status_code == 400
    assert counts.new() == (0, 0, 1)
    assert client.post("/v1/decide", content=body or b"1").status_code == 400
    assert client.put("/v1/state", content=body or b"1").status_code == 400
    assert counts.new() == (0, 0, 0)


def test_one_bad_message_spoils_no_other(client: httpx.Client, counts: Counting) -> None:
    large = track(messageId="large", properties={"text": "x" * 33_000})
    batch: list[Any] = [
        track(messageId="good 1"),
        large,
        track(type="surprise"),
        track(event=None),
        track(properties=[1]),
        track(timestamp="yesterday"),
        {"type": "track", "event": "Nobody"},
        17,
        None,
        track(messageId="good 2", unknown={"key": 1}, properties={"n": 1e400}),
        track(messageId="good 1"),
        track(messageId="good 3"),
    ]
    text = json.dumps(batch).replace("Infinity", "1e400")
    answer = client.post("/v1/batch", content=f'{{"batch": {text}}}')
    assert answer.status_code == 200
    accepted, duplicate, rejected = counts.new()
    assert duplicate == 1
    assert accepted + rejected == len(batch) - 1
    assert answer.json() == {"success": True, "rejected": rejected}
    assert accepted in (2, 3)  # a number beyond all numbers may be refused or become null
    assert client.post("/v1/track", json=large).status_code == 400
    assert counts.new() == (0, 0, 1)


def test_what_is_kept_and_what_is_kept_aside(
    server: Server, client: httpx.Client, counts: Counting
) -> None:
    bodies = [
        track(messageId=f"hostile {number}", **{field: value})
        for number, value in enumerate(HOSTILE)
        for field, value in (
            ("event", value),
            ("properties", {value: value, "form": value, "industry": value}),
            ("traits", {"industry": value, value: [value]}),
            ("userId", value),
            ("context", {"page": {"path": value}, value: {}}),
        )
    ]
    for number, body in enumerate(bodies):
        body["messageId"] = f"hostile {number}"
    statuses = [client.post("/v1/track", json=body).status_code for body in bodies]
    assert set(statuses) <= {200, 400}
    accepted, duplicate, rejected = counts.new()
    assert (accepted, duplicate, rejected) == (statuses.count(200), 0, statuses.count(400))
    lines = Cli(server.home)("export", "events", "--json").output.splitlines()
    stored = {json.loads(line)["messageId"] for line in lines}
    for body, status in zip(bodies, statuses, strict=True):
        assert (body["messageId"] in stored) == (status == 200)


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_strings_reach_no_page_and_no_header(
    server: Server, client: httpx.Client, value: str
) -> None:
    """In every field that a visitor can fill in; the owner's lists are looked at too."""
    asked: dict[str, Any] = {"anonymousId": value, "page": "home", "context": {"locale": value}}
    assert client.post("/v1/decide", json=asked).status_code in (200, 400)
    asked = {"anonymousId": "ann", "page": value, "blocks": [value], "context": {value: value}}
    assert client.post("/v1/decide", json=asked).status_code == 404
    assert (
        client.post("/v1/decide", json={"anonymousId": "a", "blocks": [value]}).status_code == 200
    )
    assert client.put("/v1/state", json={"industry": value}).status_code == 400
    assert client.put("/v1/state", json={"tools": [value]}).status_code == 400
    with httpx.Client(base_url=server.url, timeout=20) as visitor:
        answers = [
            visitor.post("/start", data={"industry": value, "goals": value, "complete": "1"}),
            visitor.post("/start", data={"industry": "SaaS", "tools": value, "next": value}),
            visitor.post("/forms/x", data={"page": value, "block": value}),
            visitor.post("/admin/login", data={"password": value[:50], "next": value})
            if value is HOSTILE[0]
            else visitor.get("/admin"),
            visitor.get("/", params={"locale": value, "utm_source": value, "sent": value}),
            visitor.get("/v1/x/" + "".join(c for c in value if c.isalnum())[:100] + "x"),
        ]
        for name in ("persx_visitor", "persx_state", "persx_admin", "persx_preview"):
            plain = value.encode("ascii", "ignore").decode()
            cookie = "".join(c for c in plain if c.isprintable() and c not in ';, "\\')
            answers.append(visitor.get("/", headers={"Cookie": f"{name}={cookie}"}))
        for answer in answers:
            assert answer.status_code < 500, (answer.request.url, answer.text[:300])
            assert "a=b" not in str(answer.headers.get("set-cookie"))
            assert "<script>alert(" not in answer.text
            assert "Traceback" not in answer.text
            location = answer.headers.get("location", "/")
            assert location.startswith("/")
            assert not location.startswith("//")


def test_hostile_forms_are_kept_for_the_owner_and_harm_nobody(server: Server) -> None:
    owner = httpx.Client(base_url=server.url, follow_redirects=True, timeout=20)
    with owner, httpx.Client(base_url=server.url, timeout=20) as visitor:
        page = visitor.get("/contact").text
        block = page.partition('name="block" value="')[2].partition('"')[0]
        assert block
        sent = 0
        for value in HOSTILE:
            answers = {"name": value, "email": "a@b.example", "message": value, "company": value}
            form = {"page": "contact", "block": block, "reason": value, **answers}
            status = visitor.post("/forms/contact", data=form).status_code
            assert status in (303, 422)
            sent += status == 303
        signed_in = owner.post("/admin/login", data={"password": PASSWORD})
        assert signed_in.status_code == 200
        listed = owner.get("/admin/submissions")
        assert listed.status_code == 200
        assert "<script>alert(" not in listed.text
        table = owner.get("/admin/submissions.csv")
        assert table.status_code == 200
        if sent:
            assert not any(line.startswith("=") for line in table.text.replace(",", "\n").split())


def test_gzip_bombs_are_not_unpacked(client: httpx.Client, counts: Counting) -> None:
    bomb = gzip.compress(b"[" + b"0" * 200_000_000)
    nested = gzip.compress(gzip.compress(json.dumps({"batch": [track()]}).encode()))
    cut = gzip.compress(json.dumps({"batch": [track()]}).encode())[:-9]
    for body in (bomb, nested, cut, b"no gzip"):
        began = time.monotonic()
        answer = client.post("/v1/batch", content=body, headers={"Content-Encoding": "gzip"})
        assert answer.status_code == 400
        assert time.monotonic() - began < 2
    assert counts.new()[0] == 0
    good = gzip.compress(json.dumps({"batch": [track()]}).encode())
    answer = client.post("/v1/batch", content=good, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 200
    assert counts.new() == (1, 0, 0)


def test_bodies_that_are_too_large(client: httpx.Client) -> None:
    assert client.post("/v1/batch", content=b" " * 600_000).status_code == 400
    assert client.post("/v1/decide", content=b" " * 600_000).status_code == 400
    form = b"&".join(b"a%d=" % number + b"x" * 200_000 for number in range(15))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in ("/start", "/forms/contact", "/admin/login", "/admin/bar"):
        answer = client.post(path, content=form, headers=headers)
        refused = {403, 413} if path == "/admin/bar" else {413}
        assert answer.status_code in refused, path
    many = b"&".join(b"a=1" for _ in range(20_000))
    assert client.post("/start", content=many, headers=headers).status_code == 400


def talk(server: Server, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send bytes as they are, and return what comes back first."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    with closing(connection):
        for part in parts:
            try:
                connection.sendall(part)
            except OSError:
                break
            time.sleep(pause)
        try:
            return connection.recv(65_536)
        except OSError:
            return b""


def test_headers_without_end_are_cut_off(server: Server) -> None:
    begin = b"GET / HTTP/1.1\r\nHost: x\r\n"
    endless = [b"X-A: " + b"a" * 60_000 + b"\r\n"] * 40
    assert talk(server, begin, *endless, pause=0.002)[:12] in (b"HTTP/1.1 431", b"")
    one = [b"X-A: "] + [b"a" * 60_000] * 40
    assert talk(server, begin, *one, pause=0.002)[:12] in (b"HTTP/1.1 431", b"")
    path = [b"GET /"] + [b"a" * 60_000] * 40
    assert talk(server, *path, pause=0.002)[:12] in (b"HTTP/1.1 431", b"")
    large = b"X-A: " + b"a" * 20_000 + b"\r\n"
    assert talk(server, begin, large, b"\r\n").startswith(b"HTTP/1.1 200")


def test_pipelined_and_broken_requests(server: Server) -> None:
    get = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    assert talk(server, get * 3, pause=0.3).count(b"HTTP/1.1 200") == 3
    for broken in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
        b"GET / HTTP/9.9\r\n\r\n",
        b"NOPE\r\n\r\n",
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        assert talk(server, broken).startswith(b"HTTP/1.1 4")


def test_slow_senders_hold_up_nobody(server: Server) -> None:
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(60)]
    try:
        for number, connection in enumerate(slow):
            head = f"POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {WRITE_KEY}\r\n"
            if number % 2:
                connection.sendall(head.encode() + b'Content-Length: 5000\r\n\r\n{"event":')
            else:
                connection.sendall(head.encode())
        for _ in range(5):
            began = time.monotonic()
            assert httpx.get(server.url).status_code == 200
            assert time.monotonic() - began < 2
    finally:
        for connection in slow:
            connection.close()


def test_wrong_methods_hosts_and_ranges(client: httpx.Client) -> None:
    assert client.delete("/").status_code == 405
    for method, path in (("GET", "/v1/decide"), ("PATCH", "/v1/state"), ("POST", "/v1/nothing")):
        answer = client.request(method, path)
        assert answer.status_code == 404
        assert f"'{method} {path}'" in answer.json()["message"]
    assert client.get("/", headers={"Host": "evil.example/<script>"}).status_code < 500
    assert client.get("/static/../../../etc/passwd").status_code == 404
    assert client.get("/static/%2e%2e/%2e%2e/pyproject.toml").status_code == 404
    for name in ("%00", "a" * 5_000, "a/" * 2_000, "."):
        assert client.get(f"/static/{name}").status_code == 404
    assert client.get("/" + "%ff%fe/" * 50).status_code == 404
    for header in ("Accept-Language", "User-Agent", "Referer", "Cookie", "Sec-Purpose"):
        for value in ("x" * 9_000, ";q=;q=nan,,,=", "http://[::", "\xff\xfe"):
            answer = client.get("/", headers={header.encode(): value.encode("latin-1")})
            assert answer.status_code == 200


def test_who_leaves_while_sending_is_no_error(server: Server, counts: Counting) -> None:
    for path in ("/v1/track", "/v1/decide", "/start", "/forms/contact", "/admin/login"):
        with closing(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as gone:
            head = (
                f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {WRITE_KEY}\r\n"
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 500\r\n\r\n"
            )
            gone.sendall(head.encode() + b"a=")
            time.sleep(0.05)
    time.sleep(0.1)
    assert counts.new() == (0, 0, 0)
    assert "failed (reference" not in server.output.read_text()
