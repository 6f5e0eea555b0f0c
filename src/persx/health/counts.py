"""Counts: what happened in a stretch of time, as sums that add up; nothing is about a visitor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

import msgspec

Key = TypeVar("Key")

SLOW_SECONDS: Final = 0.25
"""An answer that takes longer is slow."""


class Visitors(msgspec.Struct, frozen=True, kw_only=True):
    """Visitors of a day by what became of them, from the decision log; each counts once a day.

    Attributes:
        all: Who was there.
        held: Of these, held out: generic content is what they are there for.
        refused: Who refuses personalization, or wants generic content.
        eligible: The others.
        personalized: Eligible ones who saw content that was chosen for them.
        known: Industry → eligible visitors who had said it.
        reached: Industry → of these, who saw content that was chosen for them.
        sessions: Sessions of eligible visitors; half an hour without a page ends one.
        sessions_personalized: Of these, with content that was chosen for the visitor.
        returning: Sessions of visitors whose industry was known in an earlier one.
        retained: Of these, those that begin with the industry known.
    """

    all: int = 0
    held: int = 0
    refused: int = 0
    eligible: int = 0
    personalized: int = 0
    known: dict[str, int] = {}
    reached: dict[str, int] = {}
    sessions: int = 0
    sessions_personalized: int = 0
    returning: int = 0
    retained: int = 0


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided, answered and went wrong. Sums only.

    Attributes:
        decisions: Block, industry and reason → decisions for people.
        pages: Pages and sets of blocks that were decided for people whose visits may be kept.
        withheld: The same for people of whom nothing may be kept.
        errors: Place → errors; ``browser`` are those that pages reported.
        answered: Requests that were answered.
        slow: Of these, those that took longer than `SLOW_SECONDS`.
        visitors: Of whole days only.
    """

    decisions: dict[tuple[str, str, str], int] = {}
    pages: int = 0
    withheld: int = 0
    errors: dict[str, int] = {}
    answered: int = 0
    slow: int = 0
    visitors: Visitors = Visitors()


def add(counts: Iterable[Counts]) -> Counts:
    """Return the sums of several counts.

    >>> add([Counts(pages=1), Counts(pages=2, errors={"render": 1})]).pages
    3
    """
    every = list(counts)
    return Counts(
        decisions=_sum(each.decisions for each in every),
        pages=sum(each.pages for each in every),
        withheld=sum(each.withheld for each in every),
        errors=_sum(each.errors for each in every),
        answered=sum(each.answered for each in every),
        slow=sum(each.slow for each in every),
        visitors=_visitors([each.visitors for each in every]),
    )


def _visitors(every: list[Visitors]) -> Visitors:
    return Visitors(
        known=_sum(each.known for each in every),
        reached=_sum(each.reached for each in every),
        **{
            name: sum(getattr(each, name) for each in every)
            for name in Visitors.__struct_fields__
            if name not in ("known", "reached")
        },
    )


def _sum(maps: Iterable[Mapping[Key, int]]) -> dict[Key, int]:
    total: dict[Key, int] = {}
    for each in maps:
        for key, count in each.items():
            total[key] = total.get(key, 0) + count
    return total
