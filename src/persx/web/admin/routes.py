"""Routes of the studio, with its reports and the utility bar."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from persx.app.reports import ReportRequest, experiment_names, report
from persx.model.errors import NotFound
from persx.web.admin import keys
from persx.web.admin.attributes import list_attributes
from persx.web.admin.data_protection import show_data_protection
from persx.web.admin.overview import overview
from persx.web.admin.rejected import list_rejected
from persx.web.admin.session import (
    BarChoice,
    back,
    is_admin,
    same_origin,
    set_choice,
    sign_out,
)
from persx.web.admin.signing_in import enter, login, logout, sign_in_page
from persx.web.admin.submissions import export_submissions, list_submissions
from persx.web.admin.visitors import ask_for_visitor, look_at_visitor
from persx.web.html import page, self_contained
from persx.web.report_page import render_report
from persx.web.visitors import services_of


class MissingView(msgspec.Struct, frozen=True):
    """What is asked for does not exist; `problem` says so, `reports` are those that do."""

    name: str
    problem: str
    reports: tuple[str, ...] = ()
    signed_in: bool = True


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
        return sign_in_page()
    services = services_of(request)
    plan = services.publication.plan
    name = plan.workspace.settings.name if plan else "persx"
    try:
        readout = await report(services, ReportRequest(name=request.path_params["name"]))
    except NotFound as error:
        reports = tuple(await experiment_names(services))
        return page("admin/missing.html", MissingView(name, error.message, reports), 404)
    return self_contained(await asyncio.to_thread(render_report, readout, studio=name))


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
        Route("/admin/attributes", list_attributes, methods=["GET"]),
        Route("/admin/submissions", list_submissions, methods=["GET"]),
        Route("/admin/submissions.csv", export_submissions, methods=["GET"]),
        Route("/admin/data-protection", show_data_protection, methods=["GET"]),
        Route("/admin/visitors", ask_for_visitor, methods=["GET"]),
        Route("/admin/visitors", look_at_visitor, methods=["POST"]),
        Route("/admin/rejected", list_rejected, methods=["GET"]),
        *keys.routes(),
    ]
