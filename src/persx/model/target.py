"""Targets: the lifts that a team means to reach, by metric and industry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from persx.model.document import Document

DEFAULT_TARGET: Final = 0.15
"""The PLI that is meant to be reached where the workspace says nothing."""


class Target(Document, frozen=True, kw_only=True):
    """A lift that personalization is meant to reach, shown beside what it does reach.

    Attributes:
        metric: The metric as reports call it, such as ``purchase.revenue``; the first one of the
            holdout's report unless set.
        industries: For visitors of these industries; empty is for everyone and every industry
            that no other target speaks of.
        lift: The lift over generic content, 0.15 for 15% more.
        description: Why it is this.
    """

    name: str = ""
    metric: str = ""
    industries: tuple[str, ...] = ()
    lift: float = DEFAULT_TARGET
    description: str = ""


def target_for(
    targets: Iterable[Target],
    metric: str,
    industry: str = "",
    *,
    primary: str = "",
    default: float | None = DEFAULT_TARGET,
) -> float | None:
    """Return the lift that a metric is meant to reach, most particular first.

    Args:
        targets: The workspace's.
        metric: The metric's name.
        industry: The industry; empty for everyone.
        primary: The primary metric, of which a target without a metric speaks.
        default: What holds for the primary metric where no target speaks of it.

    Returns:
        The lift, or none where none is meant.

    >>> targets = [Target(lift=0.2), Target(industries=("Banking",), lift=0.1)]
    >>> [target_for(targets, "sale", each, primary="sale") for each in ("", "Banking", "Travel")]
    [0.2, 0.1, 0.2]
    >>> target_for([], "sale", primary="sale"), target_for([], "visit", primary="sale")
    (0.15, None)
    """
    meant = [each for each in targets if (each.metric or primary) == metric]
    for each in meant:
        if industry and industry in each.industries:
            return each.lift
    for each in meant:
        if not each.industries:
            return each.lift
    return default if metric == primary else None
