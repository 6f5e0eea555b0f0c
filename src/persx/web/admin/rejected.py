"""Events set aside: what senders sent that could not be taken, and why."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from persx.model.event import RejectedEvent
from persx.web.admin.frame import studio_page
from persx.web.visitors import services_of

SHOWN: Final = 100
"""The newest ones that are shown and counted."""


class RejectedView(msgspec.Struct, frozen=True):
    """The newest events set aside; `most` is how many are shown at all."""

    name: str
    rows: tuple[RejectedEvent, ...]
    most: int = SHOWN


async def list_rejected(request: Request) -> Response:
    """List events that were not accepted, newest first, with the reason and what was sent."""
    services = services_of(request)
    plan = services.publication.plan
    rows = tuple(await services.stream.rejected(SHOWN))
    name = plan.workspace.settings.name if plan else "persx"
    return studio_page(request, "admin/rejected.html", RejectedView(name, rows))
