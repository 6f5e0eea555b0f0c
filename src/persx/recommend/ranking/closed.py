"""Closed: why a pipeline shows an item to nobody, or not to everybody."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from persx.recommend.ranking.prepared import Prepared, mask_of


class Bar(StrEnum):
    """What keeps an item out of a pipeline's lists: a closed set, so that words can be made."""

    HIDDEN = "hidden"
    UNAVAILABLE = "unavailable"
    NOT_AMONG = "not_among"
    """It is not among the ids that the pipeline is limited to."""
    NO_PRICE = "no_price"
    """The pipeline asks for a price, and it has none."""
    CHEAP = "cheap"
    EXPENSIVE = "expensive"
    EXCLUDED = "excluded"
    """A rule excludes it."""
    NOT_INCLUDED = "not_included"
    """A rule includes others only."""
    ASKED = "asked"
    """A rule is asked for each visitor or page anew, and may keep it out."""


class Closed(NamedTuple):
    """One reason.

    Attributes:
        rule: The place of the rule in its document, counted from 1; 0 where none is concerned.
        when: That rule as it is written.
    """

    bar: Bar
    rule: int = 0
    when: str = ""

    @property
    def for_all(self) -> bool:
        """Whether nobody is shown the item because of it."""
        return self.bar is not Bar.ASKED


def bars(prepared: Prepared, code: int) -> Iterator[Closed]:
    """Yield what keeps an item out of a pipeline's lists, as far as that follows from the item.

    Args:
        code: In the catalogue.
    """
    catalogue, pipeline = prepared.catalogue, prepared.plan.pipeline
    item = catalogue.items[code]
    if item is None:
        return
    if item.hidden:
        yield Closed(Bar.HIDDEN)
    if not item.available:
        yield Closed(Bar.UNAVAILABLE)
    if pipeline.only and not mask_of(catalogue, pipeline.only)[code]:
        yield Closed(Bar.NOT_AMONG)
    if pipeline.price_from is not None or pipeline.price_to is not None:
        if item.price is None:
            yield Closed(Bar.NO_PRICE)
        elif pipeline.price_from is not None and item.price < pipeline.price_from:
            yield Closed(Bar.CHEAP)
        elif pipeline.price_to is not None and item.price > pipeline.price_to:
            yield Closed(Bar.EXPENSIVE)
    for place, (rule, mask) in enumerate(
        zip(prepared.plan.rules, prepared.held, strict=True), start=1
    ):
        do, when = rule.rule.do, rule.rule.when
        if do not in ("exclude", "include"):
            continue
        if mask is None:
            yield Closed(Bar.ASKED, place, when)
        elif do == "exclude" and mask[code]:
            yield Closed(Bar.EXCLUDED, place, when)
        elif do == "include" and not mask[code]:
            yield Closed(Bar.NOT_INCLUDED, place, when)
