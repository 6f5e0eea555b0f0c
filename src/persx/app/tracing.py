"""Tracing: OpenTelemetry spans of what a server does, where an operator wants them.

Nothing of this is loaded, and no code path is longer, where the setting `traces` is empty: a
server that traces is given other objects instead (see ADR 27).
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from persx.app.settings import ServerSettings
from persx.model.decision import DecisionRecord
from persx.model.errors import BadInput
from persx.model.event import Event
from persx.storage.ports import Rows, Segment, Warehouse
from persx.storage.reading import RowReader
from persx.storage.removal import Removal, Removed
from persx.storage.scope import VisitorScope

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

EXPORT_SECONDS: Final = 3
"""A collector that does not answer keeps nobody waiting for longer, at the end of the process."""

_LONGEST: Final = 120


class Tracing:
    """Makes spans. They tell what was done and how long it took, never for whom.

    Args:
        provider: Where spans go.
    """

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("persx", version("persx"))
        self._incoming = TraceContextTextMapPropagator()
        self._server, self._inside = trace.SpanKind.SERVER, trace.SpanKind.CLIENT
        self._failed = trace.StatusCode.ERROR

    @contextlib.contextmanager
    def request(self, name: str, headers: Mapping[str, str], method: str) -> Iterator[Span]:
        """Span a request; one that says which trace it belongs to (W3C) goes on with that."""
        with self._tracer.start_as_current_span(
            name,
            context=self._incoming.extract(headers),
            kind=self._server,
            attributes={"http.request.method": method},
            record_exception=False,
        ) as span:
            yield span

    def answered(self, span: Span, status: int) -> None:
        """Note how a request was answered."""
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            span.set_status(self._failed)

    @contextlib.contextmanager
    def query(self, sql: str) -> Iterator[Span]:
        """Span a query of the warehouse; its values are not told, only what it is for."""
        first = sql.lstrip().partition("\n")[0]
        what = first.removeprefix("--").strip() if first.startswith("--") else "a query"
        with self._tracer.start_as_current_span(
            "warehouse query",
            kind=self._inside,
            attributes={"db.system.name": "duckdb", "db.query.summary": what[:_LONGEST]},
            # What an error says may hold values.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException:
                span.set_status(self._failed)
                raise

    def close(self) -> None:
        """Send what waits."""
        self._provider.shutdown()


def open_tracing(settings: ServerSettings) -> Tracing | None:
    """Return what makes spans; none where the setting `traces` is empty.

    Raises:
        BadInput: The extra ``otel`` is not installed.
    """
    if not settings.traces:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
    except ImportError as error:
        raise BadInput(
            "Traces need a package that is not installed.",
            value=settings.traces,
            hint="Install persx[otel], or leave the setting 'traces' empty.",
        ) from error
    # Not by what the request's trace says: a visitor could have every request of theirs traced.
    provider = TracerProvider(
        resource=Resource.create({"service.name": "persx", "service.version": version("persx")}),
        sampler=TraceIdRatioBased(settings.traces_share),
    )
    endpoint = f"{settings.traces.rstrip('/')}/v1/traces"
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider)


class TracedReader:
    """A reader whose queries are spans."""

    def __init__(self, reader: RowReader, tracing: Tracing) -> None:
        self._reader, self._tracing = reader, tracing

    async def query(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        tables: Mapping[str, Rows] | None = None,
        as_of: int | None = None,
    ) -> Rows:
        """Run a SELECT."""
        with self._tracing.query(sql) as span:
            found = await self._reader.query(sql, parameters, tables=tables, as_of=as_of)
            span.set_attribute("db.response.returned_rows", len(found.rows))
            return found

    async def query_together(
        self,
        queries: Sequence[str],
        parameters: Mapping[str, Any] | None = None,
        *,
        tables: Mapping[str, Rows] | None = None,
        as_of: int | None = None,
    ) -> list[Rows]:
        """Run several SELECTs; the span is that of the first."""
        with self._tracing.query(queries[0]) as span:
            found = await self._reader.query_together(
                queries, parameters, tables=tables, as_of=as_of
            )
            span.set_attribute("db.response.returned_rows", sum(len(each.rows) for each in found))
            return found

    async def hand_rows(
        self,
        take: Callable[[Sequence[tuple[Any, ...]]], None],
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        tables: Mapping[str, Rows] | None = None,
        as_of: int | None = None,
        portion: int = 10_000,
    ) -> int:
        """Run a SELECT and hand its rows on."""
        with self._tracing.query(sql) as span:
            handed = await self._reader.hand_rows(
                take, sql, parameters, tables=tables, as_of=as_of, portion=portion
            )
            span.set_attribute("db.response.returned_rows", handed)
            return handed

    async def decision(self, id: str) -> DecisionRecord | None:
        """Return one line of the decision log."""
        with self._tracing.query("-- One line of the decision log."):
            return await self._reader.decision(id)

    async def write_file(self, sql: str, path: str) -> int:
        """Write a SELECT's rows as a file."""
        with self._tracing.query(sql) as span:
            rows = await self._reader.write_file(sql, path)
            span.set_attribute("db.response.returned_rows", rows)
            return rows

    def scan_events(
        self, *, after: int = 0, chunk: int = 50_000
    ) -> AsyncGenerator[Sequence[Event], None]:
        """Yield all events; how long that takes depends on who reads them."""
        return self._reader.scan_events(after=after, chunk=chunk)


class TracedWarehouse:
    """A warehouse whose queries are spans."""

    def __init__(self, warehouse: Warehouse, tracing: Tracing) -> None:
        self._warehouse, self._tracing = warehouse, tracing

    def seen_by(self, scope: VisitorScope) -> RowReader:
        """Return what queries the rows that this scope may see."""
        return TracedReader(self._warehouse.seen_by(scope), self._tracing)

    async def seal(self, *, keep: int = 0, segment_rows: int = 1_000_000) -> Sequence[Segment]:
        """Move the hot log into segments."""
        with self._tracing.query("-- Sealing the hot log."):
            return await self._warehouse.seal(keep=keep, segment_rows=segment_rows)

    async def segments(self) -> Sequence[Segment]:
        """Return the manifest."""
        return await self._warehouse.segments()

    async def import_file(self, name: str, path: str) -> int:
        """Keep a file as a table."""
        with self._tracing.query("-- Importing a file."):
            return await self._warehouse.import_file(name, path)

    async def drop_table(self, name: str) -> None:
        """Remove an imported table."""
        await self._warehouse.drop_table(name)

    async def remove(self, removal: Removal) -> Removed:
        """Remove what an erasure or an expiry names."""
        with self._tracing.query("-- Removing what is erased or too old."):
            return await self._warehouse.remove(removal)

    async def copy_to(self, folder: str) -> None:
        """Copy everything into a folder."""
        await self._warehouse.copy_to(folder)

    async def close(self) -> None:
        """Let go of everything."""
        await self._warehouse.close()
