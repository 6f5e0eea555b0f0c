"""Blocks in the studio: what each is worth where it was randomised, and who saw which variant."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from persx.app.block_reports import BlocksRequest, block_report
from persx.app.health_record import note_review
from persx.experiments import wording
from persx.experiments.block_lifts import Basis, BlockLift, BlockLifts
from persx.experiments.readout import Pli
from persx.model.errors import NotFound
from persx.web.admin.frame import site_name, studio_page
from persx.web.visitors import services_of


class LiftLine(msgspec.Struct, frozen=True, kw_only=True):
    """An arm's lift over the default; `withheld` says why there is none."""

    arm: str
    lift: str
    interval: str
    evidence: str
    verdict: str
    withheld: str = ""


class VariantLine(msgspec.Struct, frozen=True, kw_only=True):
    """Who saw a variant; `width` is how many did, in per cent of the block's most seen."""

    variant: str
    visitors: str
    rate: str
    detail: str
    width: float


class BlockView(msgspec.Struct, frozen=True, kw_only=True):
    """A block; `report` is the experiment that was randomised on it, empty for none."""

    name: str
    basis: str
    report: str
    lifts: tuple[LiftLine, ...] = ()
    variants: tuple[VariantLine, ...] = ()


class BlocksView(msgspec.Struct, frozen=True, kw_only=True):
    """The page; `note` says why there is nothing to show."""

    name: str
    note: str = ""
    goal: str = ""
    as_of: str = ""
    meaning: str = ""
    measured: tuple[BlockView, ...] = ()
    described: tuple[BlockView, ...] = ()
    unseen: tuple[str, ...] = ()


_BASIS = {
    Basis.HOLDOUT: "against its own holdout",
    Basis.EXPERIMENT: "by an experiment",
    Basis.DESCRIPTIVE: "",
}


async def show_block_lifts(request: Request) -> Response:
    """Show what each block is worth; whatever goes wrong becomes a note."""
    services = services_of(request)
    await note_review(services)
    try:
        found = await block_report(services, BlocksRequest(recent=True))
    except NotFound as error:
        return studio_page(
            request, "admin/blocks.html", BlocksView(name=site_name(request), note=error.message)
        )
    return studio_page(request, "admin/blocks.html", blocks_view(site_name(request), found))


def blocks_view(name: str, found: BlockLifts) -> BlocksView:
    """Arrange the report of all blocks: measured ones first, those nobody saw as a list."""
    views = [(each, _block(each)) for each in found.blocks]
    return BlocksView(
        name=name,
        goal=found.goal,
        as_of=found.as_of[:16].replace("T", " ") + " UTC",
        meaning=found.meaning,
        measured=tuple(view for each, view in views if each.basis is not Basis.DESCRIPTIVE),
        described=tuple(
            view for each, view in views if each.basis is Basis.DESCRIPTIVE and each.variants
        ),
        unseen=tuple(
            each.block for each, _ in views if each.basis is Basis.DESCRIPTIVE and not each.variants
        ),
    )


def _block(block: BlockLift) -> BlockView:
    most = max((each.visitors for each in block.variants), default=0)
    return BlockView(
        name=block.block,
        basis=_BASIS[block.basis],
        report=block.experiment,
        lifts=tuple(map(_lift, block.pli)),
        variants=tuple(
            VariantLine(
                variant=each.variant,
                visitors=f"{each.visitors:,}",
                rate=wording.rate("conversion", each.rate),
                detail=wording.per_visitors("conversion", each.reached, each.visitors),
                width=round(100 * each.visitors / most, 1) if most else 0.0,
            )
            for each in block.variants
        ),
    )


def _lift(pli: Pli) -> LiftLine:
    return LiftLine(
        arm=pli.arm,
        lift=wording.signed_percent(pli.lift),
        interval=wording.interval(pli.low, pli.high),
        evidence=f"{wording.amount(pli.total)} of {pli.n:,}, "
        f"against {wording.amount(pli.control_total)} of {pli.control_n:,}",
        verdict=wording.said(pli.low, pli.high).value,
        withheld=" ".join(pli.withheld),
    )
