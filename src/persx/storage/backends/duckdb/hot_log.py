"""What the warehouse asks of the log that it completes: rows that are hot, and a manifest."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from persx.model.clock import Millis
from persx.model.event import Event, IdentityKey
from persx.storage.ports import Segment
from persx.storage.removal import Removal, Removed


class Block(Protocol):
    """Some hot rows as lines of JSON, in order; `text` has no newline at its end."""

    @property
    def rows(self) -> int: ...
    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...
    @property
    def text(self) -> bytes: ...


class Reading(Protocol):
    """One moment of the log: what is in a segment is not hot, and the other way round."""

    def segments(self, table: str | None = None) -> Sequence[Segment]:
        """Return the manifest, of one table or of all, in order."""
        ...

    def blocks(self, table: str, *, to: int, limit: int) -> Iterator[Block]:
        """Yield at most `limit` hot rows up to the sequence `to`."""
        ...

    def events(self, after: int, limit: int) -> list[Event]:
        """Return some of the next hot events after a sequence, none only at the end."""
        ...

    def visitor(self, identity: IdentityKey) -> Collection[IdentityKey]:
        """Return the identities that are read for one: of a shared device its person's too."""
        ...

    def last_to_seal(self, table: str, keep: int) -> int:
        """Return the sequence up to which rows may be sealed if the newest `keep` stay hot."""
        ...


class HotLog(Protocol):
    """A log whose older rows the warehouse seals."""

    @property
    def owns_home(self) -> bool:
        """Whether nobody else writes to the home."""
        ...

    def reading(self) -> AbstractContextManager[Reading]:
        """Hold one moment of the log, on the calling thread."""
        ...

    async def add_segment(self, segment: Segment) -> None:
        """Put a segment into the manifest; from then on its rows are not hot, atomically.

        Raises `Conflict` where the hot rows are no longer those of the segment.
        """
        ...

    async def discard_sealed(self, table: str) -> None:
        """Delete the rows that segments hold."""
        ...

    async def remove(
        self,
        removal: Removal,
        swaps: Sequence[tuple[Segment, Segment]],
        touched: Collection[IdentityKey],
    ) -> Removed:
        """Remove what is not in segments, and swap rewritten segments, in one transaction.

        Args:
            swaps: Segments and those that take their place.
            touched: Identities of which a sealed event goes.

        Raises `Conflict` where something has changed; then nothing is removed.
        """
        ...

    async def scrub(self) -> None:
        """Make sure that nothing removed can be read from any file any more."""
        ...

    def copy(self, path: Path) -> Sequence[Segment]:
        """Copy the database as of one moment into a new file; return the copy's manifest."""
        ...

    async def lease(self, name: str, holder: str, until: Millis, now: Millis) -> bool:
        """Take or prolong a lease; tell whether it is held."""
        ...
