"""The visitor's own page: what is known of them and why it matters, and the way to take it back."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app import audit
from persx.app.declaring import check_facts, declare, declared_value
from persx.app.erasing import erase, noted
from persx.app.knowledge import Knowledge, knowledge_of
from persx.app.questions import allow, missing_for
from persx.app.receipts import recent_receipts
from persx.app.services import Services
from persx.app.visiting import Visitor, granted_to
from persx.decide.plan import Plan
from persx.model.attribute import Purpose, Source
from persx.model.errors import BadInput, Forbidden, Unavailable
from persx.model.staff import Actor
from persx.visitors.preferences import GENERIC_CONTENT, is_preference
from persx.web.admin.session import BarChoice, choice_of, is_admin, same_origin
from persx.web.api.me import forget_cookies
from persx.web.html import answer
from persx.web.site.asking import consent_view
from persx.web.site.errors import nothing_served
from persx.web.site.frame import PRIVACY, frame, locale_for
from persx.web.site.known import Speaker
from persx.web.site.views import AnyView, EraseView, KnownView, PrivacyView, render
from persx.web.site.words import words
from persx.web.visitors import context_of, remember_declared, services_of, visitor_of

ERASE: Final = "/privacy/erase"
EXPORT: Final = "/v1/me"

LAST_PAGES: Final = 5
"""Pages for which the visitor is told why they were as they were."""

OLDER_PAGES: Final = 20
"""The same, for who wants to look further back."""

OLDER: Final = f"{PRIVACY}?older=1#why"

_DONE: Final = ("saved", "deleted", "erased", "started_over")


async def show_privacy(request: Request) -> Response:
    """Show all that is known of this visitor, what it decides, and why they saw what they saw."""
    plan = services_of(request).publication.plan
    if plan is None:
        return nothing_served()
    return await _page(request, plan, visitor_of(request))


async def _page(request: Request, plan: Plan, visitor: Visitor, problem: str = "") -> Response:
    services = services_of(request)
    known = await knowledge_of(services, plan, visitor, context_of(request, plan, PRIVACY))
    locale = _locale(request, plan)
    done = request.query_params.get("done", "")
    mine = words(locale).mine
    view = PrivacyView(
        known=await known_view(
            services, plan, known, locale, own=True, older="older" in request.query_params
        ),
        consent=consent_view(request, plan, known.profile, locale, PRIVACY),
        # Of whom nothing is kept there is nothing to take along.
        export_href="" if visitor.new else EXPORT,
        erase_href=ERASE,
        done=getattr(mine, done) if done in _DONE else "",
        problem=mine.not_saved.format(problem=problem) if problem else "",
    )
    return _framed(request, plan, known, view, 422 if problem else 200)


async def known_view(
    services: Services,
    plan: Plan,
    known: Knowledge,
    locale: str,
    *,
    own: bool,
    older: bool = False,
) -> KnownView:
    """Return what is known of somebody in words.

    Args:
        own: The reader is the visitor, who may correct it.
        older: Look further back for the pages that they saw.
    """
    speaker = Speaker(plan, locale)
    default = plan.workspace.settings.default_locale
    wanted, note = (OLDER_PAGES if older else LAST_PAGES), ""
    try:
        receipts = await recent_receipts(services, known.scope, pages=wanted, sealed=older)
    except Unavailable:
        note = words(locale).mine.older_later
        receipts = await recent_receipts(services, known.scope, pages=wanted)
    if own and known.states and not older:
        note = words(locale).mine.older_note
    return KnownView(
        facts=speaker.facts(known, editable=own),
        audiences=speaker.audiences(known.audiences),
        persona=speaker.persona(known.persona),
        receipts=tuple(
            speaker.page(each, services.rulebooks.get(each.snapshot), own=own) for each in receipts
        ),
        older_href=OLDER if own and known.states and (not older or note) else "",
        older_note=note,
        carried=own and not known.profile.storable,
        generic=known.generic,
        lang="" if locale.partition("-")[0] == default.partition("-")[0] else default,
    )


def _locale(request: Request, plan: Plan) -> str:
    return locale_for(request, plan, choice_of(request) if is_admin(request) else BarChoice())


def _framed(
    request: Request, plan: Plan, known: Knowledge, view: AnyView, status: int = 200
) -> Response:
    admin = is_admin(request)
    choice = choice_of(request) if admin else BarChoice()
    locale = _locale(request, plan)
    site = frame(request, plan, known.profile, locale, admin=admin, choice=choice, path=PRIVACY)
    return answer(render(site, view), status)


async def send_privacy(request: Request) -> Response:
    """Correct or delete a fact, choose generic content, or start over as a new visitor."""
    services = services_of(request)
    plan = services.publication.plan
    if plan is None:
        return nothing_served()
    form = await request.form(max_files=0, max_fields=200)
    visitor = visitor_of(request)
    if not same_origin(request):
        foreign = words(_locale(request, plan)).form_foreign
        return await _page(request, plan, visitor, foreign)
    action = form.get("action")
    if action == "reset":
        return await _start_over(services, plan, visitor)
    try:
        given = _given(plan, str(action), form)
        if action == "correct":
            check_facts(plan, given)
            # The form says so above its button: saving a fact allows what it is kept for.
            missing = missing_for(
                Purpose.PERSONALIZATION, await granted_to(services, plan, visitor)
            )
            visitor = await allow(services, plan, visitor, missing, "privacy page")
        state = await declare(services, plan, visitor, given)
    except BadInput as error:
        return await _page(request, plan, visitor, str(error))
    except Forbidden:
        return await _page(request, plan, visitor, words(_locale(request, plan)).mine.not_allowed)
    response = RedirectResponse(
        f"{PRIVACY}?done={'deleted' if action == 'delete' else 'saved'}", 303
    )
    await remember_declared(request, response, plan, visitor, state)
    return response


def _given(plan: Plan, action: str, form: FormData) -> dict[str, object]:
    values = [value for value in form.getlist("value") if isinstance(value, str)]
    if action == "generic":
        return {GENERIC_CONTENT: True if values == ["yes"] else None}
    if action not in ("correct", "delete"):
        raise BadInput("It does not say what to do.", value=action)
    name = form.get("name")
    attribute = plan.attributes.get(name) if isinstance(name, str) else None
    if attribute is None or is_preference(attribute.name):
        raise BadInput("There is no such fact.", value=name)
    if action == "delete":
        return {attribute.name: None}
    return {attribute.name: declared_value(attribute, values)}


async def _start_over(services: Services, plan: Plan, visitor: Visitor) -> Response:
    declared = [name for name, each in plan.attributes.items() if each.source is Source.DECLARED]
    if not visitor.new:
        await declare(services, plan, visitor, dict.fromkeys(declared))
    response = RedirectResponse(f"{PRIVACY}?done=started_over", 303)
    forget_cookies(response)
    return response


async def show_erase(request: Request) -> Response:
    """Ask whether everything that is kept of this visitor shall be erased."""
    services = services_of(request)
    plan = services.publication.plan
    if plan is None:
        return nothing_served()
    visitor = visitor_of(request)
    known = await knowledge_of(services, plan, visitor, context_of(request, plan, ERASE))
    return _framed(request, plan, known, EraseView(known=not visitor.new))


async def send_erase(request: Request) -> Response:
    """Erase everything that is kept of this visitor, for good."""
    services = services_of(request)
    plan = services.publication.plan
    if plan is None:
        return nothing_served()
    visitor = visitor_of(request)
    if not same_origin(request):
        foreign = words(_locale(request, plan)).form_foreign
        return await _page(request, plan, visitor, foreign)
    if not visitor.new:
        mine = await services.store.seen_by(visitor.scope).visitor(visitor.identity)
        receipt = await erase(services, mine)
        await audit.note(services, Actor("visitor"), noted(receipt))
    response = RedirectResponse(f"{PRIVACY}?done=erased", 303)
    forget_cookies(response)
    return response
