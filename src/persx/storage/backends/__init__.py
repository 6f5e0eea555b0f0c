"""The backends that implement the ports, and the one way to open them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

import msgspec

from persx.model.clock import Clock, system_clock
from persx.model.errors import BadInput
from persx.model.registry import Registry
from persx.storage.artifacts import Artifacts
from persx.storage.backends.home_lock import HomeLock
from persx.storage.items import Items
from persx.storage.ports import Store, Stream, Warehouse

__all__ = ["BACKENDS", "Backend", "HomeLock", "Opener", "Storage", "open_storage"]


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """The open ports of one home; an async context manager that closes them."""

    store: Store
    stream: Stream
    warehouse: Warehouse
    artifacts: Artifacts
    items: Items

    async def close(self) -> None:
        """Finish writing and let go of everything."""
        await self.warehouse.close()
        await self.store.close()

    async def __aenter__(self) -> Storage:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


class Opener(Protocol):
    """Opens the ports of one home."""

    def __call__(self, home: Path | None, /, *, clock: Clock) -> Storage:
        """Open them. Without a home nothing outlives the process."""
        ...


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """A way to keep everything, by the name that ``--store`` takes."""

    name: str
    description: str
    open: Opener


def _open_sqlite(home: Path | None, /, *, clock: Clock) -> Storage:
    from persx.storage.backends.duckdb import DuckdbWarehouse
    from persx.storage.backends.sqlite import Database, SqliteStore, SqliteStream
    from persx.storage.backends.sqlite.artifacts import SqliteArtifacts
    from persx.storage.backends.sqlite.items import SqliteItems
    from persx.storage.backends.sqlite.log import SqliteLog

    if home is None:
        return _open_memory(None, clock=clock)
    database = Database(home, clock=clock)
    store = SqliteStore(database)
    return Storage(
        store=store,
        stream=SqliteStream(database),
        warehouse=DuckdbWarehouse(SqliteLog(database, store), home, clock=clock),
        artifacts=SqliteArtifacts(database),
        items=SqliteItems(database),
    )


def _open_memory(_home: Path | None, /, *, clock: Clock) -> Storage:
    from persx.storage.backends.duckdb import DuckdbWarehouse
    from persx.storage.backends.memory import MemoryStore, MemoryStream
    from persx.storage.backends.memory_artifacts import MemoryArtifacts
    from persx.storage.backends.memory_items import MemoryItems
    from persx.storage.backends.memory_log import MemoryLog
    from persx.storage.backends.memory_shelves import Shelves

    shelves = Shelves(clock)
    folder = Path(tempfile.mkdtemp(prefix="persx-"))
    return Storage(
        store=MemoryStore(shelves),
        stream=MemoryStream(shelves),
        warehouse=DuckdbWarehouse(MemoryLog(shelves), folder, clock=clock, owned=True),
        artifacts=MemoryArtifacts(),
        items=MemoryItems(),
    )


BACKENDS: Final[Registry[Backend]] = Registry(
    "backend",
    "persx.backends",
    [
        Backend(
            name="sqlite",
            description="One SQLite file and Parquet segments in the home; one machine.",
            open=_open_sqlite,
        ),
        Backend(
            name="memory",
            description="Nothing outlives the process; for tests and trials.",
            open=_open_memory,
        ),
    ],
)
"""All backends, built in and installed."""


def open_storage(
    home: Path | None,
    *,
    store: str = "sqlite",
    stream: str = "",
    warehouse: str = "",
    clock: Clock = system_clock,
) -> Storage:
    """Open the ports of a home.

    Reading needs no lock. The first write takes the home for this process (`HomeLock`), until
    the storage is closed.

    Args:
        home: The folder that holds everything; None keeps all in memory.
        store: A name of `BACKENDS`, or a URL whose scheme is one.
        stream: Where events are logged; empty means where the store says.
        warehouse: Where events are analysed; empty means where the store says.
        clock: What leases, sealing and pruning take for now.

    Raises:
        BadInput: The three cannot go together.
        Conflict: The home has no database yet, and another process is making it.
        NotFound: There is no such backend.
    """
    backend = BACKENDS[_scheme(store)]
    for role, url in (("stream", stream), ("warehouse", warehouse)):
        if url and BACKENDS[_scheme(url)] is not backend:
            raise BadInput(
                f"The {role} '{url}' does not go with the store '{store}'.",
                value=url,
                hint=f"Leave the {role} out; it comes with the store.",
            )
    return backend.open(home, clock=clock)


def _scheme(url: str) -> str:
    return url.partition(":")[0]
