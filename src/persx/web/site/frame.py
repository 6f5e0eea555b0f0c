"""The frame of every page of the site: navigation, language, the visitor's state, the admin bar."""

from __future__ import annotations

import msgspec
from starlette.requests import Request

from persx.decide.plan import Plan
from persx.model.visitor import Profile
from persx.model.workspace import Page
from persx.web.admin.session import BarChoice
from persx.web.api.decide import state_of
from persx.web.site.views import AdminBar, Link, Option, SiteContext
from persx.web.site.words import words
from persx.web.visitors import services_of


def title_of(page: Page, locale: str, plan: Plan) -> str:
    """Return a page's title in a locale."""
    return _text(page, "title", locale, plan) or page.title


def _text(page: Page, field: str, locale: str, plan: Plan) -> str:
    code: str | None = locale
    seen: set[str] = set()
    while code and code not in seen:
        seen.add(code)
        if text := page.locales.get(code, {}).get(field):
            return text
        known = plan.workspace.locales.get(code)
        code = known.fallback if known else None
    return str(getattr(page, field))


def description_of(page: Page, locale: str, plan: Plan) -> str:
    """Return a page's description in a locale."""
    return _text(page, "description", locale, plan)


def navigation(plan: Plan, path: str, locale: str) -> tuple[Link, ...]:
    """Return a link for each page that has a navigation label, in the workspace's order."""
    return tuple(
        Link(
            label=_text(page, "navigation", locale, plan),
            href=page.path,
            current=path == page.path or (page.path != "/" and path.startswith(page.path + "/")),
        )
        for page in sorted(plan.workspace.pages.values(), key=lambda page: (page.order, page.path))
        if page.navigation
    )


def frame(
    request: Request,
    plan: Plan,
    profile: Profile,
    locale: str,
    *,
    admin: bool,
    choice: BarChoice,
    ask: bool = True,
) -> SiteContext:
    """Return what every page is framed with.

    Args:
        admin: Somebody of the team is signed in, and gets the bar with its choice.
        ask: Whether a visitor of unknown industry may be asked on this page.
    """
    workspace = plan.workspace
    settings = workspace.settings
    state = state_of(plan, profile, services_of(request))
    industry = workspace.industries.get(choice.industry or state.industry or "")
    query = f"?{request.url.query}" if request.url.query else ""
    return SiteContext(
        brand=settings.name,
        tagline=settings.tagline,
        footer=settings.footer,
        path=request.url.path + query,
        locale=locale,
        words=words(locale),
        navigation=navigation(plan, request.url.path, locale),
        locales=tuple(
            Link(
                label=each.label or code,
                href=f"{request.url.path}?locale={code}",
                current=code == locale,
                lang=code,
            )
            for code, each in workspace.locales.items()
        ),
        industry=(industry.label or industry.name) if industry else "",
        reprompt=_options(workspace.industries, "") if ask and industry is None else (),
        admin=_bar(plan, choice) if admin else None,
        state=msgspec.to_builtins(state),
    )


def _options(documents: object, chosen: str) -> tuple[Option, ...]:
    assert isinstance(documents, dict)
    return tuple(
        Option(value=name, label=getattr(each, "label", "") or name, selected=name == chosen)
        for name, each in documents.items()
    )


def _bar(plan: Plan, choice: BarChoice) -> AdminBar:
    workspace = plan.workspace
    return AdminBar(
        industries=_options(workspace.industries, choice.industry),
        personas=_options(workspace.personas, choice.persona),
        locales=_options(workspace.locales, choice.locale),
        forced=choice != BarChoice(),
    )
