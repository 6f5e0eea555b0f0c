"""Small logs of interactions, written by hand or drawn by hypothesis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from persx.model.clock import DAY
from persx.model.item import Action, Item
from persx.recommend.interactions import ACTIONS, Interactions
from persx.recommend.query import NOTHING, Query


class Did(NamedTuple):
    """One row of a log: who did what with which item, in which session, on which day."""

    user: int
    session: int
    item: int
    day: float = 0.0
    action: Action = Action.VIEWED


def log(
    rows: Sequence[Did], items: int, *, timed: bool = True, **more: Mapping[str, Item]
) -> Interactions:
    """Return rows as interactions with so many items; sessions get ascending codes."""
    placed = sorted(enumerate(rows), key=lambda pair: (pair[1].user, pair[1].day, pair[0]))
    ordered = [row for _, row in placed]
    codes: dict[tuple[int, int], int] = {}
    for row in ordered:
        codes.setdefault((row.user, row.session), len(codes))
    days = np.array([row.day for row in ordered], dtype=np.float64)
    return Interactions(
        users=np.array([row.user for row in ordered], dtype=np.int32),
        items=np.array([row.item for row in ordered], dtype=np.int32),
        times=(days * DAY).astype(np.int64) if timed else np.arange(len(ordered)),
        sessions=np.array([codes[row.user, row.session] for row in ordered], dtype=np.int32),
        actions=np.array([ACTIONS.index(row.action) for row in ordered], dtype=np.uint8),
        ids=[f"item-{code}" for code in range(items)],
        user_count=max((row.user for row in ordered), default=-1) + 1,
        timed=timed,
        **more,
    )


def sessions(*lines: str, items: int = 0, timed: bool = True) -> Interactions:
    """Return sessions, each of another user, a day after the one before: ``sessions("0 1 2")``."""
    rows = [
        Did(place, place, int(code), place + step / 1_000)
        for place, line in enumerate(lines)
        for step, code in enumerate(line.split())
    ]
    return log(rows, max([items, *(row.item + 1 for row in rows)]), timed=timed)


def asked(
    *items: int,
    running: int | None = None,
    ages: Sequence[float] = (),
    actions: Sequence[Action] = (),
    anchor: int = NOTHING,
) -> Query:
    """Return the query of a visitor who touched these, oldest first, all in the running session."""
    count = len(items)
    return Query(
        items=np.array(items, dtype=np.int32),
        ages=np.array(ages or range(count)[::-1], dtype=np.float32),
        actions=np.array([ACTIONS.index(each) for each in actions] or [0] * count, dtype=np.uint8),
        session=count if running is None else running,
        anchor=anchor,
    )


@st.composite
def logs(draw: st.DrawFn, items: int = 6) -> Interactions:
    """Draw logs of a few users, sessions and items, with every action."""
    drawn = draw(
        st.lists(
            st.tuples(
                st.integers(0, 3),
                st.integers(0, 2),
                st.integers(0, items - 1),
                st.integers(0, 400),
                st.sampled_from(Action),
            ),
            max_size=40,
        )
    )
    # A session is one stretch of time: sessions of a user lie a thousand days apart.
    rows = [Did(u, s, i, 1_000 * s + day, action) for u, s, i, day, action in drawn]
    return log(rows, items, timed=draw(st.booleans()))


@st.composite
def queries(draw: st.DrawFn, items: int = 6) -> Query:
    """Draw what visitors ask."""
    touched = draw(st.lists(st.integers(0, items - 1), max_size=12))
    ages = draw(
        st.lists(st.floats(0, 4_000, width=32), min_size=len(touched), max_size=len(touched))
    )
    actions = draw(st.lists(st.sampled_from(Action), min_size=len(touched), max_size=len(touched)))
    return asked(
        *touched,
        running=draw(st.integers(0, len(touched))),
        ages=sorted(ages, reverse=True),
        actions=actions,
        anchor=draw(st.sampled_from([NOTHING, *range(items)])),
    )
