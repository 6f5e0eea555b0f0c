"""The studio's first page: what is served, what it is worth, and where something is missing."""

from __future__ import annotations

import logging

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from persx.app.reports import experiment_names
from persx.app.services import Services
from persx.app.submissions import count_submissions
from persx.model.clock import DAY
from persx.storage.ports import SnapshotHead
from persx.storage.scope import System
from persx.web.admin.consent_share import Share, share_of
from persx.web.admin.coverage import Count, CoveragePage, count, coverage_pages
from persx.web.admin.frame import studio_page
from persx.web.admin.lift import LiftView, lift_view
from persx.web.admin.rejected import SHOWN
from persx.web.site.views import Option
from persx.web.visitors import services_of

_log = logging.getLogger("persx")

RECENT_DAYS = 7
SNAPSHOTS = 10


class OverviewView(msgspec.Struct, frozen=True, kw_only=True):
    """The studio's first page.

    Attributes:
        submissions: Forms of the last days; none where they could not be counted.
        rejected: Events set aside, at most `rejected_most`.
        unremembered: Pages that were shown without remembering anybody.
    """

    name: str
    snapshot: int
    snapshots: tuple[SnapshotHead, ...] = ()
    industries: tuple[Option, ...] = ()
    coverage: tuple[CoveragePage, ...] = ()
    covered: Count = Count(0, 0)
    lift: LiftView = LiftView()
    experiments: tuple[str, ...] = ()
    submissions: int | None
    recent_days: int = RECENT_DAYS
    rejected: int
    rejected_most: int = SHOWN
    unremembered: Share = Share()
    write_key: str


async def overview(request: Request) -> Response:
    """Show what is served, how far it covers the industries, and where to go."""
    services = services_of(request)
    plan = services.publication.plan
    submissions = await _submissions(services)
    rejected = len(
        await services.stream.seen_by(System("counting rejected events")).rejected(SHOWN)
    )
    if plan is None:
        return studio_page(
            request,
            "admin/overview.html",
            OverviewView(
                name="persx",
                snapshot=0,
                submissions=submissions,
                rejected=rejected,
                write_key=services.keys.write_key,
            ),
        )
    workspace = plan.workspace
    pages = coverage_pages(workspace)
    return studio_page(
        request,
        "admin/overview.html",
        OverviewView(
            name=workspace.settings.name,
            snapshot=services.publication.number,
            snapshots=tuple((await services.store.snapshots())[:SNAPSHOTS]),
            industries=tuple(
                Option(value=name, label=each.label or name)
                for name, each in workspace.industries.items()
            ),
            coverage=pages,
            covered=count(pages),
            lift=await lift_view(request, tuple(workspace.industries)),
            experiments=tuple(await experiment_names(services)),
            submissions=submissions,
            rejected=rejected,
            unremembered=share_of(services.metrics.pages()),
            write_key=services.keys.write_key,
        ),
    )


async def _submissions(services: Services) -> int | None:
    try:
        return await count_submissions(services, since=services.clock() - RECENT_DAYS * DAY)
    except Exception:
        # One figure that is missing is no reason to show none of the others.
        _log.exception("Submissions could not be counted")
        return None
