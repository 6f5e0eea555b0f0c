"""Tuning a pipeline: its options and weights, one after the other, judged by a part of the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.model.errors import BadInput
from persx.model.pipeline import PipelineSource
from persx.recommend.fitting import config_of

Sources = tuple[PipelineSource, ...]
Judge = Callable[[Sources], NDArray[np.float64]]
"""Returns the metric of each case."""


class Tuned(NamedTuple):
    """What tuning found.

    Attributes:
        sources: The best.
        start, best: The metric, before and after, on the cases that it was chosen by.
        tried: How many others were tried.
    """

    sources: Sources
    start: float
    best: float
    tried: int


def tune(
    sources: Sources,
    judge: Judge,
    *,
    trials: int,
    seed: int = 0,
    fits: Callable[[Sources], bool] = lambda _: True,
    told: Callable[[int], object] = lambda _: None,
) -> Tuned:
    """Return the sources with other options and weights, where these do better.

    Coordinates are gone through in an order drawn by chance; of each a smaller and a greater value
    is tried, and what does better stays. It ends when nothing does, or after so many trials. What
    was chosen looks better on the cases that it was chosen by than it is: others tell what it is
    worth.

    Args:
        trials: At most so many others are judged.
        fits: Tells whether sources may be fitted at all, such as for their memory.
        told: Called with the number of trials after each.
    """
    random = np.random.default_rng(seed)
    start = best = float(judge(sources).mean())
    tried = 0
    moved = True
    while moved and tried < trials:
        moved = False
        steps = list(_coordinates(sources))
        for at in random.permutation(len(steps)):
            place, name = steps[int(at)]
            for value in _others(_read(sources, place, name)):
                other = _with(sources, place, name, value)
                if tried == trials or other is None or not fits(other):
                    continue
                tried += 1
                try:
                    found = float(judge(other).mean())
                except (BadInput, ValueError):
                    # The recommender does not take such a value.
                    found = -np.inf
                told(tried)
                if found > best:
                    best, sources, moved = found, other, True
    return Tuned(sources, start, best, tried)


def _coordinates(sources: Sources) -> Iterator[tuple[int, str]]:
    """Yield the place and option of all that can be tuned; an empty option is the weight."""
    several = sum(not each.fill for each in sources) > 1
    for place, source in enumerate(sources):
        if several and not source.fill:
            yield place, ""
        config = config_of(source)
        for name in config.__struct_fields__:
            value = getattr(config, name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield place, name


def _read(sources: Sequence[PipelineSource], place: int, name: str) -> float:
    source = sources[place]
    return getattr(config_of(source), name) if name else source.weight


def _others(value: float) -> Iterator[float]:
    """Yield a smaller and a greater value of the same type.

    >>> list(_others(10)), list(_others(0.8)), list(_others(4.0)), list(_others(0))
    ([5, 20], [0.4, 0.9], [2.0, 8.0], [])
    """
    if isinstance(value, int):
        # 0 switches off, and what is off by itself stays so.
        if value > 1:
            yield value // 2
        if value > 0:
            yield value * 2
    elif value > 0:
        yield value / 2
        yield round((1 + value) / 2, 6) if value < 1 else value * 2


def _with(sources: Sources, place: int, name: str, value: float) -> Sources | None:
    """Return the sources with another value; None where the option does not take it."""
    source = sources[place]
    if name:
        changed = msgspec.structs.replace(source, config={**source.config, name: value})
    else:
        changed = msgspec.structs.replace(source, weight=float(value))
    try:
        config_of(changed)
    except BadInput:
        return None
    return (*sources[:place], changed, *sources[place + 1 :])


def as_document(sources: Sources) -> list[dict[str, Any]]:
    """Return sources as a document says them, defaults left out."""
    found = []
    for source in sources:
        told = {"recommender": source.recommender}
        for name in ("weight", "fill", "actions", "config"):
            value = getattr(source, name)
            if value != getattr(PipelineSource(recommender=""), name):
                told[name] = msgspec.to_builtins(value)
        found.append(told)
    return found
