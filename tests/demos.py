"""The demos at work without being read and checked anew for each test."""

from __future__ import annotations

from functools import cache

from persx.app.audit import perform
from persx.app.publishing import PUSH, PushRequest
from persx.app.services import Services
from persx.demo import demo_folder
from persx.model.staff import Actor
from persx.model.workspace import Snapshot, Workspace
from persx.workspace.documents import read_folder
from persx.workspace.snapshot import canonical, digest
from persx.workspace.validation import check


async def publish_demo(services: Services, name: str = "persx_ai") -> None:
    """Do what `load_demo` does to a home where nothing is published; others stay as they are."""
    if services.publication.number or await services.store.drafts():
        return
    files, workspace, number = _demo(name)
    ours = Actor("persx")
    await perform(services, PUSH, PushRequest(files=files, base={}, author=ours.who), ours)
    await services.store.publish(
        Snapshot(
            number=0,
            digest=number,
            published=services.clock(),
            author=ours.who,
            message=f"The demo workspace {name}",
            workspace=workspace,
        )
    )
    await services.publication.refresh(services.store)


@cache
def _demo(name: str) -> tuple[dict[str, str], Workspace, str]:
    files = read_folder(demo_folder(name))
    workspace, faults = check(files)
    assert workspace is not None, faults
    return files, workspace, digest(canonical(workspace))
