"""The served publication: the active snapshot, compiled, swapped whole when another is active."""

from __future__ import annotations

import asyncio

import msgspec

from persx.content.rendering import Renderer
from persx.decide.compilation import compile_snapshot
from persx.decide.plan import Plan
from persx.storage.ports import Store


class Served(msgspec.Struct, frozen=True):
    """What a request works with: the plan, and the renderer of the same snapshot."""

    plan: Plan
    renderer: Renderer


class Publication:
    """Holds what requests are answered from.

    A request takes `served` once and keeps it, so that it never sees half of two snapshots.
    `ready` holds the keys of computed attributes whose backfill is done; none means all.
    """

    def __init__(self) -> None:
        self.served: Served | None = None
        self.ready: frozenset[str] | None = None
        self._refreshing = asyncio.Lock()

    @property
    def plan(self) -> Plan | None:
        """The served snapshot, compiled."""
        return self.served.plan if self.served else None

    @property
    def number(self) -> int:
        """The served snapshot's number, 0 where nothing is published."""
        return self.served.plan.snapshot.number if self.served else 0

    async def refresh(self, store: Store) -> bool:
        """Take up the active snapshot if it is another one; tell whether it was."""
        if await store.active_number() == self.number:
            return False
        # One at a time: of two compilations the older could end last, and be served again.
        async with self._refreshing:
            snapshot = await store.snapshot()
            if snapshot is None or snapshot.number == self.number:
                return False
            plan = await asyncio.to_thread(compile_snapshot, snapshot)
            self.served = Served(plan, Renderer(plan.types))
            return True
