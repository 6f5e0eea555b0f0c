"""Simulated people: who comes when, and what they would do, drawn before anybody decides anything.

Pure. A visitor is drawn from the seed and their number alone, so that nothing that they are shown
changes who they are: what they would do under one content and under another is the same person's.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from persx.model.clock import DAY, HOUR, Millis
from persx.model.simulation import Effect, Effects, Habits, Simulation

_RETURN_DAYS: Final = 3.0
"""How long after a visit the next one begins, on average."""

_LANDING: Final = 0.5
"""The share of the visits that begin on the first page."""

_SPREAD: Final = 0.6
"""Standard deviation of the logarithm of what conversions bring."""

USUAL: Final = (1.5, 1.2, 1.7, 1.0, 1.4)
"""Effects on conversion where nobody says others: the industries' in turn."""


class PlannedVisit(msgspec.Struct, frozen=True, kw_only=True):
    """One visit as it is drawn.

    Attributes:
        more: Pages after the first that they would look at had they seen nothing personal.
        paths: Which pages, for as long as they go on looking.
        declares: Before which page they send the start form; −1 for not in this visit.
        cleared: They come without the cookies of the visit before.
    """

    at: Millis
    more: float
    paths: tuple[str, ...]
    declares: int = -1
    cleared: bool = False


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One visitor as they are drawn.

    Attributes:
        industry: What they are, and would declare; empty where the site has no industries.
        bot: A known bot, which has one visit.
        denies: They deny storage on their first page.
        converts: At the end of which of their visits they may convert.
        luck: For each goal a number in [0, 1): they convert where it is below their rate.
        delay: How long after that visit, in milliseconds.
        worth: What a conversion brings, relative to the average.
    """

    number: int
    industry: str
    bot: bool
    denies: bool
    device: str
    visits: tuple[PlannedVisit, ...]
    converts: int
    luck: Mapping[str, float]
    delay: Millis
    worth: float


class Town(NamedTuple):
    """What people are drawn from: the site's industries with their habits, its goals and paths."""

    industries: Mapping[str, Habits]
    goals: tuple[str, ...]
    paths: tuple[str, ...]


def usual_effects(industries: Sequence[str]) -> tuple[Effect, ...]:
    """Return effects where nobody says others: personal content helps some industries more."""
    if not industries:
        return (Effect(conversion=USUAL[0]),)
    return tuple(
        Effect(industry=name, conversion=USUAL[place % len(USUAL)], browse=1.1)
        for place, name in enumerate(industries)
    )


def people(asked: Simulation, town: Town, start: Millis, end: Millis) -> Iterator[Person]:
    """Yield everybody who comes between two times, in the order in which they come first."""
    bots = round(asked.visitors * asked.bots)
    everybody = asked.visitors + bots
    span = (end - start) / everybody
    for number in range(everybody):
        # Each draws from numbers of their own: one more draw for one moves no other.
        draw = random.Random(f"{asked.seed}/{number}")
        is_bot = (number + 1) * bots // everybody > number * bots // everybody
        came = start + int((number + draw.random()) * span)
        yield _person(asked, town, number, is_bot, came, end, draw)


def _person(
    asked: Simulation,
    town: Town,
    number: int,
    is_bot: bool,
    came: Millis,
    end: Millis,
    draw: random.Random,
) -> Person:
    names = list(town.industries)
    industry = (
        draw.choices(names, [town.industries[each].share for each in names])[0] if names else ""
    )
    habits = town.industries.get(industry, Habits())
    device = draw.choices(("desktop", "phone", "tablet"), (6, 3, 1))[0]
    denies = draw.random() < asked.denials
    declares = bool(industry) and draw.random() < asked.declare
    visits = [_visit(draw, town, habits, came, declares=declares)]
    if not is_bot and draw.random() < asked.returning:
        at = came
        for _ in range(draw.randint(1, 3)):
            at += int(draw.expovariate(1 / (_RETURN_DAYS * DAY))) + HOUR
            cleared = draw.random() < asked.cleared
            visit = _visit(draw, town, habits, at, declares=declares and cleared, cleared=cleared)
            if at < end:
                visits.append(visit)
    delay = draw.expovariate(1 / (asked.delay_hours * HOUR)) if asked.delay_hours else 0.0
    return Person(
        number=number,
        industry=industry,
        bot=is_bot,
        denies=denies,
        device=device,
        visits=tuple(visits),
        converts=draw.randrange(len(visits)),
        luck={goal: draw.random() for goal in town.goals},
        delay=int(delay),
        worth=math.exp(draw.gauss(-_SPREAD * _SPREAD / 2, _SPREAD)),
    )


def _visit(
    draw: random.Random,
    town: Town,
    habits: Habits,
    at: Millis,
    *,
    declares: bool,
    cleared: bool = False,
) -> PlannedVisit:
    more = draw.expovariate(1 / (habits.pages - 1)) if habits.pages > 1 else 0.0
    first = town.paths[0] if draw.random() < _LANDING else draw.choice(town.paths)
    others = draw.choices(town.paths, k=11)
    return PlannedVisit(
        at=at,
        more=more,
        paths=(first, *others),
        # Whoever declares does so early: on the first page they learn that they can.
        declares=draw.randint(0, 1) if declares else -1,
        cleared=cleared,
    )


class Seen:
    """What somebody saw so far that was not default content, and what follows from it."""

    def __init__(self, effects: Effects, industry: str) -> None:
        self._open = [each for each in effects.effects if each.industry in ("", industry)]
        self.conversion = self.revenue = self.browse = 1.0

    def add(self, shown: Sequence[tuple[str, str]]) -> None:
        """Add blocks with their variants; each effect works once."""
        if not shown or not self._open:
            return
        still = []
        for effect in self._open:
            if any(
                effect.block in ("", block) and effect.variant in ("", variant)
                for block, variant in shown
            ):
                self.conversion *= effect.conversion
                self.revenue *= effect.revenue
                self.browse *= effect.browse
            else:
                still.append(effect)
        self._open = still


def whole_effect(effects: Effects, industry: str) -> float:
    """Return the factor on conversion of having seen everything, without effects of blocks."""
    return math.prod(
        each.conversion
        for each in effects.effects
        if each.industry in ("", industry) and not (each.block or each.variant)
    )
