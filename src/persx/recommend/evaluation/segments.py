"""Segments of the visitors that a pipeline is judged by: how well it does for each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.recommend.evaluation.judging import by_length
from persx.recommend.evaluation.moments import Moment
from persx.recommend.evaluation.telling import Estimate, estimate

Names = Sequence[Sequence[str]]
"""For each case the names of the segments that it is in: one, several or none."""

FEWEST: Final = 30
"""Of a segment with fewer cases nothing is told but their number: it would be chance."""

UNKNOWN: Final = "unknown"


class SegmentFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How well a pipeline did for some visitors.

    Attributes:
        cases: How many they are.
        metrics: By name and cut; empty where they are too few.
        against: The differences to popularity, visitor by visitor; likewise.
    """

    cases: int
    metrics: dict[str, Estimate]
    against: dict[str, Estimate]


def _activity(cases: Sequence[Moment]) -> Names:
    lengths = [len({touch.item for touch in case.touches}) for case in cases]
    places, names = by_length(np.array(lengths))
    return [(names[place],) for place in places.tolist()]


def _device(cases: Sequence[Moment]) -> Names:
    return [(str(case.context.get("device", UNKNOWN)),) for case in cases]


def _visit(cases: Sequence[Moment]) -> Names:
    return [("returning" if case.returning else "new",) for case in cases]


def _audience(cases: Sequence[Moment]) -> Names:
    return [case.audiences for case in cases]


def _persona(cases: Sequence[Moment]) -> Names:
    return [(case.persona,) if case.persona else () for case in cases]


SEGMENTS: Final[Mapping[str, Callable[[Sequence[Moment]], Names]]] = {
    "activity": _activity,
    "device": _device,
    "visit": _visit,
    "audience": _audience,
    "persona": _persona,
}
"""By what visitors are told apart: how much they had touched, on which device, whether they had
been there before, and in which audiences, and which persona, they were at that moment."""


def by_segment(
    cases: Sequence[Moment],
    values: Mapping[str, NDArray[np.float64]],
    base: Mapping[str, NDArray[np.float64]],
) -> dict[str, dict[str, SegmentFigures]]:
    """Return the figures of each segment, by what tells them apart and by name.

    Args:
        values: Metric → (c,) of each case.
        base: The same of what it is compared with.
    """
    found: dict[str, dict[str, SegmentFigures]] = {}
    for kind, names_of in SEGMENTS.items():
        labels = names_of(cases)
        for name in sorted({name for each in labels for name in each}, key=_in_order):
            inside = np.array([name in each for each in labels])
            found.setdefault(kind, {})[name] = _figures(inside, values, base)
    return found


def _in_order(name: str) -> tuple[int, str]:
    """Return what orders histories by their length, and all else by name."""
    length = name.removeprefix("history ").partition("–")[0]
    return (int(length), "") if length != name and length.isdecimal() else (0, name)


def _figures(
    inside: NDArray[np.bool_],
    values: Mapping[str, NDArray[np.float64]],
    base: Mapping[str, NDArray[np.float64]],
) -> SegmentFigures:
    count = int(inside.sum())
    told = values if count >= FEWEST else {}
    return SegmentFigures(
        cases=count,
        metrics={name: estimate(each[inside]) for name, each in told.items()},
        against={name: estimate((each - base[name])[inside]) for name, each in told.items()},
    )
