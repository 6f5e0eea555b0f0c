"""The log of events in SQLite."""

from __future__ import annotations

from collections.abc import Sequence

from persx.model.errors import BadInput
from persx.model.event import Event, RejectedEvent
from persx.storage.backends.sqlite import hot
from persx.storage.backends.sqlite.append import Append, Switch
from persx.storage.backends.sqlite.database import Database
from persx.storage.keeping import kept, kept_aside, put_aside
from persx.storage.ports import Appended, Projector
from persx.storage.scope import Everyone, check_everyone


class SqliteStream:
    """Implements `persx.storage.ports.Stream`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(
        self, events: Sequence[Event], rejected: Sequence[RejectedEvent] = ()
    ) -> Appended:
        """Keep the new events and project them; what cannot be kept joins the rejected."""
        aside = [kept_aside(one) for one in rejected]
        keep: list[tuple[Event, bytes]] = []
        for event in events:
            try:
                keep.append(kept(event))
            except BadInput as error:
                aside.append(put_aside(event, str(error)))
        return await self._database.perform(Append(self._database.tail, keep, aside))

    async def use_projector(self, projector: Projector, note: bytes | None = None) -> int:
        """Project what is appended from now on with this fold; return where that begins."""
        return await self._database.perform(Switch(self._database.tail, projector, note))

    def seen_by(self, scope: Everyone) -> SqliteEvents:
        """Return what reads the log."""
        check_everyone(scope)
        return SqliteEvents(self._database)


class SqliteEvents:
    """Implements `persx.storage.reading.EventReader`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, after: int = 0, limit: int = 10_000) -> Sequence[Event]:
        """Return unsealed events with a greater sequence, in order."""
        connection = self._database.reader()
        after = max(after, hot.sealed_to(connection, "events"))
        events: list[Event] = []
        while len(events) < limit:
            found = hot.events(connection, after, limit - len(events))
            if not found:
                break
            events += found
            after = found[-1].sequence
        return events

    async def rejected(self, limit: int = 1_000) -> Sequence[RejectedEvent]:
        """Return the newest events that were kept aside, newest first."""
        rows = (
            self._database.reader()
            .execute(
                "SELECT received, reason, body FROM rejected ORDER BY id DESC LIMIT ?", (limit,)
            )
            .fetchall()
        )
        return [
            RejectedEvent(received=received, reason=reason, body=body)
            for received, reason, body in rows
        ]
