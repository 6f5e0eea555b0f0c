"""What sessions are learned as, and what of a visitor's touches is continued."""

from __future__ import annotations

from typing import Final

import numpy as np

from persx.model.item import Action
from persx.recommend.interactions import ACTIONS, Interactions
from persx.recommend.query import NOTHING, Codes, Query

_VIEWED: Final = ACTIONS.index(Action.VIEWED)
_LOOKED_AT: Final = 8


def steps(data: Interactions) -> Interactions:
    """Return the rows that are steps: whoever views, adds and buys one item has made one.

    A later view of the same item is a step of its own.
    """
    noted_again = np.zeros(len(data.items), dtype=bool)
    noted_again[1:] = (
        (data.items[1:] == data.items[:-1])
        & (data.sessions[1:] == data.sessions[:-1])
        & (data.actions[1:] != _VIEWED)
    )
    return data.rows(~noted_again) if noted_again.any() else data


def newest_items(query: Query, length: int) -> Codes:
    """Return up to `length` different items of the running session, newest first.

    The item whose page this is counts as the newest. Where no session is running, or its length
    is not known, the newest touches stand in. However long the past is, no more than the newest
    ``8 · length`` touches are looked at.

    >>> newest_items(Query(items=np.array([3, 1, 3, 2], dtype=np.int32), session=3), 2).tolist()
    [2, 3]
    """
    end = len(query.items)
    begin = max(0, end - query.session if query.session > 0 else 0, end - _LOOKED_AT * length)
    items = query.items[begin:end][::-1].tolist()
    if query.anchor != NOTHING:
        items.insert(0, query.anchor)
    return np.array(list(dict.fromkeys(items))[:length], dtype=np.int32)
