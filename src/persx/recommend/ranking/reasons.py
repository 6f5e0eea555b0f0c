"""Reasons: why an item is on the list, from what its recommender says that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from persx.model.clock import DAY, Millis
from persx.model.item import Action, Item
from persx.recommend.artifact import TrainedSource
from persx.recommend.query import NOTHING
from persx.recommend.ranking.known import Known
from persx.recommend.ranking.prepared import Prepared
from persx.recommend.result import Why, WhyKind

KIND_BY_RECOMMENDER: Final[Mapping[str, WhyKind]] = {
    "history": WhyKind.RECENT,
    "popularity": WhyKind.POPULAR,
    "recently_viewed": WhyKind.RECENT,
    "replenishment": WhyKind.AGAIN,
    "viewed_categories": WhyKind.BROWSED,
}
"""Recommenders whose answers all have one reason."""

TOGETHER: Final = "cooccurrence"
"""The recommender whose items go together with the one whose page it is; others are alike."""

LATELY: Final = 8 * DAY
"""What was popular so long ago is not called popular this week."""

KIND_BY_ACTION: Final = {
    Action.VIEWED: WhyKind.VIEWED,
    Action.ADDED: WhyKind.ADDED,
    Action.BOUGHT: WhyKind.BOUGHT,
}


def why(
    prepared: Prepared,
    source: TrainedSource,
    item: int,
    because: int,
    where: str,
    known: Known,
    now: Millis,
) -> Why:
    """Return why a candidate is shown.

    What is shown because of a known item that stands in for a newcomer says so: what goes with
    the known one on the newcomer's page names the known one, and the known one itself is like
    the newcomer. Nothing is said to go with a newcomer that nobody knows to.

    Args:
        source: Whose candidate it is.
        item: Code, in what was trained, of the candidate.
        because: Code, in what was trained, of the item that speaks most for it, or `NOTHING`.
        where: What else its recommender's answer rests on.
    """
    kind = KIND_BY_RECOMMENDER.get(source.recommender.name)
    if kind is WhyKind.BROWSED:
        return Why(kind=kind, category=_in_common(prepared, item, because))
    if kind is WhyKind.POPULAR or (kind is None and because == NOTHING and where):
        kind = _popular(prepared, now)
    if kind is not None:
        # The narrowest of a path is what people call it.
        return Why(kind=kind, category=where.rpartition("/")[2])
    actions, anchor = known.actions, known.wide.anchor
    if because == NOTHING:
        kind = WhyKind.FOR_YOU if actions else _of_anchor(source)
        # A source that says nothing of the page's item was asked about what stands in for it.
        on_page = known.stood.anchor if source.recommender.name == TOGETHER else anchor
        if kind is not WhyKind.FOR_YOU and on_page != NOTHING:
            return _speaking(prepared, kind, on_page)
        return Why(kind=WhyKind.FOR_YOU if actions else _popular(prepared, now))
    newcomer = known.stand_ins.get(because, NOTHING)
    if newcomer != NOTHING:
        if newcomer != anchor:
            return _speaking(prepared, KIND_BY_ACTION[actions[newcomer]], newcomer)
        itself = because == item
        kind = WhyKind.ALIKE if itself else _of_anchor(source)
        return _speaking(prepared, kind, anchor if itself else because)
    if because == anchor:
        return _speaking(prepared, _of_anchor(source), because)
    action = actions.get(because)
    if because == item:
        # It speaks for itself: they know it.
        return Why(kind=WhyKind.AGAIN if action is Action.BOUGHT else WhyKind.RECENT)
    kind = KIND_BY_ACTION[action] if action is not None else _of_anchor(source)
    return _speaking(prepared, kind, because)


def _of_anchor(source: TrainedSource) -> WhyKind:
    """Return what an item of a source is to the item whose page it is."""
    if source.recommender.name != TOGETHER:
        return WhyKind.ALIKE
    bought = source.actions == (Action.BOUGHT,)
    return WhyKind.TOGETHER if bought else WhyKind.SEEN_TOGETHER


def _in_common(prepared: Prepared, item: int, other: int) -> str:
    """Return the narrowest category that two items share; empty where they share none."""
    found = ""
    both = (_item(prepared, each) for each in (item, other))
    for step, same in zip(*(each.category if each else () for each in both), strict=False):
        if step != same:
            break
        found = step
    return found


def _popular(prepared: Prepared, now: Millis) -> WhyKind:
    last = prepared.trained.manifest.trained.last if prepared.trained else 0
    return WhyKind.LIKED if last and now - last > LATELY else WhyKind.POPULAR


def _speaking(prepared: Prepared, kind: WhyKind, trained: int) -> Why:
    """Return a reason with the item that speaks for it; what the catalogue lacks is not named."""
    item = _item(prepared, trained)
    if item is None and prepared.trained is not None:
        return Why(kind=WhyKind.FOR_YOU if kind in KIND_BY_ACTION.values() else kind)
    return Why(kind=kind) if item is None else Why(kind=kind, item=item.id, title=item.title)


def _item(prepared: Prepared, trained: int) -> Item | None:
    """Return what the catalogue says of an item, by its code in what was trained, or `NOTHING`."""
    found = prepared.trained
    if found is None or trained == NOTHING:
        return None
    newcomers = prepared.newcomers
    id = newcomers.id(trained) if newcomers and trained >= len(found.ids) else found.ids[trained]
    return prepared.catalogue.get(id)
