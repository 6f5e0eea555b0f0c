"""Privacy choices: the page on which visitors change what their data may be used for."""

from __future__ import annotations

import logging
from typing import Final

import msgspec
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app import consenting
from persx.app.consenting import Answered
from persx.app.services import Services
from persx.app.visiting import Visitor, known_of
from persx.app.withdrawing import Offer, erase_withdrawn, erases
from persx.decide.plan import Plan
from persx.model.attribute import Purpose
from persx.model.errors import Conflict, Unavailable
from persx.visitors.consent import ASKED
from persx.web.admin.session import BarChoice, back, choice_of, is_admin, same_origin
from persx.web.html import answer
from persx.web.site.asking import consent_view
from persx.web.site.errors import nothing_served
from persx.web.site.frame import CHOICES, frame, locale_for
from persx.web.site.views import ChoicesView, render
from persx.web.site.words import words
from persx.web.visitors import remember, remember_answers, services_of, visitor_of

_log = logging.getLogger("persx")

_DONE: Final = f"{CHOICES}?done=1"
_ERASED: Final = f"{CHOICES}?done=erased"
_LATE: Final = f"{CHOICES}?done=late"


async def show_choices(request: Request) -> Response:
    """Show what the visitor's data may be used for now, and let them change it."""
    services = services_of(request)
    served = services.publication.served
    if served is None:
        return nothing_served()
    plan = served.plan
    profile = await known_of(services, plan, visitor_of(request))
    admin = is_admin(request)
    choice = choice_of(request) if admin else BarChoice()
    locale = locale_for(request, plan, choice)
    said, asked = words(locale), request.query_params
    done = {"1": said.privacy_done, "erased": said.mine.withdrawn_erased}
    offer = asked.get("offer", "")
    view = ChoicesView(
        consent=consent_view(request, plan, profile, locale, _DONE),
        done=done.get(asked.get("done", ""), ""),
        problem=said.mine.withdrawn_late if asked.get("done") == "late" else "",
        offer=offer if services.offers.find(offer, services.clock()) else "",
    )
    site = frame(request, plan, profile, locale, admin=admin, choice=choice)
    # The page asks already.
    return answer(render(msgspec.structs.replace(site, consent=None), view))


async def send_consent(request: Request) -> Response:
    """Take a visitor's answer to the banner or to the choices; it holds from the next page on."""
    services = services_of(request)
    plan = services.publication.plan
    if plan is None:
        return nothing_served()
    form = await request.form(max_files=0, max_fields=50)
    purposes = _answer(form)
    if purposes is None or not same_origin(request):
        return RedirectResponse(CHOICES, 303)
    visitor = visitor_of(request)
    version = form.get("version")
    answered = await consenting.answer(
        services,
        plan,
        visitor,
        purposes,
        source=consenting.BANNER,
        version=version if isinstance(version, str) else None,
    )
    after = msgspec.structs.replace(
        visitor, answers=answered.answers, new=visitor.new and not answered.kept
    )
    target = form.get("next")
    response = back(target if isinstance(target, str) else "", default=_DONE)
    if answered.lost and not visitor.new:
        response = RedirectResponse(await _withdraw(services, plan, visitor, answered), 303)
    remember(request, response, plan, after, await known_of(services, plan, after))
    remember_answers(response, services, plan, answered.answers)
    return response


async def _withdraw(services: Services, plan: Plan, visitor: Visitor, answered: Answered) -> str:
    """Erase what was kept, or offer to; return where to go."""
    if erases(plan):
        try:
            await erase_withdrawn(services, plan, visitor, answered)
            return _ERASED
        except (Conflict, Unavailable):
            # The withdrawal holds all the same; the visitor may ask for the rest again.
            _log.exception("What was kept for a withdrawn purpose could not be erased.")
    return f"{_DONE}&offer={services.offers.make(Offer(visitor, answered), services.clock())}"


async def send_withdrawn(request: Request) -> Response:
    """Erase what was kept of somebody who has just withdrawn, and was offered that."""
    services = services_of(request)
    plan = services.publication.plan
    if plan is None:
        return nothing_served()
    form = await request.form(max_files=0, max_fields=10)
    name = form.get("offer")
    if not same_origin(request) or not isinstance(name, str):
        return RedirectResponse(CHOICES, 303)
    offer = services.offers.take(name, services.clock())
    if offer is None:
        return RedirectResponse(_LATE, 303)
    try:
        await erase_withdrawn(services, plan, offer.visitor, offer.answered)
    except (Conflict, Unavailable):
        _log.exception("What was kept for a withdrawn purpose could not be erased.")
        again = services.offers.make(offer, services.clock())
        return RedirectResponse(f"{CHOICES}?offer={again}", 303)
    return RedirectResponse(_ERASED, 303)


def _answer(form: FormData) -> dict[Purpose, bool] | None:
    """Return what a form answers; none where it is none of ours."""
    chosen = form.getlist("purposes")
    match form.get("action"):
        case "accept":
            return dict.fromkeys(ASKED, True)
        case "reject":
            return dict.fromkeys(ASKED, False)
        case "save":
            return {purpose: purpose.value in chosen for purpose in ASKED}
        case _:
            return None
