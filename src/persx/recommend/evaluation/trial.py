"""A trial: what a recommender is fitted to, and the cases that it is judged by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from persx.model.item import Action
from persx.recommend.interactions import ACTIONS, Interactions
from persx.recommend.query import Codes, Query

VIEWED: Final = ACTIONS.index(Action.VIEWED)
"""What is assumed where files do not say what somebody did."""


class Case(NamedTuple):
    """One question with its right answers.

    Attributes:
        query: What is known when items are wanted.
        wanted: (w,) codes of the items that were touched afterwards, each once.
        who: The user's or session's id, or its place in the file.
    """

    query: Query
    wanted: Codes
    who: str = ""


class Trial(NamedTuple):
    """What a recommender is judged with.

    Attributes:
        train: What it is fitted to.
        cases: What it is asked.
        exclude: Whether what is in a query cannot be a right answer, and is left out.
    """

    train: Interactions
    cases: Sequence[Case]
    exclude: bool


class Coder:
    """Gives ids codes in the order in which they come.

    >>> coder = Coder()
    >>> coder.codes(["a", "b", "a"]), coder.ids
    ([0, 1, 0], ['a', 'b'])
    """

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def codes(self, ids: Iterable[str]) -> list[int]:
        """Return the codes of ids."""
        known = self._codes
        return [known.setdefault(each, len(known)) for each in ids]

    @property
    def ids(self) -> list[str]:
        """The ids by code."""
        return list(self._codes)


def interactions(
    rows: Sequence[Sequence[int]], ids: Sequence[str], *, users: Sequence[int] | None = None
) -> Interactions:
    """Return interactions of which only the order is known: a row is a user, or a session.

    Args:
        rows: The codes of the items of each row, oldest first.
        ids: The items' ids by code.
        users: Whose row each is, ascending; each row another's where that is not given.
    """
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    owners = np.arange(len(rows)) if users is None else np.asarray(users, dtype=np.int64)
    items = np.fromiter((item for row in rows for item in row), np.int32, int(lengths.sum()))
    sessions = np.repeat(np.arange(len(rows), dtype=np.int32), lengths)
    return Interactions(
        users=np.repeat(owners, lengths).astype(np.int32),
        items=items,
        times=np.arange(len(items), dtype=np.int64),
        sessions=sessions,
        actions=np.full(len(items), VIEWED, dtype=np.uint8),
        ids=ids,
        user_count=int(owners.max()) + 1 if len(owners) else 0,
        timed=False,
    )


def asked(items: Sequence[int], *, ordered: bool = True, running: bool = False) -> Query:
    """Return the query of somebody who touched these items, oldest first.

    Args:
        items: Codes.
        ordered: Whether their order is known; all count as touched just now where it is not.
        running: Whether they belong to the running session.
    """
    count = len(items)
    ages = np.arange(count - 1, -1, -1, dtype=np.float32) if ordered else np.zeros(count, "f4")
    return Query(
        items=np.array(items, dtype=np.int32),
        ages=ages.astype(np.float32),
        actions=np.full(count, VIEWED, dtype=np.uint8),
        session=count if running else 0,
    )
