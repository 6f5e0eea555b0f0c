"""Background work of a serving process: take up publications, write behind, backfill, seal."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from persx.app import audit, recommender_schedule
from persx.app.alerting import deliver
from persx.app.backfill import Job, fill, fold_of, switch
from persx.app.learning import learn_when_due
from persx.app.looking import look
from persx.app.predicting import train_when_due
from persx.app.probes import FIRST_SECONDS, last_probe, probe_now
from persx.app.refreshing import Refreshing
from persx.app.retention import noted, retain
from persx.app.review_schedule import Reviewing
from persx.app.services import Services
from persx.decide.plan import Plan
from persx.model.clock import MINUTE
from persx.model.errors import Conflict, PersxError
from persx.model.staff import Actor
from persx.storage.scope import System
from persx.visitors.fold import Fold

_SCOPE: Final = System("background work")

PUBLICATION_SECONDS: Final = 0.2
USES_SECONDS: Final = 60.0
TRAINING_SECONDS: Final = 60.0
"""Time between looks whether a model is to be trained anew."""

PIPELINE_SECONDS: Final = 20.0
"""Time between looks whether a pipeline is to be trained anew."""

REVIEW_SECONDS: Final = 30.0
"""Time between looks whether a week or a month is over."""

LEARNING_SECONDS: Final = 15.0
"""Time between looks whether a block is to learn anew."""

REFRESH_SECONDS: Final = 2.0
"""Time between looks whether somebody wants to know of an experiment that is to be read."""

NETWORK_SECONDS: Final = 2.0
"""Time between looks whether the network database was replaced."""

SHORTEST_SECONDS: Final = 0.05
"""Whatever a setting says, requests get their turn between two rounds."""

SEGMENT_ROWS: Final = 100_000
"""Rows of a segment at most: an erasure writes each segment anew that holds the visitor."""

_log = logging.getLogger("persx")


@contextlib.asynccontextmanager
async def background(services: Services) -> AsyncIterator[None]:
    """Run the background work for as long as the context is open."""
    await asyncio.to_thread(services.network.look)
    filling = Filling(services)
    sealing = Sealing(services)
    await filling.take_up()

    async def watch() -> None:
        await services.refresh()
        await services.keyring.refresh(services.store)
        await filling.take_up()

    async def noting_uses() -> None:
        await services.keyring.write_uses(services.store)

    async def network() -> None:
        await asyncio.to_thread(services.network.look)

    async def retaining() -> None:
        for each in noted(await retain(services)):
            await audit.note(services, Actor("persx"), each)

    async def training() -> None:
        await train_when_due(services)

    async def training_pipelines() -> None:
        await recommender_schedule.train_when_due(services)

    async def learning() -> None:
        await learn_when_due(services)

    services.health.serving = True

    async def minding_health() -> None:
        try:
            await look(services)
        finally:
            await deliver(services)

    reviews = Reviewing(services)
    refreshing = Refreshing(services)

    async def reading() -> None:
        await refreshing.look()

    tasks = [
        asyncio.create_task(work)
        for work in (
            _every(PUBLICATION_SECONDS, "publication", watch),
            _every(services.settings.seal_seconds, "seal", sealing.look),
            _every(USES_SECONDS, "uses of keys", noting_uses),
            _every(services.settings.retention_seconds, "retention", retaining),
            _every(TRAINING_SECONDS, "training", training),
            _every(PIPELINE_SECONDS, "training of pipelines", training_pipelines),
            *([_probing(services)] if services.settings.probe_seconds else []),
            _every(LEARNING_SECONDS, "learning", learning),
            _every(services.settings.health_seconds, "health", minding_health),
            _every(REVIEW_SECONDS, "reviews", reviews.look),
            _every(REFRESH_SECONDS, "readouts", reading),
            *([_every(NETWORK_SECONDS, "network", network)] if services.network.path else []),
            services.decision_log.run(services.store),
        )
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(
            *tasks,
            filling.stop(),
            services.readings.stop(),
            services.trainings.stop(),
            services.item_figures.stop(),
            return_exceptions=True,
        )
        with contextlib.suppress(Exception):
            # What was counted since the last look would be lost.
            services.health.serving = False
            await look(services, log=False)
        with contextlib.suppress(PersxError):
            await services.decision_log.flush(services.store)
            await services.keyring.write_uses(services.store)


async def _probing(services: Services) -> None:
    """Walk the site on a schedule; what is broken is told in the log, once for each change."""
    seconds = max(services.settings.probe_seconds, SHORTEST_SECONDS)
    await asyncio.sleep(min(seconds, FIRST_SECONDS))
    services.metrics.probed = await last_probe(services)
    told: Sequence[str] = ()
    while True:
        # Tests and scripts run the application without an address.
        if services.publication.number and (services.url or services.settings.probe_url):
            try:
                broken = (await probe_now(services)).broken
                if broken and broken != told:
                    _log.error("Probes found %d broken: %s", len(broken), "; ".join(broken[:5]))
                told = broken
            except Exception:
                _log.exception("Background work 'probes' failed; it is tried again.")
        await asyncio.sleep(seconds)


async def _every(seconds: float, name: str, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(max(seconds, SHORTEST_SECONDS))
        try:
            await work()
        except Exception:
            # Background work goes on: the next round may succeed, and the operator is told.
            _log.exception("Background work '%s' failed; it is tried again.", name)


class Filling:
    """Folds events as the served snapshot says, and fills in what it defines anew."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._task: asyncio.Task[None] | None = None
        self._plan: Plan | None = None
        self._taken_up = False

    async def take_up(self) -> None:
        """Switch to the served snapshot's fold; its gaps are filled in the background.

        Does nothing where that is done already. Whoever publishes through this process has the
        new snapshot served at once, so that it is not the watcher who sees it first.
        """
        plan = self._services.publication.plan
        if self._taken_up and plan is self._plan:
            return
        await self.stop()
        fold = fold_of(plan)
        jobs = await switch(self._services, fold)
        self._plan, self._taken_up = plan, True
        self._task = asyncio.create_task(self._fill(fold, jobs))

    async def _fill(self, fold: Fold, jobs: Sequence[Job]) -> None:
        for job in jobs:
            try:
                await fill(self._services, fold, job)
            except Exception:
                _log.exception("Backfill %s failed; it goes on at the next start.", job.name)

    async def stop(self) -> None:
        """Stop filling; what is done stays done, and the next start goes on from there."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


class Sealing:
    """Keeps the hot log below its limit, in segments that are worth a file each.

    Events and decisions stay hot until there are more than `seal_rows` of them; then all but
    the newest half of that many are sealed. So a busy site and a quiet one have segments of at
    least half of `seal_rows` events, however often the log is looked at.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._decisions_sealed = 0

    async def look(self) -> None:
        """Seal if more is hot than may be."""
        services = self._services
        written = services.decision_log.written
        limit = services.settings.seal_rows
        if not (written - self._decisions_sealed > limit or await self._many_events(limit)):
            return
        holder = f"seal:{os.getpid()}"
        now = services.clock()
        if await services.store.lease("seal", holder, now + 10 * MINUTE, now):
            try:
                await services.warehouse.seal(keep=limit // 2, segment_rows=SEGMENT_ROWS)
            except Conflict:
                # Somebody is erased just now; the next look seals.
                return
            self._decisions_sealed = max(self._decisions_sealed, written - limit // 2)

    async def _many_events(self, limit: int) -> bool:
        """Tell whether more events are hot; reads one of them, for sequences have no gaps."""
        segments = await self._services.warehouse.segments()
        sealed = max((each.last_sequence for each in segments if each.table == "events"), default=0)
        return bool(await self._services.stream.seen_by(_SCOPE).read(after=sealed + limit, limit=1))
