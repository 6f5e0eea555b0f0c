"""Events set aside: what senders sent that could not be taken, and why."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from persx.model.event import RejectedEvent
from persx.storage.scope import Staff
from persx.web.admin.frame import studio_page
from persx.web.admin.session import staff_of
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
    services, staff = services_of(request), staff_of(request)
    assert staff is not None
    plan = services.publication.plan
    rows = tuple(
        await services.stream.seen_by(
            Staff(staff.account.name, "reading rejected events")
        ).rejected(SHOWN)
    )
    name = plan.workspace.settings.name if plan else "persx"
    return studio_page(request, "admin/rejected.html", RejectedView(name, rows))
