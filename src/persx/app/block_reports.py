"""Reporting blocks: the lift of those that were randomised, and who saw what of all of them."""

from __future__ import annotations

from typing import Final

import msgspec

from persx.app.recent_reports import recent_report
from persx.app.reports import ReportRequest, report
from persx.app.services import Services
from persx.app.use_cases import UseCase
from persx.experiments.block_lifts import BlockLifts, block_lifts, randomised_on
from persx.experiments.log_tables import goal_tables
from persx.experiments.sql import query
from persx.experiments.statistics.interval import CONFIDENCE
from persx.model.clock import iso
from persx.model.errors import NotFound
from persx.storage.scope import System
from persx.workspace.winners import concerned_blocks

_SCOPE: Final = System("a report")


class BlocksRequest(msgspec.Struct, frozen=True, kw_only=True):
    """All blocks of the served snapshot; `confidence` and `fixed` are those of a report.

    Attributes:
        recent: Lifts may be from what is kept, as pages show them.
    """

    confidence: float = CONFIDENCE
    fixed: bool = False
    recent: bool = False


async def block_report(services: Services, request: BlocksRequest) -> BlockLifts:
    """Report what each block is worth, by the first goal of the holdout.

    Raises:
        NotFound: Nothing is published yet.
        BadInput: The confidence is not between 0 and 1.
    """
    snapshot = await services.store.snapshot()
    if snapshot is None:
        raise NotFound("There are no blocks yet.", hint="Publish a workspace.")
    workspace = snapshot.workspace
    randomised = randomised_on(
        workspace,
        {key: concerned_blocks(each, workspace) for key, each in workspace.experiments.items()},
    )
    plis = {}
    for key in sorted(set(randomised.values())):
        asked = ReportRequest(name=key, confidence=request.confidence, fixed=request.fixed)
        recent = await recent_report(services, asked) if request.recent else None
        plis[key] = (recent or await report(services, asked)).pli
    # The oldest of what is shown together.
    as_of = min([iso(services.clock()), *(pli.as_of for each in plis.values() for pli in each)])
    name = next(iter(workspace.settings.holdout.goals or workspace.goals), "")
    if not name:
        return block_lifts(workspace, randomised, plis, [], goal="", as_of=as_of)
    goal = workspace.goals[name]
    found = await services.warehouse.seen_by(_SCOPE).query(
        query("block_variants"),
        tables=goal_tables([goal], await services.store.seen_by(_SCOPE).bucketing_ids()),
    )
    return block_lifts(
        workspace,
        randomised,
        plis,
        [
            (str(block), str(variant), int(visitors), int(reached))
            for block, variant, visitors, reached in found.rows
        ],
        goal=goal.label or name,
        as_of=as_of,
    )


BLOCK_REPORT: Final = UseCase("block-report", BlocksRequest, BlockLifts, block_report, writes=False)
