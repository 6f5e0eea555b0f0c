"""Traces: what a server did becomes spans, which tell nothing of whom it was done for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from persx.app.settings import ServerSettings
from persx.app.tracing import TracedWarehouse, Tracing, open_tracing
from persx.model.errors import BadInput
from persx.storage.backends import open_storage
from persx.storage.scope import System
from persx.web.tracing import Traced

trace = pytest.importorskip("opentelemetry.sdk.trace")
memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
export = pytest.importorskip("opentelemetry.sdk.trace.export")

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collected:
    """Spans as they end."""

    def __init__(self) -> None:
        self.exporter = memory.InMemorySpanExporter()
        provider = trace.TracerProvider()
        provider.add_span_processor(export.SimpleSpanProcessor(self.exporter))
        self.tracing = Tracing(provider)

    @property
    def spans(self) -> dict[str, Any]:
        return {each.name: each for each in self.exporter.get_finished_spans()}


def ask(collected: Collected, path: str, *, status: int = 200, fails: bool = False) -> None:
    """Send one request through the layer, to an application that asks the warehouse."""
    storage = open_storage(None, store="memory")
    warehouse = TracedWarehouse(storage.warehouse, collected.tracing)

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        sql = "-- How many events.\nSELECT count(*) FROM events"
        await warehouse.seen_by(System("a test")).query("SELECT nothing" if fails else sql)
        await send({"type": "http.response.start", "status": status, "headers": []})

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(_message: Any) -> None:
        pass

    scope = {
        "type": "http", "method": "GET", "path": path, "query_string": b"token=secret",
        "headers": [(b"traceparent", PARENT.encode()), (b"cookie", b"persx_visitor=secret")],
    }  # fmt: skip
    asyncio.run(Traced(app, collected.tracing)(scope, receive, send))


def test_a_request_is_a_span_with_its_queries_below() -> None:
    collected = Collected()
    ask(collected, "/contact")
    page, query = collected.spans["page"], collected.spans["warehouse query"]
    assert query.parent.span_id == page.context.span_id
    assert f"{page.context.trace_id:032x}" == PARENT.split("-")[1]
    assert query.attributes["db.query.summary"] == "How many events."
    assert query.attributes["db.response.returned_rows"] == 1
    assert page.attributes["http.response.status_code"] == 200
    told = "".join(each.to_json() for each in collected.spans.values())
    assert "secret" not in told
    assert "/contact" not in told


@pytest.mark.parametrize(
    ("path", "name"),
    [("/v1/decide", "decide"), ("/v1/batch", "collect"), ("/v1/t", "collect"), ("/", "page")],
)
def test_spans_have_names_that_are_few(path: str, name: str) -> None:
    collected = Collected()
    ask(collected, path, status=503)
    assert collected.spans[name].status.status_code.name == "ERROR"


def test_what_is_no_work_for_visitors_is_no_span() -> None:
    collected = Collected()
    for path in ("/metrics", "/static/site.css", "/admin", "/healthz"):
        ask(collected, path)
    assert set(collected.spans) == {"warehouse query"}


def test_a_query_that_fails_is_marked_and_its_text_is_not_told() -> None:
    collected = Collected()
    with pytest.raises(Exception, match="nothing"):
        ask(collected, "/", fails=True)
    query = collected.spans["warehouse query"]
    assert query.status.status_code.name == "ERROR"
    assert not query.events
    assert "nothing" not in query.to_json()


def test_off_is_nothing_at_all() -> None:
    assert open_tracing(ServerSettings()) is None


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(BadInput, match="not installed"):
        open_tracing(ServerSettings(traces="http://127.0.0.1:4318"))
