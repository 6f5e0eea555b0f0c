"""Collecting: events that passed the door are kept, projected and counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from persx.app.services import Services
from persx.app.visiting import Visitor, new_id
from persx.model.clock import Millis
from persx.model.event import Event, EventType, RejectedEvent
from persx.storage.ports import Appended
from persx.visitors.identity import EMAIL, EMAIL_VERIFIED
from persx.visitors.reduction import reduced_body, reduced_event


async def collect(
    services: Services, events: Sequence[Event], rejected: Sequence[RejectedEvent] = ()
) -> Appended:
    """Keep events, durably and each message id once, and the rejected ones aside.

    Every event that is stored comes through here: addresses and user agents are reduced first.

    Raises:
        Unavailable: They are not kept; sending them again is right.
    """
    if not events and not rejected:
        return Appended(accepted=0, duplicates=0)
    appended = await services.stream.append(
        [reduced_event(event) for event in events], [reduced_body(each) for each in rejected]
    )
    count = services.metrics.events.labels
    if appended.accepted:
        count("accepted").inc(appended.accepted)
    if appended.duplicates:
        count("duplicate").inc(appended.duplicates)
    if appended.rejected:
        count("rejected").inc(appended.rejected)
    if appended.erased:
        count("erased").inc(appended.erased)
    return appended


async def collect_from(
    services: Services, visitor: Visitor, type: EventType, **fields: Any
) -> Millis:
    """Keep an event that a visitor of our own pages causes now; return when that was.

    Args:
        fields: Further fields of the event, such as `name`, `traits` or `properties`.

    Raises:
        Unavailable: It is not kept.
    """
    now = services.clock()
    if EMAIL in fields.get("traits", {}):
        # Whoever types an address has not shown that it is theirs.
        fields["traits"] = {**fields["traits"], EMAIL_VERIFIED: False}
    event = Event(
        type=type,
        message_id=new_id(),
        anonymous_id=visitor.anonymous_id or None,
        user_id=visitor.user_id or None,
        timestamp=now,
        received=now,
        verified=visitor.trusted,
        **fields,
    )
    await collect(services, [event])
    return now
