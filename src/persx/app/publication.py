"""The served publication: the active snapshot, compiled, swapped whole when another is active."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from persx.content.rendering import Renderer
from persx.decide.compilation import compile_snapshot
from persx.decide.plan import Plan
from persx.model.errors import PersxError
from persx.storage.ports import Store

_log = logging.getLogger("persx")


class Served(msgspec.Struct, frozen=True):
    """What a request works with: the plan, and the renderer of the same snapshot."""

    plan: Plan
    renderer: Renderer


class Publication:
    """Holds what requests are answered from.

    A request takes `served` once and keeps it, so that it never sees half of two snapshots.
    `ready` holds the keys of computed attributes whose backfill is done; none means all.

    Args:
        failed: Told of each snapshot that cannot be served, or only in part, to count it.
    """

    def __init__(self, failed: Callable[[], object] = lambda: None) -> None:
        self.served: Served | None = None
        self.ready: frozenset[str] | None = None
        self._failed = failed
        self._refused = 0
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
        """Take up the active snapshot if it is another one; tell whether it was.

        One that this version cannot serve, because it was stored by another or is damaged, leaves
        what is served; where nothing is yet, the newest earlier one that can be. What of a
        snapshot cannot be shown is told, and the rest is served.
        """
        if await store.active_number() in (self.number, self._refused):
            return False
        # One at a time: of two compilations the older could end last, and be served again.
        async with self._refreshing:
            active = await store.active_number()
            if not active or active in (self.number, self._refused):
                return False
            plan = await self._compiled(store, active)
            if plan is None:
                self._refused = active
                plan = None if self.served else await self._earlier(store, active)
            if plan is None:
                return False
            for fault in plan.faults:
                _log.error("Snapshot %d: %s", plan.snapshot.number, fault)
                self._failed()
            self.served = Served(plan, Renderer(plan.types))
            return True

    async def _compiled(self, store: Store, number: int) -> Plan | None:
        try:
            snapshot = await store.snapshot(number)
            return await asyncio.to_thread(compile_snapshot, snapshot) if snapshot else None
        except (PersxError, LookupError, ValueError) as error:
            self._failed()
            _log.error(
                "Snapshot %d cannot be served: %s. %s is served instead. Publish again, or roll "
                "back to a snapshot that this version can read.",
                number,
                str(error).rstrip("."),
                f"Snapshot {self.number}" if self.number else "The newest earlier one that can be",
            )
            return None

    async def _earlier(self, store: Store, active: int) -> Plan | None:
        for head in await store.snapshots():
            if head.number < active:
                plan = await self._compiled(store, head.number)
                if plan is not None:
                    _log.error("Snapshot %d is served in place of %d.", head.number, active)
                    return plan
        return None
