"""Probes in the studio: what the last walk through the running site saw, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app import audit
from persx.app.probes import last_probe, probe_now
from persx.app.services import Services
from persx.app.use_cases import Noted
from persx.model.errors import PersxError
from persx.model.probe import CellState, ProbeCell, ProbeReport
from persx.web.admin.frame import site_name, studio_page
from persx.web.admin.session import actor_of, staff_of
from persx.web.visitors import services_of

PATH: Final = "/admin/probes"

_DOTS: Final[Mapping[CellState, str]] = {
    CellState.PERSONAL: "good",
    CellState.GENERIC: "out",
    CellState.BROKEN: "bad",
}


class CellView(msgspec.Struct, frozen=True, kw_only=True):
    """One visit: a dot of the studio, and what is behind it in words."""

    dot: str
    words: str
    milliseconds: str


class PageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A page with one visit for each visitor; none where it was not visited."""

    page: str
    path: str
    cells: tuple[CellView | None, ...]


class ProbesView(msgspec.Struct, frozen=True, kw_only=True):
    """The last walk, arranged by page and visitor.

    Attributes:
        report: None where there was no walk yet.
        every: How often the probes walk, in words; empty where they do not by themselves.
        problem: Why a walk that was asked for could not begin.
    """

    name: str
    report: ProbeReport | None = None
    visitors: tuple[str, ...] = ()
    rows: tuple[PageRow, ...] = ()
    states: Mapping[str, int] = {}
    slowest: str = ""
    broken: Sequence[str] = ()
    every: str = ""
    problem: str = ""


async def show_probes(request: Request) -> Response:
    """Show what the last walk saw."""
    services = services_of(request)
    return _page(request, services, await last_probe(services))


async def walk_now(request: Request) -> Response:
    """Walk the site now, and show what was seen."""
    services, staff = services_of(request), staff_of(request)
    assert staff is not None
    try:
        report = await probe_now(services)
    except PersxError as error:
        return _page(request, services, await last_probe(services), problem=str(error), status=503)
    noted = Noted("probe", report.url, f"{len(report.broken)} broken")
    await audit.note(services, actor_of(request, staff), noted)
    return RedirectResponse(PATH, 303)


def _page(
    request: Request,
    services: Services,
    report: ProbeReport | None,
    *,
    problem: str = "",
    status: int = 200,
) -> Response:
    seconds = services.settings.probe_seconds
    view = ProbesView(name=site_name(request), every=in_words(seconds), problem=problem)
    if report is not None:
        view = arranged(view, report)
    return studio_page(request, "admin/probes.html", view, status)


def arranged(view: ProbesView, report: ProbeReport) -> ProbesView:
    """Arrange a report by page and visitor, in the order in which they were walked."""
    visitors = tuple(dict.fromkeys(cell.visitor for cell in report.cells))
    pages = dict.fromkeys((cell.page, cell.path) for cell in report.cells)
    cells = {(cell.page, cell.visitor): cell for cell in report.cells}
    slowest = max(report.cells, key=lambda cell: cell.milliseconds, default=None)
    return msgspec.structs.replace(
        view,
        report=report,
        visitors=visitors,
        rows=tuple(
            PageRow(
                page=page,
                path=path,
                cells=tuple(
                    _cell(cells[page, each]) if (page, each) in cells else None for each in visitors
                ),
            )
            for page, path in pages
        ),
        states={state.value: count for state, count in report.states.items()},
        slowest=f"{slowest.milliseconds:.0f} ms" if slowest else "",
        broken=report.broken,
    )


def _cell(cell: ProbeCell) -> CellView:
    if cell.faults:
        words = " ".join(cell.faults)
    elif cell.personal:
        words = ", ".join(f"{each.block}: {each.variant}" for each in cell.personal)
    else:
        words = "default content (" + ", ".join(cell.fallbacks) + ")"
    return CellView(dot=_DOTS[cell.state], words=words, milliseconds=f"{cell.milliseconds:.0f} ms")


def in_words(seconds: float) -> str:
    """Return an interval in words; empty for none.

    >>> in_words(900.0), in_words(90), in_words(0)
    ('every 15 minutes', 'every 90 seconds', '')
    """
    if not seconds:
        return ""
    minutes, rest = divmod(seconds, 60)
    if rest or not minutes:
        return f"every {seconds:g} seconds"
    return "every minute" if minutes == 1 else f"every {minutes:g} minutes"
