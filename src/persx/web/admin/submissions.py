"""Submitted forms, for their owner to read and to take along."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from persx.app import audit
from persx.app.submissions import Submission, as_csv, submissions
from persx.app.use_cases import Noted
from persx.storage.scope import Staff
from persx.web.admin.frame import studio_page
from persx.web.admin.session import actor_of, staff_of
from persx.web.visitors import services_of

PAGE_ROWS: Final = 25
EXPORT_ROWS: Final = 100_000
_FARTHEST: Final = 10_000_000


class SubmissionsView(msgspec.Struct, frozen=True):
    """Submitted forms; `older` and `newer` are offsets, −1 where there is no such page."""

    name: str
    rows: tuple[Submission, ...]
    older: int
    newer: int


async def list_submissions(request: Request) -> Response:
    """List submitted forms, newest first."""
    services, staff = services_of(request), staff_of(request)
    assert staff is not None
    reader = Staff(staff.account.name, "reading submissions")
    text = request.query_params.get("offset", "")
    offset = min(int(text), _FARTHEST) if text.isdecimal() and len(text) < 20 else 0
    rows = await submissions(services, reader, limit=PAGE_ROWS + 1, offset=offset)
    plan = services.publication.plan
    return studio_page(
        request,
        "admin/submissions.html",
        SubmissionsView(
            name=plan.workspace.settings.name if plan else "persx",
            rows=tuple(rows[:PAGE_ROWS]),
            older=offset + PAGE_ROWS if len(rows) > PAGE_ROWS else -1,
            newer=max(0, offset - PAGE_ROWS) if offset else -1,
        ),
    )


async def export_submissions(request: Request) -> Response:
    """Answer all submitted forms as CSV."""
    services, staff = services_of(request), staff_of(request)
    assert staff is not None
    rows = await submissions(
        services, Staff(staff.account.name, "exporting submissions"), limit=EXPORT_ROWS
    )
    noted = Noted("visitor.export", "", f"{len(rows)} submissions")
    await audit.note(services, actor_of(request, staff), noted)
    return Response(
        as_csv(rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="submissions.csv"'},
    )
