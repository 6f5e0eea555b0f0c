"""Reporting recommendations: lists seen, clicks on them, and orders of what was clicked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from persx.app.plans import current_plan
from persx.app.services import Services
from persx.app.use_cases import UseCase
from persx.experiments.log_tables import goal_tables
from persx.experiments.sql import query
from persx.model.clock import DAY, iso
from persx.model.errors import BadInput
from persx.storage.scope import System

_SCOPE: Final = System("a report")

WINDOW_DAYS: Final = 7
"""So long after a click an order of the item counts."""

_LONGEST: Final = 366


class RecommendationsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """All that was recommended; orders count for `days` after a click on the item."""

    days: int = WINDOW_DAYS


class RecommendedLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one block did with one pipeline.

    Attributes:
        views: Lists that were seen, and `viewers` by how many visitors.
        clicks: On their items, and `clickers` by how many visitors.
        orders: That hold an item after a click on it; `items` counts those items.
        revenue: What those items cost in these orders.
    """

    block: str
    pipeline: str
    views: int
    viewers: int
    clicks: int
    clickers: int
    orders: int
    items: int
    revenue: float

    @property
    def rate(self) -> float | None:
        """Clicks by lists that were seen; none where none was."""
        return self.clicks / self.views if self.views else None


class RecommendationsReport(msgspec.Struct, frozen=True, kw_only=True):
    """What recommendations did, the most seen first. It describes: an experiment compares."""

    lines: tuple[RecommendedLine, ...]
    days: int
    currency: str
    as_of: str


async def recommendation_report(
    services: Services, request: RecommendationsRequest
) -> RecommendationsReport:
    """Report what was recommended, by block and pipeline.

    Raises:
        BadInput: The days are not between 1 and 366.
        Unavailable: Nothing is published yet.
    """
    if not 1 <= request.days <= _LONGEST:
        raise BadInput(
            f"Orders cannot count for {request.days} days.",
            value=request.days,
            hint=f"Say 1 to {_LONGEST}.",
        )
    plan = current_plan(services)
    tables = goal_tables([], await services.store.seen_by(_SCOPE).bucketing_ids())
    found = await services.warehouse.seen_by(_SCOPE).query(
        query("recommendation_clicks"),
        {"window": request.days * DAY},
        tables={"bucketing": tables["bucketing"]},
    )
    return RecommendationsReport(
        lines=tuple(_line(row) for row in found.rows),
        days=request.days,
        currency=plan.workspace.settings.currency,
        as_of=iso(services.clock()),
    )


def _line(row: Sequence[Any]) -> RecommendedLine:
    block, pipeline, *counts, revenue = row
    views, viewers, clicks, clickers, orders, items = map(int, counts)
    return RecommendedLine(
        block=str(block),
        pipeline=str(pipeline),
        views=views,
        viewers=viewers,
        clicks=clicks,
        clickers=clickers,
        orders=orders,
        items=items,
        revenue=round(float(revenue), 2),
    )


RECOMMENDATION_REPORT: Final = UseCase(
    "recommendation-report",
    RecommendationsRequest,
    RecommendationsReport,
    recommendation_report,
    writes=False,
)
