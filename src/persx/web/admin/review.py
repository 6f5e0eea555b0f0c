"""Reviews in the studio: the last week's, those that are kept, and each as a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app.health_record import note_review
from persx.app.reviewing import KeptRequest, ReviewRequest, kept_reviews, review
from persx.health.review.mail import mail_of
from persx.health.review.markdown import markdown
from persx.health.review.periods import Kind, before, period_at, read_period
from persx.health.review.telling import Told
from persx.model.errors import BadInput, NotFound
from persx.model.simulation import SIMULATED_LABEL
from persx.web.admin.frame import site_name, studio_page
from persx.web.html import self_contained
from persx.web.review_page import render_review, told_of
from persx.web.visitors import services_of

_OFFERED: Final = {Kind.WEEK: 8, Kind.MONTH: 6}
"""Periods that can be chosen beside those that are kept."""


class ReviewView(msgspec.Struct, frozen=True, kw_only=True):
    """The page.

    Attributes:
        weeks, months: What can be read: name and title, newest first.
        problem: Why there is none.
    """

    name: str
    told: Told | None = None
    weeks: tuple[tuple[str, str], ...] = ()
    months: tuple[tuple[str, str], ...] = ()
    problem: str = ""


async def show_review(request: Request) -> Response:
    """Show the review of the last week, or of the period that was asked for."""
    services = services_of(request)
    asked = request.query_params.get("period", "") or request.path_params.get("file", "")
    if "period" in request.query_params:
        return RedirectResponse(f"/admin/review/{_plain(asked)}", 303)
    await note_review(services)
    zone = _zone(request)
    kept = await kept_reviews(services, KeptRequest())
    weeks = _offered(kept.weeks, Kind.WEEK, services.clock(), zone)
    months = _offered(kept.months, Kind.MONTH, services.clock(), zone)
    view = ReviewView(name=site_name(request), weeks=weeks, months=months)
    try:
        made = await review(services, ReviewRequest(period=asked))
    except (BadInput, NotFound) as error:
        status = 404 if asked else 200
        view = msgspec.structs.replace(view, problem=str(error))
        return studio_page(request, "admin/review.html", view, status)
    view = msgspec.structs.replace(view, told=told_of(made))
    return studio_page(request, "admin/review.html", view)


async def either(request: Request) -> Response:
    """Show the review of a period, or answer it as a file where its name has an ending."""
    if "." in request.path_params["file"]:
        return await _download(request)
    return await show_review(request)


async def _download(request: Request) -> Response:
    """Answer a review as a file: a page, Markdown or a mail."""
    services = services_of(request)
    name, _, form = request.path_params["file"].rpartition(".")
    url = services.settings.public_url
    try:
        made = await review(services, ReviewRequest(period=_plain(name)))
    except (BadInput, NotFound) as error:
        return Response(f"{error}\n", 404, media_type="text/plain")
    if form == "html":
        return self_contained(render_review(made, public_url=url))
    if form == "md":
        text = markdown(told_of(made, public_url=url))
        return Response(text, media_type="text/markdown; charset=utf-8")
    if form == "eml":
        mail = mail_of(made, public_url=url, simulated=SIMULATED_LABEL)
        return Response(mail.as_bytes(), media_type="message/rfc822")
    return Response("There is no such form.\n", 404, media_type="text/plain")


def _plain(name: str) -> str:
    """A period's name and nothing else: it becomes part of an address."""
    return "".join(each for each in name if each.isascii() and (each.isalnum() or each == "-"))


def _zone(request: Request) -> str:
    plan = services_of(request).publication.plan
    return plan.workspace.settings.zone if plan else "UTC"


def _offered(kept: Sequence[str], kind: Kind, now: int, zone: str) -> tuple[tuple[str, str], ...]:
    """Return what can be read: the running period, those before it, and all that are kept."""
    running = period_at(now, kind, zone)
    names = {before(running, steps).name for steps in range(_OFFERED[kind])} | set(kept)
    return tuple(
        (name, read_period(name, zone).title + (", so far" if name == running.name else ""))
        for name in sorted(names, reverse=True)
    )
