"""What is asked of a recommender, and what it answers: codes and scores, nothing about people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int32]
Floats = NDArray[np.float32]

NOTHING: Final = -1
"""In place of an item's code: no item."""

NO_CONTEXT: Final[Mapping[str, Any]] = {}
_NO_CODES: Final[Codes] = np.empty(0, dtype=np.int32)
_NO_FLOATS: Final[Floats] = np.empty(0, dtype=np.float32)


class Query(NamedTuple):
    """What is known when items are wanted: h touches of one visitor, oldest first.

    Attributes:
        items: (h,) codes of the items that the visitor touched, each once for each action; what
            they bought once for each day on which they did.
        ages: (h,) days since, not negative; positions from the newest (0, 1, …) where nobody
            knows the times.
        actions: (h,) uint8, places in `persx.recommend.interactions.ACTIONS`.
        session: How many of the newest touches belong to the running session.
        anchor: The item whose page this is, or `NOTHING`.
        context: ``hour`` (0 to 23), ``device``, ``category`` (a path joined by ``/``), as far
            as they are known.
    """

    items: Codes = _NO_CODES
    ages: Floats = _NO_FLOATS
    actions: NDArray[np.uint8] = np.empty(0, dtype=np.uint8)
    session: int = 0
    anchor: int = NOTHING
    context: Mapping[str, Any] = NO_CONTEXT


class Candidates(NamedTuple):
    """Items with scores, in any order, each once.

    Attributes:
        items: (c,) codes.
        scores: (c,) float32; more is better, only the order within one answer means anything.
        because: (c,) code of the touched item that speaks most for each, or `NOTHING`; None
            where this recommender has no such reason.
        where: What else the answer rests on, in words that a reason is made of, such as
            ``Running`` for what is popular in that category; empty where nothing.
    """

    items: Codes
    scores: Floats
    because: Codes | None = None
    where: str = ""

    def best(self, limit: int) -> Candidates:
        """Return up to `limit` of them, those with the greatest scores, in any order."""
        left_over = len(self.items) - limit
        if left_over <= 0:
            return self
        kept = np.argpartition(self.scores, left_over)[left_over:]
        because = None if self.because is None else self.because[kept]
        return Candidates(self.items[kept], self.scores[kept], because, self.where)


NO_CANDIDATES: Final = Candidates(_NO_CODES, _NO_FLOATS)
