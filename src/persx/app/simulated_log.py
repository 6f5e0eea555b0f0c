"""The log of a simulation: it marks every event as simulated, and keeps them a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from persx.model.event import Event, RejectedEvent
from persx.model.simulation import SIMULATED
from persx.storage.ports import Appended, Stream


class SimulatedLog:
    """Takes events as the log does, marks them as simulated, and keeps them for the next batch."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.events: list[Event] = []
        self.ids: set[str] = set()
        self.kept = 0

    async def append(
        self, events: Sequence[Event], rejected: Sequence[RejectedEvent] = ()
    ) -> Appended:
        for event in events:
            context = {**event.context, **SIMULATED}
            self.events.append(msgspec.structs.replace(event, context=context))
            self.ids.add(event.anonymous_id or "")
        return Appended(accepted=len(events), duplicates=0)

    async def flush(self) -> None:
        """Keep what waits in the real log."""
        if self.events:
            batch, self.events = self.events, []
            self.ids.clear()
            self.kept += (await self._stream.append(batch)).accepted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
