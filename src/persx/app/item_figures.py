"""Figures of items: what was done with each in the last 30 days, read for all of them at once.

One reading of those days serves every page until it is as old as its length allows; no page reads
the log for itself. The sums are over visitors, and say nothing of any one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.app.kept_sums import PATIENCE, YOUNG, generation
from persx.app.readings import Readings
from persx.model.clock import DAY, SECOND, Millis
from persx.recommend.catalogue import Catalogue, pages_of
from persx.recommend.sql import query
from persx.storage.ports import Rows
from persx.storage.scope import System

if TYPE_CHECKING:
    from persx.app.services import Services

DAYS: Final = 30

_SCOPE: Final = System("figures of items")
_PORTION: Final = 20_000
_WAIT: Final = 3.0
"""Seconds that a page waits for a first reading."""

_DAY_UNIT: Final = 1 << 32
"""See ``item_days.sql``."""

Days = NDArray[np.uint32]


class Recommended(msgspec.Struct, frozen=True):
    """How often an item was in a list that somebody saw, and how often it was clicked there."""

    block: str
    pipeline: str
    shown: int
    clicks: int


class ItemFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What was done with one item in `DAYS` days.

    Attributes:
        views: Of its page. A page view and a ``Product Viewed`` of it count once.
        added: How often it was put into a cart.
        orders: That hold it; `pieces` of it in these orders.
        revenue: What these pieces cost.
        shown: Lists that somebody saw with it; `clicks` on it there.
        days: Views by day, the last one last.
        where: By block and pipeline, the most shown first.
    """

    views: int = 0
    added: int = 0
    orders: int = 0
    pieces: float = 0.0
    revenue: float = 0.0
    shown: int = 0
    clicks: int = 0
    days: tuple[int, ...] = (0,) * DAYS
    where: tuple[Recommended, ...] = ()


NO_FIGURES: Final = ItemFigures()


class AllFigures:
    """The figures of every item of which something is known, as of one moment.

    Attributes:
        as_of: When they were read; `since` is the beginning of the first day.
        seconds: How long that took.
    """

    def __init__(self, as_of: Millis) -> None:
        self.as_of, self.since = as_of, as_of - DAYS * DAY
        self.seconds = 0.0
        self.generation: bytes | None = None
        self._totals: dict[str, ItemFigures] = {}
        self._days: dict[str, Days] = {}
        self._where: dict[str, list[Recommended]] = {}

    def of(self, id: str) -> ItemFigures:
        """Return an item's figures."""
        told = self._totals.get(id)
        if told is None:
            return NO_FIGURES
        days = self._days.get(id)
        return msgspec.structs.replace(
            told,
            days=NO_FIGURES.days if days is None else tuple(days.tolist()),
            where=tuple(sorted(self._where.get(id, ()), key=_most_shown)),
        )

    def views(self, id: str) -> int:
        """Return how often an item was viewed."""
        told = self._totals.get(id)
        return told.views if told else 0

    def orders(self, id: str) -> int:
        """Return how many orders hold an item."""
        told = self._totals.get(id)
        return told.orders if told else 0

    def take_days(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Take rows of ``item_days.sql``."""
        for item, views, added, orders, pieces, revenue, shown, clicks, days in rows:
            self._totals[str(item)] = ItemFigures(
                views=int(views),
                added=int(added),
                orders=int(orders),
                pieces=float(pieces),
                revenue=round(float(revenue), 2),
                shown=int(shown),
                clicks=int(clicks),
            )
            if days:
                seen = self._days[str(item)] = np.zeros(DAYS, dtype=np.uint32)
                for each in days:
                    day, viewed = divmod(int(each), _DAY_UNIT)
                    if 0 <= day < DAYS:
                        seen[DAYS - 1 - day] = viewed

    def take_lists(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Take rows of ``item_lists.sql``."""
        for item, block, pipeline, shown, clicks in rows:
            found = Recommended(str(block), str(pipeline), int(shown), int(clicks))
            self._where.setdefault(str(item), []).append(found)


def _most_shown(each: Recommended) -> tuple[int, str, str]:
    return -each.shown, each.block, each.pipeline


class KeptFigures:
    """Holds the last reading, and reads again when it is too old for its length."""

    def __init__(self) -> None:
        self._kept: AllFigures | None = None
        self._readings: Readings[AllFigures] = Readings()

    async def current(
        self, services: Services, *, patience: float | None = _WAIT
    ) -> AllFigures | None:
        """Return the figures: hardly older than their reading takes.

        Args:
            patience: Seconds to wait for a reading; then older figures are told, if there are any.

        Returns:
            None where nothing was read yet, and reading takes longer than that.
        """
        now = services.clock()
        marked = await generation(services.store)
        kept = self._kept
        if kept is not None and kept.generation != marked:
            # Somebody was erased since: the sums have to be others.
            kept = self._kept = None
        if kept is not None and 0 <= now - kept.as_of < _young_for(kept.seconds):
            return kept
        read = await self._readings.read(
            marked, lambda: self._read(services, marked), patience=patience
        )
        return read or kept

    async def stop(self) -> None:
        """Stop what is being read."""
        await self._readings.stop()

    async def _read(self, services: Services, marked: bytes | None) -> AllFigures:
        began = time.perf_counter()
        found = AllFigures(services.clock())
        catalogue = await services.current_catalogue()
        wanted = {"since": found.since, "until": found.as_of}
        reader = services.warehouse.seen_by(_SCOPE)
        pages = await asyncio.to_thread(_pages, catalogue)
        await reader.hand_rows(
            found.take_days, query("item_days"), wanted, tables={"pages": pages},
            portion=_PORTION,
        )  # fmt: skip
        await reader.hand_rows(found.take_lists, query("item_lists"), wanted, portion=_PORTION)
        found.seconds = time.perf_counter() - began
        found.generation = marked
        if marked is not None:
            self._kept = found
        return found


def _young_for(seconds: float) -> Millis:
    return max(YOUNG, round(PATIENCE * seconds * SECOND))


def _pages(catalogue: Catalogue) -> Rows:
    """Return the paths of items' pages, each with the item that it stands for."""
    owners: Mapping[str, str] = {
        path: owner.id
        for item in catalogue.items
        if item is not None
        for path in pages_of(item)
        if (owner := catalogue.at(path)) is not None
    }
    return Rows(columns=("path", "item"), rows=list(owners.items()) or [("", "")])
