"""Reasons: why an item is on the list, from what its recommender says that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from persx.model.item import Action
from persx.recommend.query import NOTHING
from persx.recommend.ranking.prepared import Prepared
from persx.recommend.result import Why, WhyKind

KIND_BY_RECOMMENDER: Final[Mapping[str, WhyKind]] = {
    "popularity": WhyKind.POPULAR,
    "recently_viewed": WhyKind.RECENT,
    "replenishment": WhyKind.AGAIN,
}
"""Recommenders whose answers all have one reason."""

ANCHOR_KINDS: Final[Mapping[str, WhyKind]] = {"cooccurrence": WhyKind.TOGETHER}
"""What an item on another item's page is to that one; alike unless its recommender is here."""

KIND_BY_ACTION: Final = {
    Action.VIEWED: WhyKind.VIEWED,
    Action.ADDED: WhyKind.ADDED,
    Action.BOUGHT: WhyKind.BOUGHT,
}


def why(
    prepared: Prepared,
    recommender: str,
    because: int,
    where: str,
    actions: Mapping[int, Action],
    anchor: int,
) -> Why:
    """Return why a candidate is shown.

    Args:
        because: Code, in what was trained, of the item that speaks most for it, or `NOTHING`.
        where: What else its recommender's answer rests on.
        actions: What the visitor did with the items that they touched, by code in what was trained.
        anchor: Code, in what was trained, of the item whose page it is.
    """
    kind = KIND_BY_RECOMMENDER.get(recommender)
    if kind is not None:
        # The narrowest of a path is what people call it.
        return Why(kind=kind, category=where.rpartition("/")[2])
    if because == NOTHING and where:
        return Why(kind=WhyKind.POPULAR, category=where.rpartition("/")[2])
    if because == NOTHING:
        kind = WhyKind.FOR_YOU if actions else _of_anchor(recommender)
        if kind is not WhyKind.FOR_YOU and anchor != NOTHING:
            return _speaking(prepared, kind, anchor)
        return Why(kind=WhyKind.FOR_YOU if actions else WhyKind.POPULAR)
    if because == anchor:
        return _speaking(prepared, _of_anchor(recommender), because)
    action = actions.get(because)
    kind = KIND_BY_ACTION[action] if action is not None else _of_anchor(recommender)
    return _speaking(prepared, kind, because)


def _of_anchor(recommender: str) -> WhyKind:
    return ANCHOR_KINDS.get(recommender, WhyKind.ALIKE)


def _speaking(prepared: Prepared, kind: WhyKind, trained: int) -> Why:
    """Return a reason with the item that speaks for it; what the catalogue lacks is not named."""
    found = prepared.trained
    if found is None:
        return Why(kind=kind)
    newcomers = prepared.newcomers
    id = newcomers.id(trained) if newcomers and trained >= len(found.ids) else found.ids[trained]
    item = prepared.catalogue.get(id)
    if item is None:
        return Why(kind=WhyKind.FOR_YOU if kind in KIND_BY_ACTION.values() else kind)
    return Why(kind=kind, item=item.id, title=item.title)
