"""Learning in the studio: by what each block draws, context by context, and what that is worth."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from persx.app.learning import show_learning
from persx.app.learnings import LearningBlock, LearnRequest, Publication
from persx.app.reports import ReportRequest, report
from persx.app.services import Services
from persx.experiments import wording
from persx.experiments.probabilities import Cell, Probabilities, chances
from persx.experiments.readout import Readout
from persx.model.clock import iso
from persx.model.learning import LEARNED
from persx.web.admin.frame import site_name, studio_page
from persx.web.visitors import services_of

MOST_CONTEXTS: Final = 12
"""Contexts that are shown of a block; the command shows all."""

PATIENCE: Final = 4.0
"""Seconds that the page waits for reports."""

_log = logging.getLogger("persx")


class ChanceView(msgspec.Struct, frozen=True, kw_only=True):
    """A variant's probability in a context; `width` of 100, `best` where no other is greater."""

    variant: str
    text: str
    width: int
    best: bool


class ContextView(msgspec.Struct, frozen=True, kw_only=True):
    """A context with its probabilities, in the variants' order."""

    label: str
    visitors: str
    chances: tuple[ChanceView, ...]


class WorthView(msgspec.Struct, frozen=True, kw_only=True):
    """What the held-out visitors say.

    Attributes:
        note: Why nothing can be said now; empty where there is a figure.
        verdict: ``better``, ``worse`` or ``unclear``.
    """

    lift: str = ""
    interval: str = ""
    verdict: str = "unclear"
    note: str = ""
    arms: tuple[tuple[str, str], ...] = ()


class LearningBlockView(msgspec.Struct, frozen=True, kw_only=True):
    """A block that learns, as the studio shows it."""

    block: LearningBlock
    state: str
    since: str = ""
    learned: str = ""
    left_out: tuple[str, ...] = ()
    by: str = ""
    variants: tuple[str, ...] = ()
    contexts: tuple[ContextView, ...] = ()
    more: int = 0
    worth: WorthView = WorthView()


class LearningView(msgspec.Struct, frozen=True, kw_only=True):
    """All blocks that learn."""

    name: str
    blocks: tuple[LearningBlockView, ...] = ()


async def show_blocks(request: Request) -> Response:
    """Show the blocks that learn."""
    services = services_of(request)
    if services.publication.plan is None:
        return studio_page(request, "admin/learning.html", LearningView(name="persx"))
    found = (await show_learning(services, LearnRequest())).blocks
    worth = await _worth(services, [each.experiment for each in found])
    view = LearningView(
        name=site_name(request),
        blocks=tuple(_block(each, worth[each.experiment]) for each in found),
    )
    return studio_page(request, "admin/learning.html", view)


async def _worth(services: Services, experiments: list[str]) -> dict[str, WorthView]:
    tasks = {
        name: asyncio.create_task(report(services, ReportRequest(name=name)))
        for name in experiments
    }
    if tasks:
        await asyncio.wait(tasks.values(), timeout=PATIENCE)
    found = {}
    for name, task in tasks.items():
        if not task.done():
            task.cancel()
            found[name] = WorthView(note="The report takes longer than this page waits.")
        elif task.exception() is not None:
            _log.error("The report of '%s' failed.", name, exc_info=task.exception())
            found[name] = WorthView(note="The report could not be computed; the log says why.")
        else:
            found[name] = of_readout(task.result())
    return found


def of_readout(readout: Readout) -> WorthView:
    """Arrange the report that compares learned with held out."""
    primary = readout.metrics[0]
    arms = tuple(
        (
            "drawn by what was learned" if name == LEARNED else "held out: the rules alone",
            f"{wording.rate(primary.kind, arm.metrics[primary.name].rate)} of {arm.n:,} visitors",
        )
        for name, arm in readout.arms.items()
    )
    (pli, *_) = readout.pli
    if pli.withheld or pli.lift is None or pli.low is None:
        return WorthView(note=" ".join(pli.withheld) or "Nothing can be compared yet.", arms=arms)
    verdict = "unclear"
    if pli.low > 0:
        verdict = "better"
    elif pli.high is not None and pli.high < 0:
        verdict = "worse"
    return WorthView(
        lift=wording.signed_percent(pli.lift),
        interval=wording.interval(pli.low, pli.high),
        verdict=verdict,
        arms=arms,
    )


def _block(block: LearningBlock, worth: WorthView) -> LearningBlockView:
    used = next((each for each in block.published if each.probabilities is not None), None)
    if used is None or used.probabilities is None:
        waits = "Stopped" if block.stopped else "Nothing was learned yet"
        return LearningBlockView(
            block=block, state=f"{waits}: the first variant that fits is shown.", worth=worth
        )
    published = used.probabilities
    cells = sorted(published.cells, key=lambda each: -each.visitors)
    return LearningBlockView(
        block=block,
        state=f"Publication {used.number} is used.",
        since=iso(used.made)[:16].replace("T", " ") + " UTC",
        learned=_learned(used),
        left_out=tuple(f"{count:,} {why}" for why, count in used.learned_from.left_out.items()),
        by=" and ".join(published.by),
        variants=tuple(published.lanes),
        contexts=(
            *(_context(published, each) for each in cells[:MOST_CONTEXTS]),
            _context(published, published.overall),
        ),
        more=max(len(cells) - MOST_CONTEXTS, 0),
        worth=worth,
    )


def _learned(used: Publication) -> str:
    told = used.learned_from
    said = (
        f"Learned from {told.visitors:,} visitors, of whom {told.reached:,} reached {told.goal} "
        f"within {told.window}"
    )
    return said + (f"; {told.waiting:,} more wait until that is over." if told.waiting else ".")


def _context(published: Probabilities, cell: Cell) -> ContextView:
    found = chances(cell.shares, published.exploration, list(published.lanes))
    best = max(found.values())
    everybody = "everybody else" if published.cells else "everybody"
    return ContextView(
        label=", ".join(each or "unknown" for each in cell.context) or everybody,
        visitors=f"{cell.visitors:,}" if cell.context else "",
        chances=tuple(
            ChanceView(
                variant=name,
                text=f"{chance:.0%}",
                width=round(100 * chance),
                best=chance == best and len(set(found.values())) > 1,
            )
            for name, chance in found.items()
        ),
    )
