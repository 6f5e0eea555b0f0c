"""Pipelines: how a workspace's recommendations come about, as it declares them."""

from __future__ import annotations

from typing import Any, Literal

from persx.model.document import Document
from persx.model.item import Action


class PipelineSource(Document, frozen=True, kw_only=True):
    """Where a pipeline takes its candidates from.

    Attributes:
        recommender: A recommender by name, such as ``local_ease``.
        weight: What its scores count in the blend.
        fill: It is asked only for the places that the other sources leave empty.
        actions: What it learns from, such as only what was ``bought``; everything unless set.
        config: The recommender's own options.
    """

    recommender: str
    weight: float = 1.0
    fill: bool = False
    actions: tuple[Action, ...] = ()
    config: dict[str, Any] = {}


class RankingRule(Document, frozen=True, kw_only=True):
    """What holds for some items of a pipeline, whatever the recommenders say.

    Attributes:
        do: ``exclude`` them, ``include`` no others, ``boost`` or ``bury`` them, ``pin`` them.
        when: A rule over the item's attributes (``item.price < 50``), those of the item whose page
            it is (``item.brand == anchor.brand``), and the visitor's; every item unless set.
        items: The items that are meant, by id; all unless set.
        by: What the score of boosted items is multiplied by, and that of buried ones divided by.
        place: Where pinned items begin, counted from 1.
        why: What visitors read in place of a reason, such as ``New in the shop``.
    """

    do: Literal["exclude", "include", "boost", "bury", "pin"]
    when: str = ""
    items: tuple[str, ...] = ()
    by: float = 2.0
    place: int = 1
    why: str = ""


class Pipeline(Document, frozen=True, kw_only=True):
    """A way from a visitor to a list of items: sources, blend, filters, rules, diversity.

    Attributes:
        label: What the studio calls it.
        sources: Where candidates come from, at least one.
        rules: What holds for some items, in order.
        only: Ids of the only items that may be ranked; the whole catalogue unless set.
        not_bought_within: What the visitor bought so long ago or later is left out, as ``30d``.
        not_viewed_within: The same of what they viewed.
        price_from: The least price.
        price_to: The greatest price.
        price_near: How far from the price of the item whose page it is, such as 0.5 for 50%.
        category_cap: So many items at most of one narrowest category; any number unless set.
        diversity: From 0 (the best scores) to 1 (as different as can be), by maximal marginal
            relevance.
        explore: The share of places that go to another candidate, drawn by chance, so that what is
            new is tried; who drew what with which probability is logged.
        newcomers: Items that came after a training have their place by what they are like, until
            the next one.
        since: It learns from events of so long, such as ``180d``; of all unless set.
        every: How often a server trains it, such as ``1d``; only by hand unless set.
        description: What it is for.
    """

    name: str = ""
    label: str = ""
    sources: tuple[PipelineSource, ...]
    rules: tuple[RankingRule, ...] = ()
    only: tuple[str, ...] = ()
    not_bought_within: str = ""
    not_viewed_within: str = ""
    price_from: float | None = None
    price_to: float | None = None
    price_near: float | None = None
    category_cap: int = 0
    diversity: float = 0.0
    explore: float = 0.0
    newcomers: bool = True
    since: str = ""
    every: str = ""
    description: str = ""
