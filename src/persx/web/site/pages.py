"""The workspace's pages: finished HTML for this visitor, which confirms its own delivery."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from persx.app.asking import question_for
from persx.app.deciding import Decided, as_shown, decide_for, receipt_of, settle
from persx.app.exposing import exposure_token
from persx.app.publication import Served
from persx.app.recommended import links_of
from persx.app.services import Services
from persx.app.shopping import cart_of
from persx.app.visiting import Visitor
from persx.content.rendering import FormAgain, RenderContext
from persx.content.texts import language_of
from persx.decide.plan import DEFAULT_CHOICE, PagePlan, Plan
from persx.model.attribute import Purpose, Value
from persx.model.errors import PersxError
from persx.model.workspace import Page
from persx.visitors.questions import AskingSession, put
from persx.web.admin.session import BarChoice, choice_of, is_admin
from persx.web.html import answer
from persx.web.site.asking_views import Asking
from persx.web.site.errors import not_found, nothing_served
from persx.web.site.frame import PRIVACY, WHY, description_of, frame, locale_for, title_of
from persx.web.site.preview import preview_of
from persx.web.site.questions import asking_view
from persx.web.site.quiz import quiz_steps
from persx.web.site.views import Link, PageView, render
from persx.web.site.words import words
from persx.web.visitors import (
    LOCALE,
    asking_session,
    context_of,
    is_bot,
    is_human,
    remember,
    remember_asked,
    services_of,
    set_cookie,
    visitor_of,
)

_log = logging.getLogger("persx")

YEAR_SECONDS: Final = 365 * 86_400


async def show(request: Request) -> Response:
    """Show the page at a path."""
    services = services_of(request)
    served = services.publication.served
    if served is None:
        return nothing_served()
    path = request.url.path
    page = served.plan.paths.get(path)
    if page is None:
        if path != "/" and path.rstrip("/") in served.plan.paths:
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(path.rstrip("/") + query, 308)
        return await not_found(request, served)
    return await page_response(request, served, page)


async def page_response(
    request: Request,
    served: Served,
    page: Page,
    *,
    status: int = 200,
    again: Mapping[str, FormAgain] = MappingProxyType({}),
    asking: Asking | None = None,
) -> Response:
    """Decide and render a page for whoever asks.

    Args:
        asking: The question above the page, where it is put again.
        again: Block name → its form, where that is shown again.
    """
    services, plan = services_of(request), served.plan
    human = is_human(request)
    if is_bot(request):
        services.metrics.bots.labels("agent").inc()
    visitor = visitor_of(request)
    admin = is_admin(request)
    choice = choice_of(request) if admin else BarChoice()
    locale = locale_for(request, plan, choice)
    context = {**context_of(request, plan, page.path), "locale": locale}
    session = asking_session(request)
    decided = await decide_for(
        services,
        visitor,
        plan=plan,
        page=plan.pages[page.name],
        context=context,
        preview=preview_of(plan, choice),
        settled=False,
    )
    sent = request.query_params.get("sent", "")
    quizzes = quiz_steps(
        plan,
        decided.decision.decisions,
        decided.profile,
        context,
        session,
        services.clock(),
        locale,
        page.path,
        {block: form.errors.get("", "") for block, form in again.items()},
    )
    rendered = served.renderer.render_page(
        decided.decision.decisions,
        lambda block: (
            plan.blocks[block].texts.get(locale) or plan.blocks[block].texts[""]
        ).contents[DEFAULT_CHOICE],
        context=RenderContext(
            locale=locale,
            page=page.name,
            path=page.path,
            sent=frozenset([sent]) if sent else frozenset(),
            words=words(locale).forms,
            again=again,
            quizzes=quizzes,
            languages=_languages(decided, plan, locale),
            cart=cart_of(plan, decided.profile, locale),
            links=_links(services, visitor, decided, page) if human else {},
        ),
    )
    for error in rendered.errors:
        services.metrics.errors.labels("render").inc()
        _log.error("%s", error)
    decided = as_shown(decided, rendered.decisions)
    settle(services, decided, log=human)
    title = title_of(page, locale, plan)
    view = PageView(
        name=page.name,
        title=title,
        description=description_of(page, locale, plan),
        layout=page.layout,
        blocks=tuple(each.markup for each in rendered.blocks),
        has_h1=rendered.has_h1,
        problems=tuple(
            Link(label=problem, href=f"#{block}-{field}" if field else f"#{block}")
            for block, form in again.items()
            for field, problem in form.errors.items()
        ),
        canonical=services.settings.public_url.rstrip("/") + page.path,
        exposure_url=_exposure_url(request, decided, visitor, page, title) if human else None,
        quiz=bool(quizzes),
    )
    if asking is None and human and choice == BarChoice():
        asking = await _asking(
            services,
            plan,
            visitor,
            decided,
            context,
            session,
            inner=page.path != "/",
            quiz=any(step.question for step in quizzes.values()),
        )
    site = frame(
        request,
        plan,
        decided.profile,
        locale,
        admin=admin,
        choice=choice,
        path=page.path,
        asking=asking,
        why=_why(services, decided, plan.pages[page.name]) if human else "",
    )
    response = answer(render(site, view), status)
    response.headers["Content-Language"] = locale
    if human:
        remember(request, response, plan, visitor, decided.profile)
        if Purpose.PERSONALIZATION in decided.profile.granted or session.done:
            after = put(session, asking.key if asking else None, services.clock())
            remember_asked(response, services, after)
    if request.query_params.get("locale") in plan.workspace.locales:
        set_cookie(response, services, LOCALE, request.query_params["locale"], YEAR_SECONDS)
    return response


def _why(services: Services, decided: Decided, page: PagePlan) -> str:
    """Return where the visitor is told why this page is as it is; nowhere for previews."""
    if decided.decision.forced:
        return ""
    if decided.profile.storable:
        return f"{PRIVACY}#why"
    return f"{WHY}?page={receipt_of(services, decided, page)}"


async def _asking(
    services: Services,
    plan: Plan,
    visitor: Visitor,
    decided: Decided,
    context: Mapping[str, Value],
    session: AskingSession,
    *,
    inner: bool,
    quiz: bool,
) -> Asking | None:
    """Return the question of this page, if any: one that cannot be asked spoils no page."""
    locale = str(context["locale"])
    try:
        question = await question_for(
            services, plan, visitor, decided.profile, context, session, inner=inner, quiz=quiz
        )
        return asking_view(question, plan, locale) if question else None
    except PersxError as error:
        services.metrics.errors.labels("question").inc()
        _log.error("A question cannot be asked: %s", error)
        return None


def _languages(decided: Decided, plan: Plan, locale: str) -> dict[str, str]:
    """Return the language of each block that speaks another one than its page."""
    workspace = plan.workspace
    default = workspace.settings.default_locale
    spoken = {
        each.block: language_of(
            workspace.blocks[each.block], each.variant, locale, workspace.locales, default
        )
        for each in decided.decision.decisions
    }
    own = locale.partition("-")[0]
    return {block: code for block, code in spoken.items() if code.partition("-")[0] != own}


def _links(
    services: Services, visitor: Visitor, decided: Decided, page: Page
) -> Mapping[str, Mapping[str, str]]:
    """Return where recommended items are linked to, where clicks on them may be kept."""
    if not decided.lists or decided.decision.forced or not decided.profile.storable:
        return {}
    return links_of(services, visitor, decided.decision, decided.lists, page.path)


def _exposure_url(
    request: Request, decided: Decided, visitor: Visitor, page: Page, title: str
) -> str | None:
    if decided.decision.forced or not decided.profile.storable:
        return None
    services = services_of(request)
    return "/v1/x/" + exposure_token(services.signer, decided, visitor, page.path, title)
