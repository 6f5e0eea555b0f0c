"""The review: everything that is told of a week or a month, as it is kept."""

from __future__ import annotations

from typing import Final

import msgspec

from persx.health.review.figures import Change, Figure, Standing
from persx.health.review.periods import Period
from persx.model.clock import Millis

REWRITES_SHOWN: Final = 12


class IndustryReview(msgspec.Struct, frozen=True, kw_only=True):
    """An industry in a period.

    Attributes:
        recent: What its standing is judged by: four weeks, or the month.
    """

    name: str
    now: Figure
    earlier: Figure
    change: Change
    recent: Figure


class Underperformer(msgspec.Struct, frozen=True, kw_only=True):
    """What lies under the floor of 10%; `sure` where the whole interval does."""

    name: str
    figure: Figure
    sure: bool


class Rewrite(msgspec.Struct, frozen=True, kw_only=True):
    """A variant that is worth rewriting.

    Attributes:
        page: Path of a page that it stands on; empty where it stands on none.
        why: What speaks for it.
        sure: A randomised comparison says so, beyond chance.
        shown: How often it was shown in the period; none where nothing tells.
        days: For how many days its content has been as it is; none where nothing tells.
    """

    block: str
    variant: str
    page: str = ""
    industries: tuple[str, ...] = ()
    why: tuple[str, ...]
    sure: bool = False
    shown: int | None = None
    days: int | None = None


class ArmReview(msgspec.Struct, frozen=True, kw_only=True):
    """An arm of an experiment against its control."""

    name: str
    figure: Figure


class ExperimentReview(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment as it stood at the end of the period.

    Attributes:
        problem: Why it could not be read.
    """

    name: str
    status: str
    control: str = ""
    metric: str = ""
    arms: tuple[ArmReview, ...] = ()
    problem: str = ""


class MonthReview(msgspec.Struct, frozen=True, kw_only=True):
    """A month's lift, of everybody and by industry; newest last.

    Attributes:
        whole: The month is over.
        changes: Against the month before; the empty name stands for everybody.
    """

    name: str
    whole: bool
    everybody: Figure
    industries: dict[str, Figure] = {}
    changes: dict[str, Change] = {}


class HealthLine(msgspec.Struct, frozen=True, kw_only=True):
    """An objective of health, as it stood when the review was made."""

    title: str
    state: str
    value: float | None
    counted: str
    why: str


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """A week or a month of personalization.

    Attributes:
        made: When it was made; what came later is not in it.
        over: The period was over then.
        snapshot: The newest snapshot that was shown in it; none where nothing was.
        metric: In what the lift is told: the holdout's first goal.
        recent: In words, what industries are judged by.
        improved: What rose by more than chance makes, in words.
        under: What lies below the floor.
        rewrites_left_out: Variants beyond those in `rewrites`.
        stale: Variants whose content is a quarter old: block, variant.
        health: None of them where health was not looked at.
        simulated: Simulated visitors are in the home.
    """

    site: str
    period: Period
    made: Millis
    over: bool
    snapshot: int | None
    metric: str
    recent: str
    everybody: Figure
    earlier: Figure
    change: Change
    industries: tuple[IndustryReview, ...] = ()
    improved: tuple[str, ...] = ()
    under: tuple[Underperformer, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
    rewrites_left_out: int = 0
    stale: tuple[tuple[str, str], ...] = ()
    experiments: tuple[ExperimentReview, ...] = ()
    months: tuple[MonthReview, ...] = ()
    health: tuple[HealthLine, ...] = ()
    notes: tuple[str, ...] = ()
    simulated: bool = False

    @property
    def standing(self) -> Standing:
        """Where everybody's lift lies against the floor."""
        return self.everybody.standing
