"""Simulation: visitors with known effects, what was simulated, and what is true of it."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from persx.model.clock import Millis

Share = Annotated[float, Meta(ge=0, le=1)]
Rate = Annotated[float, Meta(ge=0, le=0.95)]
Factor = Annotated[float, Meta(ge=0, le=100)]
Amount = Annotated[float, Meta(gt=0, le=1e9)]

SIMULATED: Final = {"simulated": True}
"""What the context of every simulated event holds."""

SIMULATED_LABEL: Final = "Simulated data"
"""What every screen of a home with simulated visitors says."""

ID_PREFIX: Final = "simulated-"
"""What the anonymous id of every simulated visitor begins with."""


class Habits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How visitors of one industry behave whatever they see.

    Attributes:
        share: How common they are, relative to the others.
        conversion: Their conversion rates, relative to `Effects.goals`.
        revenue: What a conversion brings on average, where a goal has a value.
        pages: Pages of a visit on average.
    """

    share: Factor = 1.0
    conversion: Factor = 1.0
    revenue: Amount = 100.0
    pages: Annotated[float, Meta(ge=1, le=50)] = 3.0


class Effect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it changes to have seen content other than the default; each is a factor.

    Attributes:
        industry: Only for visitors of this industry; empty for all.
        block: Only where it was this block; empty for any.
        variant: Only where it was this variant; empty for any.
        conversion: On conversion rates.
        revenue: On what a conversion brings.
        browse: On how many more pages a visit has; it changes nothing else.
    """

    industry: str = ""
    block: str = ""
    variant: str = ""
    conversion: Factor = 1.0
    revenue: Factor = 1.0
    browse: Factor = 1.0


class Effects(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is true of the visitors to simulate.

    Attributes:
        industries: Habits by industry; those that are not named have the usual ones.
        goals: Conversion rate of a visitor who sees default content, by goal.
        effects: All that fit multiply.
    """

    industries: dict[str, Habits] = {}
    goals: dict[str, Rate] = {}
    effects: tuple[Effect, ...] = ()


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """A variant that is broken on purpose from a day on; days count from 0."""

    block: str
    variant: str
    day: Annotated[int, Meta(ge=0)]


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """What to simulate.

    Attributes:
        visitors: People; bots come on top.
        days: Over how many days they come for the first time; the last of them ends now.
        seed: The same seed, description and workspace make the same visitors.
        declare: The share that sends the start form.
        bots: Visits of known bots, relative to the visitors.
        returning: The share that comes again, once to three times.
        delay_hours: How long after a visit a conversion happens, on average.
        denials: The share that denies storage.
        cleared: The share of the returns before which cookies were cleared.
        into_real_data: Simulate even where real visitors were.
        tended: On their days happens what a server does by itself: health is looked at, and blocks
            that learn learn. Not where real visitors were.
    """

    visitors: Annotated[int, Meta(ge=1, le=1_000_000)] = 5_000
    days: Annotated[int, Meta(ge=1, le=366)] = 28
    seed: int = 1
    effects: Effects = Effects()
    breaks: tuple[Break, ...] = ()
    declare: Share = 0.7
    bots: Share = 0.05
    returning: Share = 0.25
    delay_hours: Annotated[float, Meta(ge=0, le=720)] = 2.0
    denials: Share = 0.05
    cleared: Share = 0.1
    into_real_data: bool = False
    tended: bool = True


class Truth(msgspec.Struct, kw_only=True):
    """What is true of the visitors of one industry who entered the holdout, whatever their arm.

    Attributes:
        entered: Visitors.
        generic: Conversions in the first goal to expect of them, had all seen generic content.
        targeted: The same, had all seen what was meant for them; effects that name a block or a
            variant are left out, because they depend on what is seen.
    """

    entered: int = 0
    generic: float = 0.0
    targeted: float = 0.0

    @property
    def lift(self) -> float | None:
        """The true lift; none where nobody could convert."""
        return self.targeted / self.generic - 1 if self.generic else None


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """What was told of an objective on a simulated day.

    Attributes:
        kind: ``confirmed`` or ``recovered``.
        subjects: Of what, such as a block and an industry.
    """

    at: Millis
    objective: str
    kind: str
    subjects: tuple[str, ...]


class Simulated(msgspec.Struct, kw_only=True):
    """What was simulated.

    Attributes:
        visits: Of people, bots apart.
        denied: Visitors who denied storage.
        clicks: On recommended items.
        conversions: By goal.
        days: When the first visitor came, and when the simulation ends.
        truth: By industry; the empty one stands for all.
        by_blocks: An effect names a block or a variant, so that `truth` does not know it.
        alarms: What was told of objectives meanwhile, oldest first.
        learned: How often a block published what it had learned, by block.
    """

    visitors: int = 0
    visits: int = 0
    bots: int = 0
    denied: int = 0
    cleared: int = 0
    pages: int = 0
    clicks: int = 0
    events: int = 0
    conversions: dict[str, int] = {}
    start: Millis = 0
    end: Millis = 0
    seed: int = 0
    seconds: float = 0.0
    truth: dict[str, Truth] = {}
    by_blocks: bool = False
    alarms: list[Alarm] = []
    learned: dict[str, int] = {}


class SimulationMark(msgspec.Struct, frozen=True, kw_only=True):
    """That simulated visitors are in a home: how many, and since when."""

    visitors: int
    at: Millis
