"""Tuning a pipeline: its options and weights, one after the other, judged by a part of the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.model.errors import BadInput
from persx.model.pipeline import PipelineSource
from persx.recommend.fitting import config_of

Sources = tuple[PipelineSource, ...]
Judge = Callable[[Sources], NDArray[np.float64]]
"""Returns the metric of each case."""


FIRST: Final = ("half_life", "decay", "unobserved", "rules")
"""How options are called, or end, that matter most by experience: how soon what is old counts less,
and what one part of a recommender counts beside another. With the weights of the blend they are
tried before all others."""

_NEVER: Final = frozenset({"seed"})
"""What is no option but chance."""

_BEGIN: Final = {"half_life": (14.0,), "rules": (0.0, 1.0), "repeats": (0.0, 1.0)}
"""What is tried first of an option that is switched off, or that is chosen with each fit."""

_BEGIN_ELSE: Final = (0.2,)


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

    Coordinates are gone through in an order drawn by chance, weights and what is in `FIRST` before
    the others; of each a smaller and a greater value is tried, and what does better stays. It ends
    when nothing does, or after so many trials. What was chosen looks better on the cases that it
    was chosen by than it is: others tell what it is worth.

    Args:
        trials: At most so many others are judged.
        fits: Tells whether sources may be fitted at all, such as for their memory.
        told: Called with the number of trials after each.
    """
    random = np.random.default_rng(seed)
    start = best = float(judge(sources).mean())
    judged = {msgspec.json.encode(sources)}
    tried = 0
    moved = True
    while moved and tried < trials:
        moved = False
        steps = list(_coordinates(sources))
        drawn = [steps[int(at)] for at in random.permutation(len(steps))]
        for place, name in sorted(drawn, key=lambda step: not _is_first(step[1])):
            for value in _others(_read(sources, place, name), name):
                other = _with(sources, place, name, value)
                if tried == trials or other is None or not fits(other):
                    continue
                if (told_apart := msgspec.json.encode(other)) in judged:
                    continue
                judged.add(told_apart)
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
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if name not in _NEVER and (number or (value is None and name in _BEGIN)):
                yield place, name


def _is_first(name: str) -> bool:
    return not name or name.endswith(FIRST)


def _read(sources: Sequence[PipelineSource], place: int, name: str) -> float | None:
    source = sources[place]
    return getattr(config_of(source), name) if name else source.weight


def _others(value: float | None, name: str = "") -> Iterator[float]:
    """Yield a smaller and a greater value of the same type; of what is off, where it may begin.

    >>> list(_others(10)), list(_others(0.8)), list(_others(4.0)), list(_others(0))
    ([5, 20], [0.4, 0.9], [2.0, 8.0], [])
    >>> list(_others(0.0, "half_life")), list(_others(None, "rules"))
    ([14.0], [0.0, 1.0])
    >>> list(_others(8.0, "half_life"))
    [4.0, 16.0, 0.0]
    """
    if not value and name and not isinstance(value, int):
        yield from _BEGIN.get(name, _BEGIN_ELSE)
    elif value is None:
        return
    elif isinstance(value, int):
        if value > 1:
            yield value // 2
        if value > 0:
            yield value * 2
    elif value > 0:
        yield value / 2
        yield round((1 + value) / 2, 6) if value < 1 else value * 2
        if name.endswith("half_life"):
            # Nothing counts less because it is old.
            yield 0.0


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


def changes_of(before: Sources, after: Sources) -> dict[tuple[str | int, ...], float]:
    """Return what tuning changed, by where it stands in the list of sources.

    >>> before = (PipelineSource(recommender="history"),)
    >>> after = (PipelineSource(recommender="history", weight=2.0, config={"bought": 6.0}),)
    >>> changes_of(before, after)
    {(0, 'weight'): 2.0, (0, 'config', 'bought'): 6.0}
    """
    found: dict[tuple[str | int, ...], float] = {}
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        if new.weight != old.weight:
            found[place, "weight"] = new.weight
        for name, value in new.config.items():
            if name not in old.config or old.config[name] != value:
                found[place, "config", name] = value
    return found
