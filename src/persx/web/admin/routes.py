"""Routes of the studio."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from persx.app.access import check_password, use_link
from persx.app.reports import ReportRequest, experiment_names, report
from persx.app.submissions import Submission, as_csv, submissions
from persx.model.errors import NotFound
from persx.model.workspace import Workspace
from persx.storage.ports import SnapshotHead
from persx.web.admin.session import (
    BarChoice,
    back,
    is_admin,
    same_origin,
    set_choice,
    sign_in,
    sign_out,
)
from persx.web.html import page, self_contained
from persx.web.report_page import render_report
from persx.web.visitors import services_of
from persx.workspace.coverage import coverage

PAGE_ROWS = 50
EXPORT_ROWS = 100_000


class LoginView(msgspec.Struct, frozen=True):
    """The sign-in page; `problem` tells why the last try failed."""

    problem: str = ""
    signed_in: bool = False
    name: str = "persx"


class CoverageRow(msgspec.Struct, frozen=True):
    """A block's line of the coverage table: a variant, ``opted out`` or nothing per industry."""

    block: str
    cells: tuple[str, ...]


class OverviewView(msgspec.Struct, frozen=True):
    """The studio's first page."""

    name: str
    snapshot: int
    snapshots: tuple[SnapshotHead, ...]
    industries: tuple[str, ...]
    coverage: tuple[CoverageRow, ...]
    experiments: tuple[str, ...]
    rejected: int
    write_key: str
    signed_in: bool = True


class MissingView(msgspec.Struct, frozen=True):
    """What is asked for does not exist; `problem` says so."""

    name: str
    problem: str
    signed_in: bool = True


class SubmissionsView(msgspec.Struct, frozen=True):
    """Submitted forms; `older` and `newer` are offsets, −1 where there is no such page."""

    name: str
    rows: tuple[Submission, ...]
    older: int
    newer: int
    signed_in: bool = True


def _login(problem: str = "", status: int = 200) -> Response:
    return page("admin/login.html", LoginView(problem), status)


async def overview(request: Request) -> Response:
    """Show what is served, how far it covers the industries, and where to go."""
    if not is_admin(request):
        return _login()
    services = services_of(request)
    plan = services.publication.plan
    workspace = plan.workspace if plan else None
    return page(
        "admin/overview.html",
        OverviewView(
            name=workspace.settings.name if workspace else "persx",
            snapshot=services.publication.number,
            snapshots=tuple((await services.store.snapshots())[:10]),
            industries=tuple(workspace.industries) if workspace else (),
            coverage=_coverage_rows(workspace) if workspace else (),
            experiments=tuple(await experiment_names(services)),
            rejected=len(await services.stream.rejected(1_000)),
            write_key=services.keys.write_key,
        ),
    )


async def enter(request: Request) -> Response:
    """Sign in with a one-time link."""
    services = services_of(request)
    if await use_link(services, request.path_params["token"]):
        response = RedirectResponse("/admin", 303)
        sign_in(response, services)
        return response
    return _login("This link was used already, or is too old. Sign in with the password.", 403)


async def login(request: Request) -> Response:
    """Sign in with the password."""
    services = services_of(request)
    form = await request.form()
    if same_origin(request) and await check_password(services, _field(form, "password")):
        response = RedirectResponse("/admin", 303)
        sign_in(response, services)
        return response
    # Guessing is slowed down; the server goes on with other requests meanwhile.
    await asyncio.sleep(0.5)
    return _login("This is not the password.", 403)


async def logout(request: Request) -> Response:
    """Sign out."""
    response = back("/admin")
    if same_origin(request):
        sign_out(response)
    return response


async def bar(request: Request) -> Response:
    """Set the utility bar: look at the site as another industry, persona or locale."""
    form = await request.form()
    response = back(_field(form, "next"))
    action = _field(form, "action")
    if not is_admin(request) or not same_origin(request):
        return response
    if action == "exit":
        sign_out(response)
    elif action == "reset":
        set_choice(response, services_of(request), BarChoice())
    else:
        choice = BarChoice(
            industry=_field(form, "industry"),
            persona=_field(form, "persona"),
            locale=_field(form, "locale"),
        )
        set_choice(response, services_of(request), choice)
    return response


async def show_report(request: Request) -> Response:
    """Show an experiment's report."""
    if not is_admin(request):
        return _login()
    services = services_of(request)
    try:
        readout = await report(services, ReportRequest(name=request.path_params["name"]))
    except NotFound as error:
        plan = services.publication.plan
        name = plan.workspace.settings.name if plan else "persx"
        return page("admin/missing.html", MissingView(name=name, problem=str(error)), 404)
    return self_contained(await asyncio.to_thread(render_report, readout))


async def list_submissions(request: Request) -> Response:
    """List submitted forms, newest first."""
    if not is_admin(request):
        return _login()
    services = services_of(request)
    offset = int(text) if (text := request.query_params.get("offset", "")).isdecimal() else 0
    offset = min(offset, 10_000_000)
    rows = await submissions(services, limit=PAGE_ROWS + 1, offset=offset)
    plan = services.publication.plan
    return page(
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
    if not is_admin(request):
        return _login(status=403)
    rows = await submissions(services_of(request), limit=EXPORT_ROWS)
    return Response(
        as_csv(rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="submissions.csv"'},
    )


def _coverage_rows(workspace: Workspace) -> tuple[CoverageRow, ...]:
    cells: dict[str, list[str]] = {}
    for cell in coverage(workspace):
        shown = cell.variant or ("opted out" if cell.opted_out else "")
        cells.setdefault(cell.block, []).append(shown)
    return tuple(CoverageRow(block, tuple(row)) for block, row in cells.items())


def _field(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def routes() -> list[Route]:
    """Return the routes of the studio."""
    return [
        Route("/admin", overview, methods=["GET"]),
        Route("/admin/enter/{token}", enter, methods=["GET"]),
        Route("/admin/login", login, methods=["POST"]),
        Route("/admin/logout", logout, methods=["POST"]),
        Route("/admin/bar", bar, methods=["POST"]),
        Route("/admin/report/{name}", show_report, methods=["GET"]),
        Route("/admin/submissions", list_submissions, methods=["GET"]),
        Route("/admin/submissions.csv", export_submissions, methods=["GET"]),
    ]
