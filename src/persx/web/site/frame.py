"""The frame of every page of the site: navigation, language, the visitor's state, the admin bar."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request

from persx.app.shopping import cart_of, cart_page
from persx.content.texts import text_of
from persx.decide.plan import Plan
from persx.model.question import INDUSTRY
from persx.model.visitor import Profile
from persx.model.workspace import Industry, Page
from persx.web.admin.session import BarChoice, bar_csrf
from persx.web.api.decide import state_of
from persx.web.site.asking import banner
from persx.web.site.preview import preview_of
from persx.web.site.view import CartLink, Link, Option
from persx.web.site.views import AdminBar, Asking, SiteContext
from persx.web.site.words import words
from persx.web.visitors import locale_of, services_of

START: Final = "/start"
CHOICES: Final = "/privacy/choices"
PRIVACY: Final = "/privacy"
WHY: Final = "/privacy/why"
PREFERENCES: Final = "/preferences"

_PASSING: Final = ("locale", "sent", "done", "saved", INDUSTRY)
"""Parameters that concern one answer; links back to the page leave them out."""


def locale_for(request: Request, plan: Plan, choice: BarChoice) -> str:
    """Return the locale to answer in: the admin bar's, else the visitor's own."""
    if choice.locale in plan.workspace.locales:
        return choice.locale
    return locale_of(request, plan)


def title_of(page: Page, locale: str, plan: Plan) -> str:
    """Return a page's title in a locale."""
    return text_of(page, "title", locale, plan.workspace.locales)


def description_of(page: Page, locale: str, plan: Plan) -> str:
    """Return a page's description in a locale."""
    return text_of(page, "description", locale, plan.workspace.locales)


def navigation(plan: Plan, path: str, locale: str) -> tuple[Link, ...]:
    """Return a link for each page that has a navigation label, in the workspace's order."""
    return tuple(
        Link(
            label=text_of(page, "navigation", locale, plan.workspace.locales),
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
    path: str = "",
    asking: Asking | None = None,
    why: str = "",
) -> SiteContext:
    """Return what every page is framed with.

    Args:
        admin: Somebody of the team is signed in, and gets the bar with its choice.
        path: Where the page is; unless given, where the request went. They differ where a form
            is shown again.
        asking: The one question to the visitor.
        why: Where it is told why this page is as it is.
    """
    workspace = plan.workspace
    settings = workspace.settings
    state = state_of(profile)
    preview = preview_of(plan, choice)
    seen_as = preview.attributes.get("industry") if preview else None
    industry = workspace.industries.get(str(seen_as or state.industry or ""))
    place = path or request.url.path
    query = [pair for pair in request.query_params.multi_items() if pair[0] not in _PASSING]
    here = f"{place}?{urlencode(query)}" if query else place
    return SiteContext(
        brand=settings.name,
        tagline=text_of(settings, "tagline", locale, workspace.locales),
        footer=text_of(settings, "footer", locale, workspace.locales),
        path=here,
        start_path=_start(plan, place, here),
        privacy_path=PRIVACY,
        choices_path=CHOICES,
        why_path=why,
        preferences_path=PREFERENCES,
        consent=banner(request, plan, profile, locale, here),
        locale=locale,
        words=words(locale),
        navigation=navigation(plan, place, locale),
        locales=tuple(
            Link(
                label=each.label or code,
                href=f"{place}?{urlencode([*query, ('locale', code)])}",
                current=code == locale,
                lang=code,
            )
            for code, each in workspace.locales.items()
        ),
        industry=industry_label(industry, locale, plan) if industry else "",
        beacons=profile.storable,
        asking=asking,
        cart=_cart(plan, profile, place, locale),
        admin=_bar(plan, choice, bar_csrf(request)) if admin else None,
        state=msgspec.to_builtins(state) if profile.storable else None,
        simulated=services_of(request).simulation is not None,
    )


def _start(plan: Plan, place: str, here: str) -> str:
    """Return where the start form is; nothing where there is no industry to choose."""
    if not plan.workspace.industries:
        return ""
    return START if place in ("/", START) else f"{START}?{urlencode({'next': here})}"


def industry_label(industry: Industry, locale: str, plan: Plan) -> str:
    """Return what visitors call an industry."""
    return text_of(industry, "label", locale, plan.workspace.locales) or industry.name


def _cart(plan: Plan, profile: Profile, path: str, locale: str) -> CartLink | None:
    page = cart_page(plan)
    if page is None:
        return None
    pieces = cart_of(plan, profile).pieces
    label = text_of(page, "title", locale, plan.workspace.locales)
    return CartLink(label=label, href=page.path, current=path == page.path, pieces=pieces)


def _options(documents: object, chosen: str) -> tuple[Option, ...]:
    assert isinstance(documents, dict)
    return tuple(
        Option(value=name, label=getattr(each, "label", "") or name, selected=name == chosen)
        for name, each in documents.items()
    )


def _bar(plan: Plan, choice: BarChoice, csrf: str) -> AdminBar:
    workspace = plan.workspace
    return AdminBar(
        industries=_options(workspace.industries, choice.industry),
        personas=_options(workspace.personas, choice.persona),
        locales=_options(workspace.locales, choice.locale),
        forced=choice != BarChoice(),
        csrf=csrf,
    )
