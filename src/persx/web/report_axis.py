"""The axis of a report's plots: a logarithmic scale on which halving and doubling weigh alike."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from persx.experiments import wording

_FARTHEST_LOW: Final = -0.9
_FARTHEST_HIGH: Final = 9.0
"""Axes end here at most; an interval that goes on has an arrow."""

_TICKS: Final = (-0.9, -0.8, -0.65, -0.5, -0.35, -0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.25, 0.5, 1.0,
                 2.0, 4.0, 9.0)  # fmt: skip
_MARGIN: Final = 3.0
_LEAST_GAP: Final = 14.0
"""Per cent of the axis between two labels, so that they never run into each other."""


class Span(NamedTuple):
    """An interval to be drawn; `low` is none where there is nothing to draw."""

    lift: float | None
    low: float | None
    high: float | None


class Tick(msgspec.Struct, frozen=True):
    """A labelled place on an axis; `x` is per cent of its width."""

    x: float
    label: str


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """An interval on an axis, in per cent of its width.

    Attributes:
        x: Where the estimate is; none where it is undefined or off the axis.
        off_left, off_right: The interval goes on beyond the axis.
        zero: Where no difference is.
    """

    low: float
    high: float
    x: float | None
    off_left: bool
    off_right: bool
    zero: float


class Axis:
    """A logarithmic scale, on which doubling and halving are equally far from 0."""

    def __init__(self, spans: Iterable[Span]) -> None:
        low, high = -0.1, 0.1
        for span in spans:
            if span.low is not None:
                # An interval without an upper end gets room for its arrow.
                top = 2 * (1 + span.low) - 1 if span.high is None else span.high
                ends = [span.low, top, span.lift]
                low = min([low, *(end for end in ends if end is not None)])
                high = max([high, *(end for end in ends if end is not None)])
        self.low, self.high = max(low, _FARTHEST_LOW), min(high, _FARTHEST_HIGH)

    def x(self, lift: float) -> float:
        """Return the place of a lift, in per cent of the width."""
        share = (math.log1p(lift) - math.log1p(self.low)) / (
            math.log1p(self.high) - math.log1p(self.low)
        )
        return round(_MARGIN + share * (100 - 2 * _MARGIN), 2)

    @property
    def ticks(self) -> list[Tick]:
        """0, and as many labels to both sides as have room."""
        places = [Tick(self.x(0.0), "0%")]
        for tick in sorted(_TICKS, key=abs, reverse=True):
            if self.low <= tick <= self.high:
                x = self.x(tick)
                if all(abs(x - place.x) >= _LEAST_GAP for place in places):
                    places.append(Tick(x, wording.signed_percent(tick).replace(".0", "")))
        return sorted(places, key=lambda place: place.x)

    def mark(self, span: Span) -> Mark | None:
        """Return how an interval is drawn; none where there is none."""
        if span.low is None:
            return None
        high = math.inf if span.high is None else span.high
        lift = span.lift
        return Mark(
            low=self.x(min(max(span.low, self.low), self.high)),
            high=self.x(max(min(high, self.high), self.low)),
            x=self.x(lift) if lift is not None and self.low <= lift <= self.high else None,
            off_left=span.low < self.low,
            off_right=high > self.high,
            zero=self.x(0.0),
        )
