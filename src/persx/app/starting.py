"""Starting: what an empty home needs before it can serve."""

from __future__ import annotations

import asyncio
import logging

from persx.app.audit import perform
from persx.app.publishing import PUBLISH, PUSH, PublishRequest, PushRequest
from persx.app.services import Services
from persx.app.simulation import SIMULATE
from persx.demo import demo_folder
from persx.model.errors import PersxError
from persx.model.simulation import Simulation
from persx.model.staff import Actor
from persx.storage.scope import System
from persx.workspace.documents import read_folder

_SCOPE = System("looking whether anybody was here")
_log = logging.getLogger("persx")


async def fill_empty(services: Services, visitors: int) -> asyncio.Task[None] | None:
    """Begin to simulate visitors into a home without events; none where it has some.

    They come while the home is served already, and give way to whoever asks for something.
    """
    if await services.stream.seen_by(_SCOPE).read(limit=1) or await services.warehouse.segments():
        return None

    async def fill() -> None:
        # The first page comes first.
        await asyncio.sleep(1.0)
        try:
            # The home was empty a moment ago; who came in since is no reason to stop.
            asked = Simulation(visitors=visitors, into_real_data=True)
            await perform(services, SIMULATE, asked, Actor("persx"))
        except PersxError as error:
            _log.error("Visitors could not be simulated: %s", error)

    return asyncio.create_task(fill())


async def load_demo(services: Services, name: str) -> bool:
    """Publish a demo workspace unless something is published already; tell whether it did."""
    if services.publication.number or await services.store.drafts():
        return False
    files = read_folder(demo_folder(name))
    ours, message = Actor("persx"), f"The demo workspace {name}"
    await perform(services, PUSH, PushRequest(files=files, base={}, author=ours.who), ours)
    await perform(services, PUBLISH, PublishRequest(author=ours.who, message=message), ours)
    await services.publication.refresh(services.store)
    return True
