"""The start form: industry, goals and martech stack, which every page then speaks to."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app.declaring import check_facts, declare
from persx.app.hints import link_name
from persx.app.publication import Served
from persx.app.questions import allow, missing_for
from persx.app.visiting import granted_to, known_of
from persx.content.texts import text_of, value_text
from persx.decide.plan import Plan
from persx.model.attribute import Attribute, Purpose
from persx.model.errors import BadInput
from persx.model.question import INDUSTRY
from persx.model.visitor import Profile
from persx.web import html
from persx.web.admin.session import BarChoice, back, choice_of, is_admin, same_origin
from persx.web.site.errors import nothing_served
from persx.web.site.frame import frame, industry_label, locale_for
from persx.web.site.views import IndustryChoice, Option, StartView, render
from persx.web.site.words import words
from persx.web.visitors import remember_declared, services_of, visitor_of

MANY = ("goals", "tools")


async def show_start(request: Request) -> Response:
    """Show the start form, filled in with what is known."""
    services = services_of(request)
    served = services.publication.served
    if served is None:
        return nothing_served()
    profile = await known_of(services, served.plan, visitor_of(request))
    target = request.query_params.get("next", "/")
    return _form(request, served, profile, profile.attributes, target)


async def send_start(request: Request) -> Response:
    """Take the answers, and lead back to where the visitor came from."""
    services = services_of(request)
    served = services.publication.served
    if served is None:
        return nothing_served()
    form = await request.form()
    visitor = visitor_of(request)
    given: dict[str, object] = {}
    if industry := form.get("industry"):
        given["industry"] = industry
    # The bar asks for the industry alone: what it does not ask for stays as it is.
    asked = "complete" in form or any(name in form for name in MANY)
    if asked:
        given |= {name: _many(form, name) for name in MANY if name in served.plan.attributes}
        _keep_own(given, served)
    target = form.get("next")
    target = target if isinstance(target, str) else "/"
    said = words(_locale(request, served))
    errors: dict[str, str] = {}
    if not same_origin(request):
        errors["industry"] = said.form_foreign
    elif not industry:
        errors["industry"] = said.start_no_industry
    else:
        try:
            check_facts(served.plan, given)
            # The form says so above its button: sending it allows what it is for.
            granted = await granted_to(services, served.plan, visitor)
            missing = missing_for(Purpose.PERSONALIZATION, granted)
            visitor = await allow(services, served.plan, visitor, missing, "start form")
            state = await declare(services, served.plan, visitor, given)
        except BadInput:
            # An industry that was taken away meanwhile; all else is sorted out above.
            errors["industry"] = said.start_no_industry
    if errors:
        profile = await known_of(services, served.plan, visitor)
        return _form(request, served, profile, {**profile.attributes, **given}, target, errors)
    response = back_with_link(served.plan, target, str(industry))
    await remember_declared(request, response, served.plan, visitor, state)
    return response


def _keep_own(given: dict[str, object], served: Served) -> None:
    """Leave out goals and tools of other industries: without scripts the form offers them all."""
    industry = served.plan.workspace.industries.get(str(given.get("industry", "")))
    if industry is not None:
        for name, own in (("goals", industry.goals), ("tools", industry.tools)):
            chosen = given.get(name)
            if isinstance(chosen, list):
                given[name] = [each for each in dict.fromkeys(chosen) if each in own]


def back_with_link(plan: Plan, target: str, industry: str) -> RedirectResponse:
    """Return a redirect to one of our own paths, with the industry that was just told in it."""
    link = link_name(plan, industry)
    return back(with_link(target, link), with_link("/", link))


def with_link(target: str, link: str) -> str:
    """Return the path with what was declared in it, so that the link brings it back.

    >>> with_link("/contact?industry=saas&x=1", "financial-services")
    '/contact?x=1&industry=financial-services'
    """
    try:
        parts = urlsplit(target)
        query = [pair for pair in parse_qsl(parts.query, True) if pair[0] != INDUSTRY]
    except ValueError:
        return target
    query.append((INDUSTRY, link))
    return urlunsplit(parts._replace(query=urlencode(query)))


def _many(form: FormData, name: str) -> list[str]:
    return [value for value in form.getlist(name) if isinstance(value, str) and value]


def _locale(request: Request, served: Served) -> str:
    choice = choice_of(request) if is_admin(request) else BarChoice()
    return locale_for(request, served.plan, choice)


def _form(
    request: Request,
    served: Served,
    profile: Profile,
    known: Mapping[str, object],
    target: str,
    errors: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    plan = served.plan
    locale = _locale(request, served)
    admin = is_admin(request)
    choice = choice_of(request) if admin else BarChoice()
    site = frame(request, plan, profile, locale, admin=admin, choice=choice)

    def options(values: tuple[str, ...], name: str) -> tuple[Option, ...]:
        chosen = known.get(name)
        chosen = chosen if isinstance(chosen, list) else []
        attribute = plan.attributes.get(name, Attribute(name=name))
        return tuple(
            Option(
                value=value,
                label=value_text(attribute, value, locale, plan.workspace.locales),
                selected=value in chosen,
            )
            for value in values
        )

    view = StartView(
        industries=tuple(
            IndustryChoice(
                value=name,
                label=industry_label(each, locale, plan),
                description=text_of(each, "description", locale, plan.workspace.locales),
                selected=known.get("industry") == name,
                goals=options(each.goals, "goals"),
                tools=options(each.tools, "tools"),
            )
            for name, each in plan.workspace.industries.items()
        ),
        next=target,
        errors=errors,
        updating=bool(profile.attributes.get("industry")),
        allows=Purpose.PERSONALIZATION not in profile.granted,
    )
    return html.answer(render(site, view), 422 if errors else 200)
