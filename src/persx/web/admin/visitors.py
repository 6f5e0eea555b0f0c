"""Visitors in the studio: what is known of one of them, and who of the team has looked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from persx.app import audit
from persx.app.deciding import current_plan
from persx.app.knowledge import knowledge_of
from persx.app.looks import Look, looks, note_look
from persx.app.services import Services
from persx.app.use_cases import Noted
from persx.app.visiting import Visitor
from persx.model.errors import Unavailable
from persx.model.event import anonymous_key, user_key
from persx.storage.scope import Staff
from persx.web.admin.frame import site_name, studio_page
from persx.web.admin.session import actor_of, field, staff_of
from persx.web.collect.wire import MAX_ID
from persx.web.site.privacy import known_view
from persx.web.site.views import KnownView
from persx.web.site.words import ENGLISH, Words
from persx.web.visitors import services_of

SHOWN: Final = 50


class VisitorsView(msgspec.Struct, frozen=True, kw_only=True):
    """The search for a visitor, what was found, and the newest looks.

    Attributes:
        asked: What was searched for.
        identities: Whose data are shown; nothing where nobody was found.
        problem: Why nothing is shown.
    """

    name: str
    asked: str = ""
    identities: tuple[str, ...] = ()
    known: KnownView | None = None
    problem: str = ""
    looks: Sequence[Look] = ()
    words: Words = ENGLISH


async def ask_for_visitor(request: Request) -> Response:
    """Ask which visitor to look at, and list who looked at whom."""
    return await _page(request)


async def look_at_visitor(request: Request) -> Response:
    """Show what is known of a visitor, as they see it themselves; that is noted first."""
    services, staff = services_of(request), staff_of(request)
    assert staff is not None
    actor = actor_of(request, staff)
    asked = field(await request.form(), "id").strip()
    if not asked or len(asked) > MAX_ID:
        problem = "Write the id of a visitor." if not asked else "No id is that long."
        return await _page(request, problem=problem, status=422)
    try:
        plan = current_plan(services)
        visitor = await _found(services, asked, actor.who)
        if visitor is None:
            await note_look(services, by=actor.who, asked=asked, identities=())
            await audit.note(services, actor, Noted("visitor.look", "", "nobody was found"))
            problem = f"Nothing is known of a visitor '{asked}'."
            return await _page(request, asked=asked, problem=problem, status=404)
        known = await knowledge_of(services, plan, visitor, {})
        await note_look(services, by=actor.who, asked=asked, identities=known.identities)
        await audit.note(services, actor, Noted("visitor.look"))
    except Unavailable as error:
        return await _page(request, asked=asked, problem=str(error), status=503)
    locale = plan.workspace.settings.default_locale
    shown = await known_view(services, plan, known, locale, own=False)
    return await _page(request, asked=asked, known=shown, identities=tuple(known.identities))


async def _found(services: Services, asked: str, who: str) -> Visitor | None:
    """Return the visitor of an id: an identity key, a user id, or an anonymous id."""
    kind, _, rest = asked.partition(":")
    tried = {
        user_key(asked): Visitor(user_id=asked, trusted=True),
        anonymous_key(asked): Visitor(anonymous_id=asked, trusted=True),
    }
    if kind in ("a", "u") and rest:
        own = Visitor(anonymous_id=rest, trusted=True)
        named = {asked: Visitor(user_id=rest, trusted=True) if kind == "u" else own}
        tried = {user_key(rest) if kind == "u" else anonymous_key(rest): named[asked]} | tried
    reader = services.store.seen_by(Staff(who, "looking for a visitor"))
    for identity, visitor in tried.items():
        if await reader.states(identity) or await reader.decisions_of([identity], 1):
            return visitor
    return None


async def _page(
    request: Request,
    *,
    asked: str = "",
    identities: tuple[str, ...] = (),
    known: KnownView | None = None,
    problem: str = "",
    status: int = 200,
) -> Response:
    view = VisitorsView(
        name=site_name(request),
        asked=asked,
        identities=tuple(sorted(identities)),
        known=known,
        problem=problem,
        looks=await looks(services_of(request), limit=SHOWN),
    )
    return studio_page(request, "admin/visitors.html", view, status)
