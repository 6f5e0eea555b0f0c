"""The visitor's own page: what is known of them, and the way to take it back."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app.declaring import declare
from persx.app.visiting import profile_of
from persx.model.attribute import Attribute, Source, Value, ValueType
from persx.model.clock import iso
from persx.web.admin.session import BarChoice, choice_of, is_admin, same_origin
from persx.web.html import answer
from persx.web.site.errors import nothing_served
from persx.web.site.frame import frame
from persx.web.site.views import FactView, PrivacyView, render
from persx.web.visitors import STATE, VISITOR, locale_of, services_of, visitor_of

_SOURCES = {
    Source.DECLARED: "You told us",
    Source.COMPUTED: "From your visits",
    Source.PREDICTED: "Our guess",
    Source.CONTEXTUAL: "From this request",
}


async def show_privacy(request: Request) -> Response:
    """Show every fact that may decide what this visitor sees."""
    services = services_of(request)
    served = services.publication.served
    if served is None:
        return nothing_served()
    plan = served.plan
    profile = await profile_of(services, plan, visitor_of(request), services.clock())
    locale = locale_of(request, plan)
    admin = is_admin(request)
    choice = choice_of(request) if admin else BarChoice()
    facts = tuple(
        FactView(
            label=plan.attributes[name].label or name.replace("_", " ").replace(".", " "),
            value=_shown(plan.attributes[name], value),
            source=_SOURCES[profile.sources.get(name, Source.DECLARED)],
            purpose=plan.attributes[name].purpose.value,
        )
        for name, value in sorted(profile.attributes.items())
        if name in plan.attributes and value not in (None, [], "")
    )
    view = PrivacyView(
        facts=facts, export_href="/v1/state", done=request.query_params.get("done") == "1"
    )
    site = frame(request, plan, profile, locale, admin=admin, choice=choice, ask=False)
    return answer(render(site, view))


async def send_privacy(request: Request) -> Response:
    """Forget what this browser declared, and start over as a new visitor."""
    services = services_of(request)
    plan = services.publication.plan
    if plan is None:
        return nothing_served()
    response = RedirectResponse("/privacy?done=1", 303)
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


def _shown(attribute: Attribute, value: Value) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if attribute.type is ValueType.TIME and isinstance(value, int | float):
        return iso(int(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
