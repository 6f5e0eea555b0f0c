"""Interactions: who did what with which item, as the arrays that recommenders are fitted to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from persx.model.item import Action, Item

if TYPE_CHECKING:
    from scipy import sparse

Codes = NDArray[np.int32]
Times = NDArray[np.int64]
Floats = NDArray[np.float32]

ACTIONS: Final = tuple(Action)
"""Actions by their code in arrays."""

DEVICES: Final = ("desktop", "phone", "tablet")
"""Kinds of devices by their code in the context ``device``."""

NO_ITEMS: Final[Mapping[str, Item]] = {}


@dataclass(frozen=True)
class Interactions:
    """Who did what with which item, ordered by user, then time. n rows, u users, i items.

    Attributes:
        users: (n,) int32, codes of users 0 … u−1, ascending.
        items: (n,) int32, codes of items 0 … i−1.
        times: (n,) int64, epoch milliseconds; positions where nobody knows the time.
        sessions: (n,) int32, codes of sessions, ascending; a session belongs to one user.
        actions: (n,) uint8, places in `ACTIONS`.
        ids: The items' ids by code; items of the catalogue that nobody touched are among them.
        user_count: u.
        timed: Whether `times` are times.
        catalogue: What is known of the items, by id; an id may be missing in it.
        contexts: Name of a context (``hour``, ``device``) → (n,) int16 codes of it, where known:
            the hour itself, a place in `DEVICES`; −1 where nobody knows.
        units: (u,) uint64, the number that stands for each visitor where this was gathered; none
            where nobody knows.
    """

    users: Codes
    items: Codes
    times: Times
    sessions: Codes
    actions: NDArray[np.uint8]
    ids: Sequence[str]
    user_count: int
    timed: bool = True
    catalogue: Mapping[str, Item] = field(default_factory=lambda: NO_ITEMS)
    contexts: Mapping[str, NDArray[np.int16]] = field(default_factory=dict)
    units: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, dtype=np.uint64))

    @property
    def item_count(self) -> int:
        """The number of items, touched or not."""
        return len(self.ids)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(i,) how many rows each item has."""
        return np.bincount(self.items, minlength=self.item_count)

    def of(self, actions: Collection[Action]) -> Interactions:
        """Return the rows with these actions; all where none is named."""
        wanted = [code for code, action in enumerate(ACTIONS) if action in actions]
        if not actions or len(wanted) == len(ACTIONS):
            return self
        return self.rows(np.isin(self.actions, wanted))

    def rows(self, mask: NDArray[np.bool_]) -> Interactions:
        """Return some of the rows; users, sessions and items keep their codes."""
        return Interactions(
            users=self.users[mask],
            items=self.items[mask],
            times=self.times[mask],
            sessions=self.sessions[mask],
            actions=self.actions[mask],
            ids=self.ids,
            user_count=self.user_count,
            timed=self.timed,
            catalogue=self.catalogue,
            contexts={name: codes[mask] for name, codes in self.contexts.items()},
            units=self.units,
        )

    def matrix(self, *, binary: bool = True) -> sparse.csr_matrix:
        """Return users × items, float32: 1 where there is a row, or the number of rows."""
        # Deciding loads no scipy, and a workspace is checked with what is here.
        from scipy import sparse

        shape = (self.user_count, self.item_count)
        ones = np.ones(len(self.users), dtype=np.float32)
        found = sparse.csr_matrix((ones, (self.users, self.items)), shape=shape)
        found.sum_duplicates()
        if binary:
            found.data[:] = 1.0
        return found
