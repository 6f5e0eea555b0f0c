"""Known: what a list is asked for, and what the visitor did as recommenders are asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from persx.model.clock import DAY, MINUTE, Millis
from persx.model.item import Action, Touch
from persx.recommend.interactions import ACTIONS
from persx.recommend.query import NOTHING, Query
from persx.recommend.ranking.picking import Draw
from persx.recommend.ranking.prepared import Prepared

SESSION_GAP: Final = 30 * MINUTE
"""A session ends after a pause of so long."""

_Key = tuple[int, Action, int]
"""An item's code, what was done, and for purchases the day."""

_CODE: Final = {action: code for code, action in enumerate(ACTIONS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a list is asked for.

    Attributes:
        count: How many items.
        now: When.
        touches: What the visitor did, oldest first; empty where it must not count.
        anchor: Code of the item whose page it is, or `NOTHING`.
        exclude: Ids that are not shown, such as those that are on the page already.
        only: Ids of the only items that may be shown; None for all.
        context: See `Query.context`.
        attributes: Of the visitor and of the request, which rules read.
        draw: Decides which places go to what is tried; none where nothing is.
        explained: Tell of each item which rules lifted, lowered or pinned it.
    """

    count: int
    now: Millis
    touches: Sequence[Touch] = ()
    anchor: int = NOTHING
    exclude: Collection[str] = ()
    only: Collection[str] | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    draw: Draw | None = None
    explained: bool = False


STOOD: Final = 20
"""So many newcomers that a visitor touched are stood in for, the newest."""


class Known(NamedTuple):
    """What a visitor did.

    Attributes:
        query: In codes of what was trained.
        wide: The same with items that came after the training.
        stood: The same with known items in their place, each most like one of them.
        stand_ins: The newcomer that a known item stands in for, by code; not where the visitor
            touched the known one too, or it is the item of the page.
        actions: What they did with each item last, by code.
        closed: Codes in the catalogue of what is left out because of it.
    """

    query: Query
    wide: Query
    stood: Query
    stand_ins: Mapping[int, int]
    actions: Mapping[int, Action]
    closed: list[int]


def known_of(prepared: Prepared, wanted: Wanted) -> Known:
    """Return what the visitor did, as recommenders are asked, and what is closed by it."""
    catalogue, trained, plan = prepared.catalogue, prepared.trained, prepared.plan
    codes = trained.codes if trained is not None else {}
    newcomers = prepared.newcomers
    newest: dict[_Key, Millis] = {}
    closed: list[int] = []
    bought, viewed = plan.bought_within, plan.viewed_within
    now = wanted.now
    here = catalogue.codes
    for touch in wanted.touches:
        item, action, at = touch.item, touch.action, touch.at
        within = bought if action is Action.BOUGHT else viewed
        recent = within and now - at < within and action is not Action.ADDED
        if item.startswith("/"):
            known = catalogue.code(item)
            code = int(prepared.to_trained[known]) if known != NOTHING else NOTHING
        else:
            known = here.get(item, NOTHING) if recent else NOTHING
            code = codes.get(item, NOTHING)
            if code == NOTHING and newcomers is not None:
                code = newcomers.code(item)
        if recent and known != NOTHING:
            closed.append(known)
        if code != NOTHING:
            # How often somebody buys the same again is told by the days on which they did.
            key = code, action, at // DAY if action is Action.BOUGHT else 0
            # Taken out first, so that the newest come last.
            newest.pop(key, None)
            newest[key] = at
    anchor = int(prepared.to_trained[wanted.anchor]) if wanted.anchor != NOTHING else NOTHING
    every = _query(newest, anchor, wanted)
    actions = {code: action for code, action, _ in newest}
    trained_count = len(codes)
    if anchor < trained_count and all(code < trained_count for code in actions):
        return Known(every, every, every, {}, actions, closed)
    # What recommenders were not fitted to they are not asked about.
    told = {key: at for key, at in newest.items() if key[0] < trained_count}
    narrow = _query(told, anchor if anchor < trained_count else NOTHING, wanted)
    # The newest, and last the item of the page: it counts most for whom a known item stands in.
    fresh = [code for code in actions if code >= trained_count][-STOOD:]
    if anchor >= trained_count:
        fresh = [*(code for code in fresh if code != anchor), anchor]
    stands = {code: known for code in fresh if (known := prepared.stand_in(code)) != NOTHING}
    placed: dict[_Key, Millis] = {}
    for (code, action, day), at in newest.items():
        known = stands.get(code, code)
        if known < trained_count:
            placed.pop((known, action, day), None)
            placed[known, action, day] = at
    instead = stands.get(anchor, anchor)
    stood = _query(placed, instead if instead < trained_count else NOTHING, wanted)
    stand_ins = {
        known: code for code, known in stands.items() if known not in actions and known != anchor
    }
    return Known(narrow, every, stood, stand_ins, actions, closed)


def _query(newest: Mapping[_Key, Millis], anchor: int, wanted: Wanted) -> Query:
    times = np.fromiter(newest.values(), dtype=np.int64, count=len(newest))
    return Query(
        items=np.fromiter((code for code, _, _ in newest), dtype=np.int32, count=len(newest)),
        ages=(np.maximum(wanted.now - times, 0) / DAY).astype(np.float32),
        actions=np.fromiter(
            (_CODE[action] for _, action, _ in newest), dtype=np.uint8, count=len(newest)
        ),
        session=_session(times, wanted.now),
        anchor=anchor,
        context=wanted.context,
    )


def _session(times: NDArray[np.int64], now: Millis) -> int:
    """Return how many of the newest touches belong to the running session."""
    until, found = now, 0
    for at in reversed(times.tolist()):
        if until - at > SESSION_GAP:
            break
        until, found = at, found + 1
    return found
