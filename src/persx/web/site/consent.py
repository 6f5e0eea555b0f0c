"""Privacy choices: the page on which visitors change what their data may be used for."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app import consenting
from persx.app.visiting import known_of
from persx.model.attribute import Purpose
from persx.visitors.consent import ASKED
from persx.web.admin.session import BarChoice, back, choice_of, is_admin, same_origin
from persx.web.html import answer
from persx.web.site.asking import BANNER, consent_view
from persx.web.site.errors import nothing_served
from persx.web.site.frame import CHOICES, frame, locale_for
from persx.web.site.views import ChoicesView, render
from persx.web.visitors import remember, remember_answers, services_of, visitor_of

_DONE: Final = f"{CHOICES}?done=1"


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
    view = ChoicesView(
        consent=consent_view(request, plan, profile, locale, _DONE),
        done=request.query_params.get("done") == "1",
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
        source=BANNER,
        version=version if isinstance(version, str) else None,
    )
    after = msgspec.structs.replace(
        visitor, answers=answered.answers, new=visitor.new and not answered.kept
    )
    target = form.get("next")
    response = back(target if isinstance(target, str) else "", default=_DONE)
    remember(request, response, plan, after, await known_of(services, plan, after))
    remember_answers(response, services, plan, answered.answers)
    return response


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
