"""Starting: what an empty home needs before it can serve."""

from __future__ import annotations

from persx.app.publishing import PublishRequest, PushRequest, publish, push
from persx.app.services import Services
from persx.demo import demo_folder
from persx.workspace.documents import read_folder


async def load_demo(services: Services, name: str) -> bool:
    """Publish a demo workspace unless something is published already; tell whether it did."""
    if services.publication.number or await services.store.drafts():
        return False
    files = read_folder(demo_folder(name))
    await push(services, PushRequest(files=files, base={}, author="persx"))
    await publish(services, PublishRequest(author="persx", message=f"The demo workspace {name}"))
    await services.publication.refresh(services.store)
    return True
