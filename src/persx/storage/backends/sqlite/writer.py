"""The one writer: a thread that puts whatever waits into one transaction with one fsync."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, Protocol, TypeVar

from persx.model.errors import BadInput, Unavailable

T = TypeVar("T")

_GROUP_LIMIT: Final = 4_000
_FATAL: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_NOMEM,
    }
)


class Work(ABC, Generic[T]):
    """Something to do in a transaction. It may be done again after a rollback.

    `weight` counts towards the size of a group; works with an equal `company` other than None
    are done together.
    """

    weight: int = 1
    company: object = None

    @abstractmethod
    def perform(self, connection: sqlite3.Connection, works: Sequence[Any]) -> Sequence[T]:
        """Do these works, of which this is the first, and return their results in order."""

    def mended(self) -> Work[T] | None:
        """Return what to try instead after a failure, if there is such a thing."""
        return None


class Job(Work[T]):
    """A function of the connection."""

    def __init__(self, function: Callable[[sqlite3.Connection], T]) -> None:
        self._function = function

    def perform(self, connection: sqlite3.Connection, works: Sequence[Any]) -> Sequence[T]:
        """Call the function."""
        return [self._function(connection)]


class Recollection(Protocol):
    """What the writer keeps in memory beside the file, and takes back with a transaction."""

    def mark(self) -> None:
        """Remember this point for `undo`."""

    def undo(self) -> None:
        """Go back to the last mark."""

    def commit(self) -> None:
        """Everything since the last commit is on disk."""

    def rollback(self) -> None:
        """Everything since the last commit is gone."""


class _Failed:
    def __init__(self, error: BaseException) -> None:
        self.error = error


_Ticket = tuple[Work[Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class Writer:
    """Queues work from any loop and commits it in groups on a thread of its own.

    A future resolves after the commit that holds its work; a failing work takes only itself
    down; a failing disk fails the group with `Unavailable`, and nothing of it was acknowledged.

    Args:
        connect: Opens the connection, on the writer's thread.
        recollection: Told of commits and rollbacks, on the writer's thread.
        waiting_limit: Weight that may wait; beyond it, `submit` raises `Unavailable`.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        recollection: Recollection,
        *,
        waiting_limit: int = 20_000,
    ) -> None:
        self._connection = connection
        self._recollection = recollection
        self._queue: SimpleQueue[_Ticket | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0
        self._waiting_limit = waiting_limit
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="persx-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work[T]) -> asyncio.Future[T]:
        """Queue work; the future resolves once it is durable.

        Raises:
            Unavailable: Too much is waiting already, or the writer is closed.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._lock:
            if self._closed:
                raise Unavailable("The store is closed.")
            # Even a work that is larger than the limit gets its turn when nothing else waits.
            if self._waiting and self._waiting + work.weight > self._waiting_limit:
                raise Unavailable(
                    f"{self._waiting:,} writes are waiting.", hint="Try again in a second."
                )
            self._waiting += work.weight
            self._queue.put((work, future, loop))
        return future

    async def close(self) -> None:
        """Finish what was queued, then let go of the connection."""
        with self._lock:
            first = not self._closed
            self._closed = True
        if first:
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        open_ = True
        while open_:
            group: list[_Ticket] = []
            ticket = self._queue.get()
            weight = 0
            with contextlib.suppress(Empty):
                while ticket is not None:
                    group.append(ticket)
                    weight += ticket[0].weight
                    if weight >= _GROUP_LIMIT:
                        break
                    ticket = self._queue.get_nowait()
                else:
                    open_ = False
            if group:
                with self._lock:
                    self._waiting -= weight
                _deliver(group, self._outcomes([ticket[0] for ticket in group]))
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def _outcomes(self, works: Sequence[Work[Any]]) -> Sequence[Any]:
        """Commit the works; where one fails, commit the others without it."""
        try:
            return self._transact(works, self._together)
        except Exception as error:
            if (failure := _disk_failure(error)) is not None:
                return [_Failed(failure) for _ in works]
        try:
            return self._transact(works, self._one_by_one)
        except Exception as error:
            return [_Failed(_disk_failure(error) or error) for _ in works]

    def _transact(
        self,
        works: Sequence[Work[Any]],
        perform: Callable[[Sequence[Work[Any]]], list[Any]],
    ) -> list[Any]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = perform(works)
            self._connection.execute("COMMIT")
        except BaseException:
            self._recollection.rollback()
            with contextlib.suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            raise
        self._recollection.commit()
        return outcomes

    def _together(self, works: Sequence[Work[Any]]) -> list[Any]:
        outcomes: list[Any] = []
        for run in _runs(works):
            outcomes += run[0].perform(self._connection, run)
        return outcomes

    def _one_by_one(self, works: Sequence[Work[Any]]) -> list[Any]:
        return [self._alone(work) for work in works]

    def _alone(self, work: Work[Any]) -> Any:
        """Do one work inside a savepoint; its failure is its outcome, a disk's is raised."""
        self._connection.execute("SAVEPOINT work")
        self._recollection.mark()
        try:
            outcome = work.perform(self._connection, [work])[0]
        except Exception as error:
            if _disk_failure(error) is not None:
                raise
            self._recollection.undo()
            self._connection.execute("ROLLBACK TO work")
            self._connection.execute("RELEASE work")
            mended = work.mended()
            return _Failed(_blamed(error)) if mended is None else self._alone(mended)
        self._connection.execute("RELEASE work")
        return outcome


def _runs(works: Sequence[Work[Any]]) -> Iterable[Sequence[Work[Any]]]:
    """Yield the works in order, those in company together."""
    keys = [(id(work) if work.company is None else id(work.company), type(work)) for work in works]
    for _, numbers in groupby(range(len(works)), key=keys.__getitem__):
        yield [works[number] for number in numbers]


def _disk_failure(error: Exception) -> Unavailable | None:
    """Return what callers are told when the fault lies with the file, not with their work."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(error, sqlite3.Error) and code is not None and code & 0xFF in _FATAL:
        failure = Unavailable(
            f"The database cannot be written: {error}.", hint="Nothing was kept; try again later."
        )
        failure.__cause__ = error
        return failure
    return None


def _blamed(error: Exception) -> Exception:
    """Return a refusal by SQLite of certain values as the caller's bad input."""
    if isinstance(error, sqlite3.Error | OverflowError | UnicodeEncodeError):
        bad = BadInput(f"This cannot be kept: {error}.")
        bad.__cause__ = error
        return bad
    return error


def _deliver(group: Sequence[_Ticket], outcomes: Sequence[Any]) -> None:
    """Resolve the futures, each loop woken once."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for (_, future, loop), outcome in zip(group, outcomes, strict=True):
        loops.setdefault(loop, []).append((future, outcome))
    for loop, resolved in loops.items():
        # A loop that is closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_resolve, resolved)


def _resolve(resolved: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, outcome in resolved:
        if future.done():
            continue
        if isinstance(outcome, _Failed):
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome)
