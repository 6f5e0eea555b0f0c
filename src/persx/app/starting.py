"""Starting: what an empty home needs before it can serve."""

from __future__ import annotations

from persx.app.audit import perform
from persx.app.publishing import PUBLISH, PUSH, PublishRequest, PushRequest
from persx.app.services import Services
from persx.demo import demo_folder
from persx.model.staff import Actor
from persx.workspace.documents import read_folder


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
