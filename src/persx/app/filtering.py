"""Filtering: what bots send is not kept, and counted.

Known agents keep no page view and no exposure. A device that goes over the limit is marked in the
log once, with an event of its own, and nothing that it views is kept until it has been quiet for an
hour. Only devices that come with the public key or to our own pages are timed: the owner's servers
may send in a minute what happened over years, and are believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from persx.app.robots import WINDOW, Pace
from persx.app.services import Services
from persx.app.visiting import new_id
from persx.model.clock import SECOND
from persx.model.event import BOT_DETECTED, EXPOSURE, Event, EventType
from persx.visitors.reduction import is_bot_agent

_VIEWS: Final = (EventType.PAGE, EventType.SCREEN)
_LONGEST: Final = 500


def paced(services: Services, view: Event, what: str = "page") -> Pace:
    """Tell how fast the device of a page view or an exposure views; whoever is too fast is counted.

    Args:
        what: Counted by itself: pages, or the exposures of one experiment.
    """
    settings = services.settings
    if not (settings.bots and settings.bot_pages):
        return Pace.HUMAN
    most = settings.bot_pages
    pace = services.robots.view(view.identity, what, view.message_id, view.timestamp, most)
    if pace is not Pace.HUMAN:
        services.metrics.bots.labels("rate").inc()
    return pace


def bot_event(services: Services, view: Event) -> Event:
    """Return the event that marks a device in the log, by the view that was one too many."""
    return Event(
        type=EventType.TRACK,
        name=BOT_DETECTED,
        message_id=new_id(),
        anonymous_id=view.anonymous_id,
        user_id=view.user_id,
        timestamp=view.timestamp,
        received=view.received,
        verified=view.verified,
        properties={"more_than": services.settings.bot_pages, "seconds": WINDOW // SECOND},
    )


def without_bots(
    services: Services, events: Sequence[Event], *, agent: str, verified: bool
) -> list[Event]:
    """Return those of the events that a client sent that are no bot's; the others are counted.

    With the public key, all that a known agent sends is left out, and the views of devices that
    are too fast. With a server key, the exposures of known agents are.

    Args:
        agent: The user agent of the request; an event's own comes first.
    """
    if not services.settings.bots:
        return list(events)
    sender = not verified and is_bot_agent(agent[:_LONGEST])
    kept = []
    for event in events:
        own = event.context.get("userAgent")
        known = is_bot_agent(own[:_LONGEST]) if isinstance(own, str) and own else sender
        exposes = event.name == EXPOSURE and event.type is EventType.TRACK
        if known and (exposes or not verified):
            services.metrics.bots.labels("agent").inc()
            continue
        if not verified and (exposes or event.type in _VIEWS):
            what = str(event.properties.get("experiment_id")) if exposes else "page"
            pace = paced(services, event, what)
            if pace is not Pace.HUMAN:
                if pace is Pace.FOUND:
                    kept.append(bot_event(services, event))
                continue
        kept.append(event)
    return kept
