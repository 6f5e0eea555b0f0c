"""What recommendations did, in the studio: lists seen, clicks, and orders of what was clicked."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from persx.app.recommendation_reports import (
    RecommendationsReport,
    RecommendationsRequest,
    RecommendedLine,
    recommendation_report,
)
from persx.content.money import money
from persx.experiments import wording
from persx.model.errors import Unavailable
from persx.web.admin.frame import site_name, studio_page
from persx.web.visitors import services_of


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    """A block with one pipeline; `width` is its click rate, in per cent of the best one's."""

    block: str
    pipeline: str
    views: str
    viewers: str
    clicks: str
    rate: str
    width: float
    orders: str
    revenue: str


class RecommendedView(msgspec.Struct, frozen=True, kw_only=True):
    """The page; `note` says why there is nothing to show."""

    name: str
    note: str = ""
    days: int = 0
    as_of: str = ""
    lines: tuple[LineView, ...] = ()


_NOTHING: Final = (
    "Nothing was recommended yet. Add a block of the type recommendations to a page; each list "
    "that is seen, and each click on one, is counted here."
)


async def show_recommended(request: Request) -> Response:
    """Show what recommendations did."""
    name = site_name(request)
    try:
        found = await recommendation_report(services_of(request), RecommendationsRequest())
    except Unavailable as error:
        view = RecommendedView(name=name, note=error.message)
    else:
        view = recommended_view(name, found)
    return studio_page(request, "admin/recommended.html", view)


def recommended_view(name: str, found: RecommendationsReport) -> RecommendedView:
    """Arrange the report."""
    if not found.lines:
        return RecommendedView(name=name, note=_NOTHING)
    best = max(each.rate or 0.0 for each in found.lines)
    return RecommendedView(
        name=name,
        days=found.days,
        as_of=found.as_of[:16].replace("T", " ") + " UTC",
        lines=tuple(_line(each, best, found.currency) for each in found.lines),
    )


def _line(line: RecommendedLine, best: float, currency: str) -> LineView:
    rate = line.rate
    return LineView(
        # Of an e-mail by a pipeline's name, or an app that shows lists itself.
        block=line.block or "(no block)",
        pipeline=line.pipeline,
        views=f"{line.views:,}",
        viewers=f"{line.viewers:,}",
        clicks=f"{line.clicks:,}",
        rate="–" if rate is None else wording.rate("conversion", rate),
        width=round(100 * rate / best, 1) if rate and best else 0.0,
        orders=f"{line.orders:,}",
        revenue=money(line.revenue, currency or "EUR") if line.orders else "–",
    )
