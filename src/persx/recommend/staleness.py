"""Staleness: whether what a pipeline was trained on is too old for what it promises."""

from __future__ import annotations

from typing import Final

from persx.model.clock import DAY, HOUR, MINUTE, Millis, parse_duration
from persx.model.counting import counted
from persx.model.pipeline import Pipeline

PATIENCE: Final = 2
"""A trained pipeline is stale when it is so many times older than it is to be at most."""


def staleness(pipeline: Pipeline, made: Millis | None, now: Millis) -> str:
    """Return why a pipeline is stale, in words; empty where it is not.

    One without `every` is trained by hand, and promises nothing but to be trained at all.

    Args:
        made: When what is active was made; none where nothing is.
    """
    if made is None:
        return "It has never been trained, or is switched off."
    if pipeline.every and now - made > PATIENCE * parse_duration(pipeline.every):
        return f"It is to be trained every {pipeline.every}, and is older than twice that."
    return ""


def age(length: Millis) -> str:
    """Return a length of time in words, in its greatest unit.

    >>> age(3 * DAY + HOUR), age(90 * MINUTE), age(0)
    ('3 days', '1 hour', 'less than a minute')
    """
    for unit, word in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if length >= unit:
            return counted(length // unit, word)
    return "less than a minute"
