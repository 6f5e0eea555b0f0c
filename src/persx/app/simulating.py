"""Simulating: visitors whose true value is known, as the events that such visitors would send.

For trials and proofs of what persx does with visitors. Every event says that it is simulated, in
its context, and whatever is computed from such visitors says so too. Pure: the same description
and seed give the same events.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from persx.model.clock import DAY, MINUTE, Millis
from persx.model.event import Event, EventType
from persx.model.simulation import SIMULATED

COMMON: Final = ("/", "/about", "/pricing", "/contact", "/blog", "/start", "/blog/news")
_SITES: Final = ("search.example", "news.example", "social.example")
_DEVICES: Final = ("desktop", "phone", "tablet")


class Habit(msgspec.Struct, frozen=True, kw_only=True):
    """How visitors of one value behave.

    Attributes:
        value: What they would declare.
        share: How common they are, relative to the others.
        pages: Pages that interest them more than others.
        sites: Sites that they come from more than others.
        phones: The share that comes with a phone.
    """

    value: str
    share: float
    pages: tuple[str, ...]
    sites: tuple[str, ...] = ()
    phones: float = 0.3


class Crowd(msgspec.Struct, frozen=True, kw_only=True):
    """A crowd to simulate.

    Attributes:
        habits: One for each value.
        attribute: What they declare.
        visitors: How many.
        start: When the first one comes.
        days: Over how long they come.
        declare: The share that declares.
        interest: The probability with which a page is one of their own; 0 tells nothing of them.
        mistaken: The share of the declarations that say another value.
        thanks: After a declaration they see ``/thanks/VALUE``, which nobody else sees.
        seed: What is drawn by.
    """

    habits: tuple[Habit, ...]
    attribute: str = "industry"
    visitors: int = 1_000
    start: Millis
    days: int = 60
    declare: float = 0.4
    interest: float = 0.35
    mistaken: float = 0.03
    thanks: bool = True
    seed: int = 1


class Simulated(NamedTuple):
    """One simulated visitor: what they would truly declare, and their events in order."""

    anonymous_id: str
    value: str
    declares: bool
    events: list[Event]


def simulated(crowd: Crowd) -> Iterator[Simulated]:
    """Yield the visitors of a crowd, in the order in which they come."""
    draw = random.Random(crowd.seed)
    shares = [habit.share for habit in crowd.habits]
    for number in range(crowd.visitors):
        habit = draw.choices(crowd.habits, shares)[0]
        came = crowd.start + int((number + draw.random()) / crowd.visitors * crowd.days * DAY)
        yield _visitor(crowd, habit, f"simulated-{crowd.seed}-{number}", came, draw)


def _visitor(
    crowd: Crowd, habit: Habit, anonymous_id: str, came: Millis, draw: random.Random
) -> Simulated:
    events: list[Event] = []
    device = "phone" if draw.random() < habit.phones else draw.choice(_DEVICES)
    site = draw.choice(habit.sites) if habit.sites and draw.random() < 0.3 else draw.choice(_SITES)
    at = came

    def add(type: EventType, **fields: object) -> None:
        context = {**SIMULATED, "device": {"type": device}}
        if not events:
            context["page"] = {"referrer": f"https://{site}/"}
        made = {
            "type": type,
            "message_id": f"{anonymous_id}-{len(events)}",
            "anonymous_id": anonymous_id,
            "timestamp": at,
            "received": at,
            "context": context,
            **fields,
        }
        events.append(msgspec.convert(made, Event))

    def look(pages: Sequence[str]) -> None:
        nonlocal at
        path = draw.choice(pages)
        add(EventType.PAGE, name=path, properties={"path": path})
        at += draw.randint(5_000, 2 * MINUTE)

    declares = draw.random() < crowd.declare
    for _ in range(1 + min(11, int(draw.expovariate(1 / 3)))):
        look(habit.pages if draw.random() < crowd.interest else COMMON)
    if declares:
        said = habit.value
        if draw.random() < crowd.mistaken:
            said = draw.choice([other.value for other in crowd.habits])
        add(EventType.IDENTIFY, traits={crowd.attribute: said})
        at += 100
        if crowd.thanks:
            look([f"/thanks/{said}"])
        for _ in range(draw.randint(0, 3)):
            look(habit.pages)
    return Simulated(anonymous_id, habit.value, declares, events)


def events_of(crowd: Crowd) -> list[Event]:
    """Return the events of a crowd as they would come in, visitors mixed."""
    events = [event for visitor in simulated(crowd) for event in visitor.events]
    return sorted(events, key=lambda event: (event.timestamp, event.message_id))


def habits_of(values: Sequence[str]) -> tuple[Habit, ...]:
    """Return habits for a few values: each has pages and a site of its own, the first is common.

    >>> [habit.pages[0] for habit in habits_of(["SaaS", "Education"])]
    ['/solutions/saas', '/solutions/education']
    """
    return tuple(
        Habit(
            value=value,
            share=1 / (place + 1),
            pages=tuple(
                path.format(name=value.casefold().replace(" ", "-"))
                for path in ("/solutions/{name}", "/blog/{name}-guide", "/cases/{name}")
            ),
            sites=(f"{value.casefold().replace(' ', '-')}.example",),
            phones=0.2 + 0.1 * (place % 3),
        )
        for place, value in enumerate(values)
    )
