"""The served catalogue: kept items over those of the workspace, current with each request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from persx.app.workspace_items import workspace_items
from persx.decide.plan import Plan
from persx.model.item import Item, ItemId
from persx.recommend.catalogue import NO_CATALOGUE, Catalogue, laid
from persx.storage.items import Items

PIECE: Final = 500
"""Changes that are read at a time: few milliseconds, then somebody else has their turn."""

_MANY: Final = 2_000
"""More changes than these are made beside the loop."""


class LiveCatalogue:
    """Holds the catalogue that requests work with, and takes up what changed in it.

    A request asks for `current` once and keeps what it gets, so that it works with one moment.
    """

    def __init__(self) -> None:
        self.now: Catalogue = NO_CATALOGUE
        self._plan: Plan | None = None
        self._ours: Mapping[ItemId, Item] = {}
        self._refreshing = asyncio.Lock()

    @property
    def ours(self) -> Mapping[ItemId, Item]:
        """The items that follow from the workspace."""
        return self._ours

    async def current(self, items: Items, plan: Plan | None) -> Catalogue:
        """Return the catalogue as it is now: with every change that was acknowledged, by whomever.

        Costs a point read where nothing changed.
        """
        if plan is self._plan and await items.revision() == self.now.revision:
            return self.now
        async with self._refreshing:
            await self._take_up(items, plan)
            return self.now

    async def _take_up(self, items: Items, plan: Plan | None) -> None:
        if plan is self._plan and await items.revision() == self.now.revision:
            # Whoever had the lock before took it up.
            return
        before = self.now
        ours = self._ours if plan is self._plan else _ours(plan)
        changes: dict[ItemId, Item | None] = {}
        if ours is not self._ours:
            moved = {id for id in {*ours, *self._ours} if ours.get(id) != self._ours.get(id)}
            kept = await items.get(moved)
            changes = {id: laid(ours.get(id), kept.get(id)) for id in sorted(moved)}
        revision = before.revision
        while True:
            found = await items.changes(revision, PIECE)
            if found.revision == revision:
                break
            revision = found.revision
            changes |= {item.id: laid(ours.get(item.id), item) for item in found.items}
            changes |= {id: ours.get(id) for id in found.removed}
            await asyncio.sleep(0)
        snapshot = plan.snapshot.number if plan else 0
        if len(changes) > _MANY:
            self.now = await asyncio.to_thread(
                before.changed, changes, revision=revision, snapshot=snapshot
            )
        else:
            self.now = before.changed(changes, revision=revision, snapshot=snapshot)
        self._plan, self._ours = plan, ours


def _ours(plan: Plan | None) -> Mapping[ItemId, Item]:
    return workspace_items(plan) if plan else {}
