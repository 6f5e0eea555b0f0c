"""States that were read lately, so that a visitor's next request need not read them again."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

from persx.model.visitor import IdentityState

CAPACITY: Final = 10_000


class RecentStates:
    """States by identity, as of the last commit. Only the process that writes may have one.

    The writer's thread forgets what a commit changed before anyone is told of the commit, so
    that whoever was told never reads what was before. Only identities that no verified edge
    joins to others are kept: what changes for one of those changes nothing for another.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, list[IdentityState]] = {}
        self.generation = 0
        """Counts commits. States that were read before a commit are not kept after it."""

    def get(self, identity: str) -> list[IdentityState] | None:
        """Return what is kept of an identity."""
        return self._kept.get(identity)

    def keep(self, identity: str, states: list[IdentityState], generation: int) -> None:
        """Keep what was read at a generation, if nothing was committed since."""
        with self._lock:
            if generation == self.generation:
                if len(self._kept) >= CAPACITY:
                    del self._kept[next(iter(self._kept))]
                self._kept[identity] = states

    def forget(self, changed: Iterable[str], *, linked: bool) -> None:
        """Forget what a commit changed; a new edge may change anything."""
        with self._lock:
            self.generation += 1
            if linked:
                self._kept.clear()
            else:
                for identity in changed:
                    self._kept.pop(identity, None)
