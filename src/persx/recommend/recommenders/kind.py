"""What a recommender is: options, arrays fitted to interactions, and scores for a query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from persx.recommend.interactions import Interactions
from persx.recommend.query import Candidates, Query

Arrays = Mapping[str, NDArray[Any]]
"""A fitted recommender: arrays by name. Sparse matrices are three of them.

They are kept as ``.npy`` files and mapped into memory when they are served, so `rank` must read
only the parts that it needs, and never change one.
"""

Progress = Callable[[float], None]
"""Told the share of the work that is done, 0 to 1; may raise to stop the work."""


def silent(_share: float) -> None:
    """Tell nobody."""


class Recommender(Protocol):
    """A way to recommend. Stateless: one object serves all pipelines.

    Attributes:
        name: Such as ``local_ease``.
        description: One line, for documentation and choices.
        config: A frozen struct of its options, each with a default and documented.
    """

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def config(self) -> type[Any]: ...

    def memory(self, data: Interactions, config: Any) -> int:
        """Return about how many bytes `fit` takes at most, beside the interactions."""
        ...

    def fit(self, data: Interactions, config: Any, progress: Progress = silent) -> Arrays:
        """Return what `rank` needs. Deterministic: the same data gives the same arrays."""
        ...

    def rank(self, arrays: Arrays, config: Any, query: Query, limit: int) -> Candidates:
        """Return up to about `limit` items that fit a query; touched ones may be among them.

        Whoever asks leaves out what must not be shown. No candidates where it has nothing to
        say, such as for an unknown visitor. Takes well below a millisecond for 40,000 items.
        """
        ...


def shows_again(recommender: Recommender) -> bool:
    """Tell whether a recommender is there to bring back what a visitor touched before."""
    return bool(getattr(recommender, "shows_again", False))


def best(scores: NDArray[np.float32], limit: int) -> NDArray[np.int32]:
    """Return the places of the greatest scores above 0, in any order.

    >>> sorted(best(np.array([0.1, 0.0, 0.5, 0.3], dtype=np.float32), 2).tolist())
    [2, 3]
    """
    if len(scores) > limit:
        found = np.argpartition(scores, len(scores) - limit)[len(scores) - limit :]
    else:
        found = np.arange(len(scores))
    return found[scores[found] > 0].astype(np.int32)
