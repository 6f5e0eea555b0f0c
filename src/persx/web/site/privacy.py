"""The visitor's own page: what is known of them, and the way to take it back."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app.declaring import declare
from persx.app.visiting import known_of
from persx.content.texts import label_of, value_text
from persx.decide.plan import Plan
from persx.model.attribute import Attribute, Purpose, Source, Value, ValueType
from persx.model.clock import iso
from persx.model.visitor import Profile
from persx.web.admin.session import BarChoice, choice_of, is_admin, same_origin
from persx.web.html import answer
from persx.web.site.errors import nothing_served
from persx.web.site.frame import PRIVACY, frame, industry_label, locale_for
from persx.web.site.views import FactView, PrivacyView, render
from persx.web.site.words import words
from persx.web.visitors import STATE, VISITOR, services_of, visitor_of

_ORDER: Final = (Source.DECLARED, Source.COMPUTED, Source.PREDICTED, Source.CONTEXTUAL)


async def show_privacy(request: Request) -> Response:
    """Show every fact that may decide what this visitor sees: first what they said themselves."""
    services = services_of(request)
    served = services.publication.served
    if served is None:
        return nothing_served()
    plan = served.plan
    profile = await known_of(services, plan, visitor_of(request))
    admin = is_admin(request)
    choice = choice_of(request) if admin else BarChoice()
    locale = locale_for(request, plan, choice)
    view = PrivacyView(
        facts=_facts(plan, profile, locale), done=request.query_params.get("done") == "1"
    )
    site = frame(request, plan, profile, locale, admin=admin, choice=choice, ask=False)
    return answer(render(site, view))


def _facts(plan: Plan, profile: Profile, locale: str) -> tuple[FactView, ...]:
    """Return what is known, by source and then in the workspace's own order."""
    said = words(locale)
    sources = {
        Source.DECLARED: said.privacy_declared,
        Source.COMPUTED: said.privacy_computed,
        Source.PREDICTED: said.privacy_predicted,
        Source.CONTEXTUAL: said.privacy_contextual,
    }
    purposes = {
        Purpose.NECESSARY: said.privacy_necessary,
        Purpose.ANALYTICS: said.privacy_analytics,
        Purpose.PERSONALIZATION: said.privacy_personalization,
        Purpose.MARKETING: said.privacy_marketing,
    }
    found: dict[Source, list[FactView]] = {source: [] for source in _ORDER}
    for name, attribute in plan.attributes.items():
        value = profile.attributes.get(name)
        if value is None or value == [] or value == "":
            continue
        source = profile.sources.get(name, Source.DECLARED)
        found[source].append(
            FactView(
                label=label_of(attribute, locale, plan.workspace.locales),
                value=_shown(plan, attribute, value, locale),
                source=sources[source],
                purpose=purposes[attribute.purpose],
            )
        )
    return tuple(fact for facts in found.values() for fact in facts)


async def send_privacy(request: Request) -> Response:
    """Forget what this browser declared, and start over as a new visitor."""
    services = services_of(request)
    plan = services.publication.plan
    if plan is None:
        return nothing_served()
    response = RedirectResponse(f"{PRIVACY}?done=1", 303)
    if same_origin(request):
        visitor = visitor_of(request, make=False)
        declared = [
            name for name, each in plan.attributes.items() if each.source is Source.DECLARED
        ]
        if visitor.anonymous_id and declared:
            await declare(services, plan, visitor, dict.fromkeys(declared))
        response.delete_cookie(VISITOR.name)
        response.delete_cookie(STATE.name)
    return response


def _shown(plan: Plan, attribute: Attribute, value: Value, locale: str) -> str:
    said = words(locale)
    if isinstance(value, list):
        return ", ".join(_shown(plan, attribute, each, locale) for each in value)
    if isinstance(value, str):
        declared = plan.workspace.attributes.get(attribute.name)
        industry = plan.workspace.industries.get(value)
        if declared and declared.values == "industries" and industry:
            return industry_label(industry, locale, plan)
        return value_text(attribute, value, locale, plan.workspace.locales)
    if attribute.type is ValueType.TIME and isinstance(value, int | float):
        return iso(int(value))
    if isinstance(value, bool):
        return said.privacy_yes if value else said.privacy_no
    return f"{value:g}" if isinstance(value, float) else str(value)
