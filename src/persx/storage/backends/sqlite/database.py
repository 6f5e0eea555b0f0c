"""The database of a home: its writer, and a connection per thread to read with."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from persx.model.clock import Clock, system_clock
from persx.model.errors import Unavailable
from persx.storage.backends.home_lock import HomeLock, held_here
from persx.storage.backends.sqlite.append import LogTail
from persx.storage.backends.sqlite.recent import RecentStates
from persx.storage.backends.sqlite.schema import connect, is_current, migrate
from persx.storage.backends.sqlite.writer import Job, Work, Writer

T = TypeVar("T")

FILE: Final = "persx.db"
"""The database's name inside a home."""

PATIENCE_SECONDS: Final = 60.0
"""How long emptying the log waits for readers."""


class Database:
    """One SQLite file, written by one process, read by any.

    Point reads run on the caller's thread: they take microseconds, a change of thread more.
    The writer starts with the first write and takes the home for this process; whoever only
    reads needs no lock, and may do so beside a server.

    Args:
        home: The folder; made if it is not there.
        waiting_limit: Events that may wait for the writer before `Unavailable` is raised.

    Raises:
        Conflict: A newer persx has written the file; or it is not there yet, or older, and
            another process has the home.
    """

    def __init__(
        self, home: Path, *, clock: Clock = system_clock, waiting_limit: int = 20_000
    ) -> None:
        self.home = home
        self.clock = clock
        self._path = home / FILE
        self._waiting_limit = waiting_limit
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._starting = threading.Lock()
        self._writing: tuple[Writer, LogTail] | None = None
        self._closed = False
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = HomeLock(home)
        if held_here(home) or not is_current(self._path):
            self._start()

    @property
    def owns_home(self) -> bool:
        """Whether this process holds the home, so that nobody else writes to it."""
        return held_here(self.home)

    def reader(self) -> sqlite3.Connection:
        """Return this thread's connection for reading."""
        try:
            connection: sqlite3.Connection = self._local.connection
        except AttributeError:
            if self._closed:
                raise Unavailable("The store is closed.") from None
            connection = self._local.connection = connect(self._path, read_only=True)
            self._readers.append(connection)
        return connection

    @property
    def tail(self) -> LogTail:
        """What the writer knows of the log's end. Raises `Conflict` as `perform` does."""
        return self._start()[1]

    @property
    def recent(self) -> RecentStates | None:
        """The states that were read lately, where this process is the one that writes."""
        return self._writing[1].recent if self._writing is not None else None

    async def perform(self, work: Work[T]) -> T:
        """Have the writer do something; return its result once it is durable.

        Raises:
            Conflict: Another process has the home.
            Unavailable: Too much is waiting, the disk fails, or the database is closed.
        """
        return await self._start()[0].submit(work)

    async def write(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Have the writer call a function with its connection, inside a transaction."""
        return await self.perform(Job(function))

    def truncate(self) -> None:
        """Move the write-ahead log into the file and make it empty; blocks until readers let it.

        Raises:
            Unavailable: Somebody reads one moment of the database for too long.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        with contextlib.closing(connect(self._path, read_only=False)) as connection:
            while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if time.monotonic() > deadline:
                    raise Unavailable(
                        "The database's log cannot be emptied: somebody is still reading it.",
                        hint="Stop other programs that have persx.db open, and do it again.",
                    )
                time.sleep(0.02)

    def copy(self, path: Path) -> None:
        """Write the database, as of one moment, to a new file."""
        with contextlib.closing(sqlite3.connect(path)) as copied:
            self.reader().backup(copied)
            # A copy in one file; whoever opens it makes a log beside it again.
            copied.execute("PRAGMA journal_mode=DELETE")

    def _start(self) -> tuple[Writer, LogTail]:
        """Take the home and start the writer, once."""
        if self._writing is not None:
            return self._writing
        with self._starting:
            if self._closed:
                raise Unavailable("The store is closed.")
            if self._writing is None:
                self._lock.acquire()
                try:
                    connection = connect(self._path, read_only=False)
                    migrate(connection)
                    # Leases of a process that is gone would block this one until they run out.
                    connection.execute("DELETE FROM lease")
                    tail = LogTail(connection, self.clock)
                    writer = Writer(connection, tail, waiting_limit=self._waiting_limit)
                except sqlite3.Error as error:
                    self._lock.release()
                    raise Unavailable(f"{self._path} cannot be opened: {error}.") from error
                except BaseException:
                    self._lock.release()
                    raise
                self._writing = writer, tail
            return self._writing

    async def close(self) -> None:
        """Commit what was queued and let go of the home. Calling it again does nothing."""
        self._closed = True
        if self._writing is not None:
            await self._writing[0].close()
        readers, self._readers = self._readers, []
        for connection in readers:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        self._lock.release()
