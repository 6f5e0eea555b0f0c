"""/openapi.json tells the truth, and whatever is sent to the JSON API, no answer is a 5xx."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any, Final

import httpx
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route

from persx.app.home import open_home
from persx.app.services import Services
from persx.app.settings import ServerSettings
from persx.app.starting import load_demo
from persx.web.api.openapi import DETAILS, document
from persx.web.server import create_app
from tests.conftest import SERVER_KEY, WRITE_KEY

KEYS: Final = [{"Authorization": f"Bearer {key}"} for key in (SERVER_KEY, WRITE_KEY)]


@pytest.mark.anyio
async def test_every_route_of_the_api_is_described(client: Any, services: Services) -> None:
    found = (await client.get("/openapi.json")).json()
    assert found["openapi"] == "3.1.0"
    described = {(path, method) for path, each in found["paths"].items() for method in each}
    routes = {
        (route.path.replace(":path}", "}"), method.lower())
        for route in create_app(services).routes
        if isinstance(route, Route) and route.path.startswith(("/v1/", "/beacon/"))
        for method in (route.methods or set()) - {"HEAD", "OPTIONS"}
        if not route.path.startswith(("/v1/commands/", "/v1/{"))
    }
    assert described == routes
    detailed = {(path.replace(":path}", "}"), method.lower()) for method, path in DETAILS}
    assert detailed == routes
    for path in ("/v1/decide", "/v1/state", "/v1/batch", "/v1/track", "/v1/x/{token}"):
        assert path in found["paths"]
    operations = [each for methods in found["paths"].values() for each in methods.values()]
    assert all(each["summary"] for each in operations)
    assert len({each["operationId"] for each in operations}) == len(operations)
    assert "commands" not in str(found["paths"])


def references(part: object) -> set[str]:
    """Every $ref in a document."""
    if isinstance(part, list):
        return set().union(*map(references, part))
    if not isinstance(part, dict):
        return set()
    own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
    return own.union(*map(references, part.values()))


@pytest.mark.anyio
async def test_every_reference_leads_somewhere(client: Any) -> None:
    found = (await client.get("/openapi.json")).json()
    assert len(references(found)) > 8
    for reference in references(found):
        part: Any = found
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]
        assert part


def validator(found: dict[str, Any], schema: dict[str, Any]) -> Any:
    """A validator of one of the document's schemas."""
    return jsonschema_rs.validator_for({**schema, "components": found["components"]})


def answer_schema(found: dict[str, Any], path: str, method: str, status: str) -> dict[str, Any]:
    """The schema of an operation's answer."""
    answer = found["paths"][path][method]["responses"][status]
    if "$ref" in answer:
        answer = found["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    schema: dict[str, Any] = answer["content"]["application/json"]["schema"]
    return schema


@pytest.mark.anyio
async def test_answers_are_as_described(client: Any) -> None:
    found = (await client.get("/openapi.json")).json()
    track = {"event": "Tried", "anonymousId": "ann"}
    asked = {"anonymousId": "ann", "page": "home"}
    unknown = {**asked, "page": "hoem"}
    requests: list[tuple[str, str, dict[str, Any] | None]] = [
        ("post", "/v1/decide", asked),
        ("post", "/v1/decide", unknown),
        ("get", "/v1/state", None),
        ("put", "/v1/state", {"industry": "SaaS"}),
        ("put", "/v1/state", {"industry": "Saas!"}),
        ("post", "/v1/track", track),
        ("post", "/v1/track", {"event": "Tried"}),
        ("post", "/v1/batch", {"batch": [{**track, "type": "track"}, {"type": "track"}]}),
    ]
    statuses = []
    for method, path, body in requests:
        if body is not None:
            content = found["paths"][path][method]["requestBody"]["content"]
            validator(found, content["application/json"]["schema"]).validate(body)
        answer = await client.request(method, path, json=body, headers=KEYS[0])
        status = str(answer.status_code)
        statuses.append(status)
        schema = answer_schema(found, path, method, status)
        validator(found, schema).validate(answer.json())
    assert statuses == ["200", "404", "200", "200", "400", "200", "400", "200"]


@pytest.mark.anyio
async def test_what_is_not_described_is_refused(client: Any) -> None:
    """Unknown keys of a request that asks something are slips of its sender."""
    found = (await client.get("/openapi.json")).json()
    for method, path, body in (
        ("post", "/v1/decide", {"anonymousId": "ann", "pgae": "home"}),
        ("put", "/v1/state", {"industy": "SaaS"}),
    ):
        schema = found["paths"][path][method]["requestBody"]["content"]["application/json"]
        assert not validator(found, schema["schema"]).is_valid(body)
        answer = await client.request(method, path, json=body, headers=KEYS[0])
        assert answer.status_code == 400
        assert "unknown field" in answer.json()["message"]


@pytest.mark.anyio
async def test_a_state_can_be_sent_back(client: Any) -> None:
    await client.put("/v1/state", json={"industry": "SaaS"})
    state = (await client.get("/v1/state")).json()
    again = await client.put("/v1/state", json=state)
    assert again.status_code == 200
    assert again.json()["industry"] == "SaaS"


def test_a_document_without_routes_is_one() -> None:
    assert document([])["paths"] == {}


texts = st.text(max_size=20) | st.sampled_from(
    ["home", "/", "contact", "contact-form", "SaaS", "ann", "\0", "\u202e", "'; DROP", "a" * 300]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
DECIDE: Final = ["anonymousId", "userId", "page", "blocks", "context", "writeKey"]
STATE: Final = ["industry", "goals", "tools", "id", "persona", "identified"]
MESSAGE: Final = [
    "type", "messageId", "anonymousId", "userId", "event", "name", "category", "groupId",
    "previousId", "timestamp", "originalTimestamp", "sentAt", "properties", "traits", "context",
]  # fmt: skip
TYPES: Final = ["track", "identify", "page", "screen", "group", "alias"]


def some(names: list[str], **usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects of these keys: mostly of the usual values, sometimes of any."""
    fields = {name: usual.get(name, values) | values for name in names}
    fixed = st.fixed_dictionaries({}, optional=fields)
    return fixed | st.dictionaries(st.sampled_from(names) | texts, values, max_size=4) | values


messages = some(
    MESSAGE,
    type=st.sampled_from(TYPES),
    anonymousId=texts,
    userId=texts,
    event=texts,
    timestamp=st.datetimes().map(lambda moment: moment.isoformat()) | st.integers(),
    properties=st.dictionaries(texts, values, max_size=3),
    traits=st.dictionaries(texts | st.sampled_from(STATE), values, max_size=3),
)
requests = st.one_of(
    st.tuples(
        st.just(("POST", "/v1/decide")),
        some(
            DECIDE,
            anonymousId=texts,
            page=texts,
            blocks=st.lists(texts, max_size=4),
            context=st.dictionaries(texts, values, max_size=3),
        ),
    ),
    st.tuples(st.just(("PUT", "/v1/state")), some(STATE, industry=texts)),
    st.tuples(
        st.just(("POST", "/v1/batch")),
        some(["batch", "sentAt", "context", "writeKey"], batch=st.lists(messages, max_size=3)),
    ),
    st.tuples(st.sampled_from([("POST", f"/v1/{kind}") for kind in TYPES]), messages),
    st.tuples(
        st.sampled_from([("POST", "/v1/decide"), ("PUT", "/v1/state"), ("POST", "/v1/batch")]),
        st.binary(max_size=50),
    ),
)


def test_nothing_that_is_sent_makes_an_error() -> None:
    """In one application, whose state grows with every request."""
    wanted = ServerSettings(write_key=WRITE_KEY, server_key=SERVER_KEY, store="memory")
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        services = runner.run(stack.enter_async_context(open_home(None, wanted)))
        runner.run(load_demo(services, "persx_ai"))
        transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://site.test")
        runner.run(stack.enter_async_context(client))
        seen: set[int] = set()

        async def send(method: str, path: str, body: Any, key: dict[str, str]) -> int:
            # With NaN and Infinity, which JSON does not know, as careless clients send them.
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            answer = await client.request(method, path, content=content, headers=key)
            return answer.status_code

        @settings(
            max_examples=400,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(requests, st.sampled_from(KEYS))
        def fuzz(asked: tuple[tuple[str, str], Any], key: dict[str, str]) -> None:
            (method, path), body = asked
            status = runner.run(send(method, path, body, key))
            assert status < 500
            seen.add(status)

        try:
            fuzz()
            assert {200, 400} <= seen
        finally:
            runner.run(stack.aclose())
