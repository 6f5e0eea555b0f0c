"""Metrics: what experiments are judged by, as a workspace declares them."""

from __future__ import annotations

from typing import Literal

from persx.model.document import Document


class Metric(Document, frozen=True, kw_only=True):
    """A figure for each arm of an experiment, made of what its visitors did after they entered.

    Attributes:
        label: What reports call it.
        kind: ``conversion``: the share of the visitors who reach the goal; ``mean``: a number per
            visitor, those without any counting as 0; ``ratio``: one sum by another, such as
            revenue by orders.
        goal: What counts.
        of: What is added up of the goal's events in a mean, or above the line of a ratio: their
            ``value``, their ``count``, or whether there are any (``visitors``).
        per: In a ratio, the goal whose events are counted below the line.
        at_least: In a conversion, so many of the goal's events make it one.
        at_most: In a conversion, whoever has no more of them than this converts, as in a bounce.
        after: The goal counts from so long after the visitor entered on, such as ``1d``.
        within: It counts until so long after that, and only visitors whose time is over are
            looked at; always unless set.
        winsorise: The share of visitors, such as 0.99, above whose greatest number nothing more
            is added: one huge order then decides nothing. Numbers of 0 are left out of the share.
        covariate: The same number from so long *before* the visitor entered, such as ``28d``,
            takes part in the comparison (CUPED), which narrows the interval.
        better: Whether ``more`` or ``less`` of it is meant.
        margin: As a guardrail, the loss that would be borne, such as 0.02 for 2%.
        description: Why it is this.
    """

    name: str = ""
    label: str = ""
    kind: Literal["conversion", "mean", "ratio"] = "conversion"
    goal: str
    of: Literal["value", "count", "visitors"] = "value"
    per: str = ""
    at_least: int = 1
    at_most: int | None = None
    after: str = ""
    within: str = ""
    winsorise: float | None = None
    covariate: str = ""
    better: Literal["more", "less"] = "more"
    margin: float = 0.02
    description: str = ""
