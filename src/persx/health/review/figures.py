"""Figures of a review: a lift with what it rests on, how it stands, and how it changed. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from statistics import NormalDist
from typing import Final

import msgspec

from persx.experiments.aggregates import Aggregate
from persx.experiments.comparing import standing as standing_of
from persx.experiments.metrics import METRICS
from persx.experiments.moments import Moments
from persx.experiments.readout import ArmReadout, Pli, Readout
from persx.experiments.wording import amount, signed_percent

FLOOR: Final = 0.10
"""Below this lift the brief calls a variant underperforming."""


class Standing(StrEnum):
    """Where an interval lies: wholly above the floor, wholly below it, around it, or nowhere."""

    ABOVE = "above"
    UNDER = "under"
    OPEN = "open"
    UNKNOWN = "unknown"


class Direction(StrEnum):
    """How a lift changed; `OPEN` where it may be chance, `UNKNOWN` where nothing tells."""

    ROSE = "rose"
    FELL = "fell"
    OPEN = "open"
    UNKNOWN = "unknown"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A lift in a period, with numerators and denominators.

    Attributes:
        lift, low, high: None where they cannot be told; `why` says why then, in plain words.
        total, n: Conversions (or the sum) and visitors with personalized content.
        control_total, control_n: The same of who saw generic content.
        target: The lift that is meant to be reached; none where none is.
    """

    lift: float | None = None
    low: float | None = None
    high: float | None = None
    total: int | float | None = 0
    n: int = 0
    control_total: int | float | None = 0
    control_n: int = 0
    confidence: float = 0.95
    why: tuple[str, ...] = ()
    target: float | None = None

    @property
    def reached(self) -> str:
        """What the interval says of the target, in words; empty where there is none.

        >>> Figure(lift=0.3, low=0.2, high=0.4, target=0.15).reached
        'target +15.0% reached'
        """
        low, high = (None, None) if self.lift is None else (self.low, self.high)
        found = standing_of(self.target, low, high)
        return "" if found is None else f"target {signed_percent(self.target)} {found.value}"

    @property
    def standing(self) -> Standing:
        """Where the interval lies against the floor of 10%."""
        if self.lift is None or self.low is None:
            return Standing.UNKNOWN
        if self.low >= FLOOR:
            return Standing.ABOVE
        if self.high is not None and self.high < FLOOR:
            return Standing.UNDER
        return Standing.OPEN

    @property
    def counted(self) -> str:
        """What it rests on, in words.

        >>> Figure(total=30, n=900, control_total=2, control_n=100).counted
        '30 of 900, against 2 of 100'
        """
        if not (self.n or self.control_n):
            return "no visitors"
        return (
            f"{amount(self.total)} of {self.n:,}, "
            f"against {amount(self.control_total)} of {self.control_n:,}"
        )


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A lift compared with that of an earlier period.

    Attributes:
        points: Difference of the lifts: 0.05 means five percentage points more.
        why: What it rests on, or why nothing can be said.
    """

    direction: Direction = Direction.UNKNOWN
    points: float | None = None
    why: str = ""


def whole(readout: Readout, arm: str) -> Figure:
    """Return the figure of everybody: the PLI of an arm."""
    pli = next((each for each in readout.pli if each.arm == arm), None)
    if pli is None:
        return Figure(
            confidence=readout.confidence,
            why=("No goal is declared, so there is nothing to compare.",),
        )
    return Figure(
        lift=pli.lift,
        low=pli.low,
        high=pli.high,
        total=pli.total,
        n=pli.n,
        control_total=pli.control_total,
        control_n=pli.control_n,
        confidence=readout.confidence,
        why=tuple(pli.withheld),
    )


def of_segment(readout: Readout, arm: str, attribute: str, value: str) -> Figure:
    """Return the figure of those with one value of an attribute.

    What casts doubt on the experiment casts doubt on its segments, and a segment must have
    enough conversions of its own.
    """
    pli = next((each for each in readout.pli if each.arm == arm), None)
    segment = readout.segments.get(attribute, {}).get(value)
    if pli is None or segment is None or arm not in segment.arms:
        return Figure(
            confidence=readout.confidence, why=("No visitor of this kind entered in this time.",)
        )
    shown, control = segment.arms[arm], segment.arms[readout.control]
    found, base = shown.metrics[pli.metric], control.metrics[pli.metric]
    kind = METRICS[next(each.kind for each in readout.metrics if each.name == pli.metric)]
    few = kind.too_few(
        _moments(shown, found.total, kind.name), _moments(control, base.total, kind.name)
    )
    why = tuple(dict.fromkeys(filter(None, (*_doubts(readout, pli), few or found.reason))))
    return Figure(
        lift=None if why else found.lift,
        low=None if why else found.low,
        high=None if why else found.high,
        total=found.total,
        n=shown.n,
        control_total=base.total,
        control_n=control.n,
        confidence=readout.confidence,
        why=why,
    )


def _moments(arm: ArmReadout, total: float | None, kind: str) -> Moments:
    total = total or 0
    squares = total if kind == "conversion" else 0
    return Moments.from_aggregate(Aggregate(n=arm.n, total=total, squares=squares))


def _doubts(readout: Readout, pli: Pli) -> list[str]:
    """Why nothing of the experiment should be quoted, without what is about the total alone."""
    arms = readout.arms[pli.arm], readout.arms[readout.control]
    found = arms[0].metrics[pli.metric]
    kind = METRICS[next(each.kind for each in readout.metrics if each.name == pli.metric)]
    few = kind.too_few(
        *(_moments(each, each.metrics[pli.metric].total, kind.name) for each in arms)
    )
    return [reason for reason in pli.withheld if reason not in (few, found.reason)]


def change(now: Figure, earlier: Figure, *, confidence: float = 0.95) -> Change:
    """Compare the lifts of two periods, in which different visitors entered.

    On the log scale the difference of two independent estimates has the sum of their variances,
    which their intervals tell. Source: Altman and Bland, "Interaction revisited: the difference
    between two estimates", BMJ 326 (2003).

    >>> up = Figure(lift=0.5, low=0.4, high=0.6)
    >>> change(up, Figure(lift=0.1, low=0.0, high=0.2)).direction.value
    'rose'
    >>> change(up, Figure(lift=0.45, low=0.3, high=0.6)).direction.value
    'open'
    """
    for figure, when in ((earlier, "before"), (now, "now")):
        if figure.lift is None:
            reason = figure.why[0] if figure.why else "There is no figure."
            return Change(why=f"Nothing to compare: no figure {when}. {reason}")
    assert now.lift is not None
    assert earlier.lift is not None
    points = now.lift - earlier.lift
    errors = [_error(each) for each in (now, earlier)]
    if None in errors or now.lift <= -1 or earlier.lift <= -1:
        return Change(points=points, why="An interval without an end: whether it changed is open.")
    spread = math.hypot(*(each for each in errors if each is not None))
    distance = math.log1p(now.lift) - math.log1p(earlier.lift)
    needed = NormalDist().inv_cdf(1 - (1 - confidence) / 2) * spread
    if abs(distance) > needed:
        direction = Direction.ROSE if distance > 0 else Direction.FELL
        return Change(direction=direction, points=points, why="More than chance makes.")
    return Change(
        direction=Direction.OPEN,
        points=points,
        why="May be chance: the two intervals are too wide to tell.",
    )


def _error(figure: Figure) -> float | None:
    """Return the standard error of the log ratio that an interval tells; none where it is open."""
    if figure.low is None or figure.high is None or figure.low <= -1:
        return None
    width = math.log1p(figure.high) - math.log1p(figure.low)
    return width / (2 * NormalDist().inv_cdf(1 - (1 - figure.confidence) / 2))


def together(confidence: float, figures: Sequence[object]) -> float:
    """Return the confidence of each of several intervals that all hold together (Bonferroni).

    >>> together(0.95, ["a", "b", "c", "d", "e"])
    0.99
    """
    return 1 - round((1 - confidence) / max(len(figures), 1), 12)
