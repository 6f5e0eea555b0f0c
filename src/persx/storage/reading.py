"""Readers: what can be read of visitors, through a scope that says whose.

`seen_by` of the ports returns them. A row that the scope does not cover is not there: whether it
exists, a reader does not tell.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from persx.model.decision import DecisionRecord
from persx.model.event import Event, IdentityKey, RejectedEvent
from persx.model.visitor import Cut, Edge, IdentityState

if TYPE_CHECKING:
    from persx.storage.ports import Rows


class VisitorReader(Protocol):
    """What the store keeps of the visitors whom a scope covers.

    An identity that it does not cover is treated as one of which nothing is known.
    """

    async def sees(self, identity: IdentityKey) -> bool:
        """Tell whether the scope covers an identity."""
        ...

    async def states(self, identity: IdentityKey) -> Sequence[IdentityState]:
        """Return the states of all identities that belong together with this one.

        What belongs together is the rule of `persx.storage.joining`. Oldest first (`first_seen`,
        then key); this identity too where it has a state. Of a shared device its own state comes
        first, then those of the person for whom it speaks now. What is returned may be shared:
        whoever wants to change it makes a copy.
        """
        ...

    async def all_states(self, after: str = "", limit: int = 1_000) -> Sequence[IdentityState]:
        """Return kept states whose keys are greater, in order of their keys; accounts' too."""
        ...

    async def account(self, identity: IdentityKey) -> IdentityState | None:
        """Return the state of the account that the visitor was last verified to belong to.

        The visitor is whoever `states` returns; the account is that of the latest verified edge
        from one of these identities to an account. Nobody who did not prove who they are gets it.
        """
        ...

    async def edges(self, touching: Collection[IdentityKey] | None = None) -> Sequence[Edge]:
        """Return every identity edge, in order, or those that touch one of some identities.

        A bearer sees those of which both ends are covered.
        """
        ...

    async def cuts(self) -> Sequence[Cut]:
        """Return all cuts, in order; a bearer sees those of which both ends are covered."""
        ...

    async def linked(self, identity: IdentityKey) -> Sequence[IdentityKey]:
        """Return this identity and all that belong together with it, in order.

        Unlike `states`, it tells of identities that have no state too.
        """
        ...

    async def visitor(self, identity: IdentityKey) -> Sequence[IdentityKey]:
        """Return all identities that are read for one, in order: whose states `states` returns.

        That is `linked`, and of a shared device those of the person for whom it speaks too.
        """
        ...

    async def identities(self) -> Sequence[IdentityKey]:
        """Return every identity that has a state or an edge, in order."""
        ...

    async def bucketing_ids(self) -> Mapping[IdentityKey, IdentityKey]:
        """Return identity → oldest identity that it belongs together with, where these differ.

        A shared device belongs together with nobody.
        """
        ...

    async def decision(self, id: str) -> DecisionRecord | None:
        """Return one line of the decision log that is not sealed yet."""
        ...

    async def decisions_of(
        self, bucketing_ids: Collection[str], limit: int
    ) -> Sequence[DecisionRecord]:
        """Return the newest lines of these visitors that are not sealed yet, newest first.

        It looks through the hot log, which takes milliseconds where it is full.
        """
        ...

    async def value_of(self, kind: str, identity: IdentityKey) -> bytes | None:
        """Return the small value ``KIND/IDENTITY``."""
        ...

    async def values_of(self, kind: str) -> Mapping[IdentityKey, bytes]:
        """Return all small values of a kind that are about an identity."""
        ...


class EventReader(Protocol):
    """The hot events of everyone."""

    async def read(self, after: int = 0, limit: int = 10_000) -> Sequence[Event]:
        """Return unsealed events with a greater sequence, in order."""
        ...

    async def rejected(self, limit: int = 1_000) -> Sequence[RejectedEvent]:
        """Return the newest events that were kept aside, newest first."""
        ...


class RowReader(Protocol):
    """Analytic queries over sealed segments and the hot tail together, each row exactly once.

    The tables are ``events``, ``decisions`` and whatever was imported, and what experiments are
    read from: ``exposures``, one row or more for each unit in an arm and epoch, its first exposure
    among them. A bearer's query finds their own rows in these, and no imported tables.
    """

    async def query(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        tables: Mapping[str, Rows] | None = None,
        as_of: int | None = None,
    ) -> Rows:
        """Run a SELECT in DuckDB's dialect with ``$name`` parameters.

        `tables` are small extra tables, seen under their names. `as_of` leaves out events with
        a greater sequence.
        """
        ...

    async def query_together(
        self,
        queries: Sequence[str],
        parameters: Mapping[str, Any] | None = None,
        *,
        tables: Mapping[str, Rows] | None = None,
        as_of: int | None = None,
    ) -> list[Rows]:
        """Run several SELECTs over one moment of the log; each takes the parameters it names."""
        ...

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
        """Run a SELECT as `query` does, for more rows than shall be in memory; return their number.

        `take` gets them `portion` by portion, in order, on a thread of the warehouse; what it
        raises ends the query.
        """
        ...

    async def decision(self, id: str) -> DecisionRecord | None:
        """Return one line of the decision log, sealed or not."""
        ...

    async def write_file(self, sql: str, path: str) -> int:
        """Write a SELECT's rows as a Parquet file, whole or not at all; return their number.

        Raises `Forbidden` for a bearer.
        """
        ...

    def scan_events(
        self, *, after: int = 0, chunk: int = 50_000
    ) -> AsyncGenerator[Sequence[Event], None]:
        """Yield all events with a greater sequence, sealed and hot, in order.

        Raises `Forbidden` for a bearer.
        """
        ...
