"""The warehouse: sealed segments, hot rows and imported tables behind one SELECT."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from persx.model.clock import Clock, system_clock
from persx.model.errors import Unavailable
from persx.storage.backends.duckdb import rewriting, sealing
from persx.storage.backends.duckdb.engine import Limits
from persx.storage.backends.duckdb.files import remove_stale_scratch
from persx.storage.backends.duckdb.hot_log import HotLog
from persx.storage.backends.duckdb.importing import drop_table, import_file
from persx.storage.backends.duckdb.rows import DuckdbRows
from persx.storage.ports import Segment
from persx.storage.removal import Removal, Removed
from persx.storage.scope import VisitorScope

T = TypeVar("T")


class DuckdbWarehouse:
    """Implements `persx.storage.ports.Warehouse` over a log and a folder.

    Args:
        log: Where the hot rows and the manifest are.
        home: The folder that holds ``segments/`` and ``tables/``.
        owned: Remove the folder when closed.
    """

    def __init__(
        self,
        log: HotLog,
        home: Path,
        *,
        clock: Clock = system_clock,
        limits: Limits | None = None,
        owned: bool = False,
    ) -> None:
        self._log = log
        # DuckDB compares allowed paths as they are written.
        self._home = home.resolve()
        self._clock = clock
        self._limits = limits or Limits(threads=min(4, os.cpu_count() or 1))
        self._owned = owned
        self._closed = False
        self._workers = ThreadPoolExecutor(2, "persx-warehouse")
        if log.owns_home:
            sealing.remove_orphans(log, self._home)
            remove_stale_scratch(self._home)

    async def seal(self, *, keep: int = 0, segment_rows: int = 1_000_000) -> Sequence[Segment]:
        """Move the hot log, but for the newest `keep` rows of a table, into segments."""
        return await sealing.seal(
            self._log,
            self._home,
            self._run,
            limits=self._limits,
            clock=self._clock,
            keep=keep,
            segment_rows=segment_rows,
        )

    async def remove(self, removal: Removal) -> Removed:
        """Remove what an erasure or an expiry names, from all that is kept, in one step."""
        return await rewriting.remove(
            self._log, self._home, self._run, removal, limits=self._limits, clock=self._clock
        )

    async def copy_to(self, folder: str) -> None:
        """Copy everything, as of one moment, into an empty folder on the home's own disk."""
        await self._run(rewriting.copy, self._log, self._home, Path(folder))

    async def segments(self) -> Sequence[Segment]:
        """Return the manifest, in order."""
        return await self._run(self._segments)

    def seen_by(self, scope: VisitorScope) -> DuckdbRows:
        """Return what queries the rows that this scope may see."""
        return DuckdbRows(self._log, self._home, self._limits, self._run, scope)

    async def import_file(self, name: str, path: str) -> int:
        """Keep a CSV or Parquet file as a table; return its row count."""
        return await self._run(import_file, self._home, name, Path(path), self._limits)

    async def drop_table(self, name: str) -> None:
        """Remove an imported table if it is there."""
        await self._run(drop_table, self._home, name)

    async def close(self) -> None:
        """Let go of the worker threads."""
        self._closed = True
        await asyncio.to_thread(self._workers.shutdown)
        if self._owned:
            shutil.rmtree(self._home, ignore_errors=True)

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        if self._closed:
            raise Unavailable("The warehouse is closed.")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, functools.partial(function, *arguments))

    def _segments(self) -> Sequence[Segment]:
        with self._log.reading() as reading:
            return reading.segments()
