"""Collecting: events that passed the door are kept, projected and counted."""

from __future__ import annotations

from collections.abc import Sequence

from persx.app.services import Services
from persx.model.event import Event, RejectedEvent
from persx.storage.ports import Appended


async def collect(
    services: Services, events: Sequence[Event], rejected: Sequence[RejectedEvent] = ()
) -> Appended:
    """Keep events, durably and each message id once, and the rejected ones aside.

    Raises:
        Unavailable: They are not kept; sending them again is right.
    """
    if not events and not rejected:
        return Appended(accepted=0, duplicates=0)
    appended = await services.stream.append(events, rejected)
    count = services.metrics.events.labels
    if appended.accepted:
        count("accepted").inc(appended.accepted)
    if appended.duplicates:
        count("duplicate").inc(appended.duplicates)
    if appended.rejected:
        count("rejected").inc(appended.rejected)
    return appended
