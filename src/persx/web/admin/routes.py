"""Routes of the studio, with its reports and the utility bar."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from persx.app import audit, sessions
from persx.app.health_record import note_review
from persx.app.recent_reports import recent_report
from persx.app.reports import ReportRequest, experiment_names
from persx.app.use_cases import Noted
from persx.model.errors import NotFound
from persx.model.staff import Action
from persx.web.admin import (
    account,
    audit_log,
    catalogue,
    catalogue_item,
    doors,
    health,
    keys,
    people,
    probes,
    publications,
    recommendations,
    review,
)
from persx.web.admin.attributes import list_attributes
from persx.web.admin.blocks import show_block_lifts
from persx.web.admin.data_protection import show_data_protection
from persx.web.admin.doors import Door
from persx.web.admin.experiments import show_experiments
from persx.web.admin.frame import site_name, studio_page
from persx.web.admin.learning import show_blocks
from persx.web.admin.overview import overview
from persx.web.admin.recommended import show_recommended
from persx.web.admin.rejected import list_rejected
from persx.web.admin.session import (
    BarChoice,
    actor_of,
    back,
    field,
    set_choice,
    sign_out,
    staff_of,
)
from persx.web.admin.signing_in import (
    enter,
    login,
    logout,
    send_code,
    send_join,
    show_code,
    show_join,
)
from persx.web.admin.submissions import export_submissions, list_submissions
from persx.web.admin.visitors import ask_for_visitor, look_at_visitor
from persx.web.html import self_contained
from persx.web.report_page import render_report
from persx.web.visitors import services_of


class MissingView(msgspec.Struct, frozen=True):
    """What is asked for does not exist; `problem` says so, `reports` are those that do."""

    name: str
    problem: str
    reports: tuple[str, ...] = ()


async def bar(request: Request) -> Response:
    """Set the utility bar: look at the site as another industry, persona or locale."""
    services, staff = services_of(request), staff_of(request)
    assert staff is not None
    form = await request.form()
    response = back(field(form, "next"))
    action = field(form, "action")
    if action == "exit":
        await sessions.end(services, staff.key)
        await audit.note(services, actor_of(request, staff), Noted("sign-out", staff.account.name))
        sign_out(response)
    elif action == "reset":
        set_choice(response, services, staff.key, BarChoice())
    else:
        choice = BarChoice(
            industry=field(form, "industry"),
            persona=field(form, "persona"),
            locale=field(form, "locale"),
        )
        set_choice(response, services, staff.key, choice)
    return response


async def show_report(request: Request) -> Response:
    """Show an experiment's report."""
    services, name = services_of(request), site_name(request)
    await note_review(services)
    try:
        readout = await recent_report(services, ReportRequest(name=request.path_params["name"]))
    except NotFound as error:
        reports = tuple(await experiment_names(services))
        view = MissingView(name, error.message, reports)
        return studio_page(request, "admin/missing.html", view, 404)
    assert readout is not None, "It was waited for."
    return self_contained(await asyncio.to_thread(render_report, readout, studio=name))


DOORS: Final = (
    Door("POST", "/admin/login", login, None),
    Door("GET", "/admin/code", show_code, None),
    Door("POST", "/admin/code", send_code, None),
    Door("GET", "/admin/enter/{token}", enter, None),
    Door("GET", "/admin/join/{token}", show_join, None),
    Door("POST", "/admin/join/{token}", send_join, None),
    Door("POST", "/admin/logout", logout, Action.OWN),
    Door("GET", "/admin/account", account.show_account, Action.OWN),
    Door("POST", "/admin/account/password", account.send_password, Action.OWN),
    Door("POST", "/admin/account/totp", account.begin_totp, Action.OWN),
    Door("POST", "/admin/account/totp/confirm", account.confirm_totp, Action.OWN),
    Door("POST", "/admin/account/totp/off", account.totp_off, Action.OWN),
    Door("POST", "/admin/account/recovery", account.new_codes, Action.OWN),
    Door("POST", "/admin/account/sessions", account.sign_out_elsewhere, Action.OWN),
    Door("GET", "/admin", overview, Action.READ),
    Door("POST", "/admin/bar", bar, Action.READ),
    Door("GET", "/admin/report/{name}", show_report, Action.READ),
    Door("GET", "/admin/review", review.show_review, Action.READ),
    Door("GET", "/admin/review/{file:str}", review.either, Action.READ),
    Door("GET", "/admin/blocks", show_block_lifts, Action.READ),
    Door("GET", "/admin/recommendations/results", show_recommended, Action.READ),
    Door("GET", "/admin/experiments", show_experiments, Action.READ),
    Door("GET", "/admin/health", health.show_health, Action.READ),
    Door("POST", "/admin/health/silences", health.send_silence, Action.PUBLISH),
    Door("POST", "/admin/health/silences/{id}/end", health.end_silence, Action.PUBLISH),
    Door("GET", "/admin/attributes", list_attributes, Action.READ),
    Door("GET", "/admin/learning", show_blocks, Action.READ),
    Door("GET", "/admin/recommendations", recommendations.show, Action.READ),
    Door("POST", "/admin/recommendations/train", recommendations.train, Action.PUBLISH),
    Door("POST", "/admin/recommendations/activate", recommendations.choose, Action.PUBLISH),
    Door("GET", "/admin/catalogue", catalogue.show_catalogue, Action.READ),
    Door("GET", "/admin/catalogue/item", catalogue_item.show_one, Action.READ),
    Door("POST", "/admin/catalogue/hide", catalogue_item.hide_one, Action.EDIT),
    Door("GET", "/admin/submissions", list_submissions, Action.READ_VISITORS),
    Door("GET", "/admin/submissions.csv", export_submissions, Action.READ_VISITORS),
    Door("GET", "/admin/data-protection", show_data_protection, Action.READ),
    Door("GET", "/admin/visitors", ask_for_visitor, Action.READ_VISITORS),
    Door("POST", "/admin/visitors", look_at_visitor, Action.READ_VISITORS),
    Door("GET", "/admin/rejected", list_rejected, Action.READ_VISITORS),
    Door("POST", "/admin/publications", publications.publish, Action.PUBLISH),
    Door("GET", "/admin/probes", probes.show_probes, Action.READ),
    Door("POST", "/admin/probes", probes.walk_now, Action.EDIT),
    Door("GET", "/admin/people", people.show_people, Action.MANAGE),
    Door("POST", "/admin/people", people.add_person, Action.MANAGE),
    Door("POST", "/admin/people/change", people.change_person, Action.MANAGE),
    Door("GET", "/admin/keys", keys.show_keys, Action.MANAGE),
    Door("POST", "/admin/keys", keys.create_key, Action.MANAGE),
    Door("POST", "/admin/keys/{id}/rotate", keys.rotate_key, Action.MANAGE),
    Door("POST", "/admin/keys/{id}/revoke", keys.revoke_key, Action.MANAGE),
    Door("GET", "/admin/audit", audit_log.show_audit, Action.MANAGE),
    Door("GET", "/admin/audit.jsonl", audit_log.export_audit_lines, Action.MANAGE),
    Door("GET", "/admin/audit.csv", audit_log.export_audit_csv, Action.MANAGE),
)
"""Every route of the studio, and what going there is; a test walks them as everybody."""


def routes() -> list[Route]:
    """Return the routes of the studio."""
    return doors.routes(DOORS)
