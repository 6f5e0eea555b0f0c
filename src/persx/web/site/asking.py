"""Asking for consent: what the banner and the page of privacy choices say, and to whom."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request

from persx.app.consenting import BANNER
from persx.content.texts import text_of
from persx.decide.plan import Plan
from persx.model.attribute import Purpose
from persx.model.clock import iso
from persx.model.visitor import Grant, Profile
from persx.model.workspace import ConsentMode, ConsentSettings
from persx.visitors.consent import ASKED, add
from persx.web.site.views import ConsentView, PurposeChoice
from persx.web.site.words import words
from persx.web.visitors import answers_in


def answers_known(request: Request, profile: Profile) -> dict[Purpose, Grant]:
    """Return what the visitor answered, here or under one of their identities."""
    answers = dict(profile.consent)
    add(answers, answers_in(request))
    return answers


def banner(
    request: Request, plan: Plan, profile: Profile, locale: str, next: str
) -> ConsentView | None:
    """Return the banner for a visitor who has yet to answer; none for all others.

    In opt-out mode nobody is asked: the footer of every page leads to the choices.
    """
    consent = plan.workspace.settings.consent
    if consent.mode is ConsentMode.OPT_OUT or not consent.banner:
        return None
    answers = answers_known(request, profile)
    if all(_answered(answers.get(purpose), consent) for purpose in ASKED):
        return None
    return consent_view(request, plan, profile, locale, next)


def _answered(grant: Grant | None, consent: ConsentSettings) -> bool:
    return grant is not None and (grant.source != BANNER or grant.version == consent.version)


def consent_view(
    request: Request, plan: Plan, profile: Profile, locale: str, next: str
) -> ConsentView:
    """Return the question, filled in with what holds for this visitor now.

    Any page may show it with ``{% include "site/consent_choices.html" %}``, which wants it as
    `consent`.

    Args:
        next: The path to lead back to.
    """
    settings = plan.workspace.settings.consent
    said, locales = words(locale), plan.workspace.locales
    answers = answers_known(request, profile)
    gpc = request.headers.get("sec-gpc") == "1"

    def text(field: str, own: str) -> str:
        return text_of(settings, field, locale, locales) or own

    labels: Mapping[Purpose, tuple[str, str]] = {
        Purpose.PERSONALIZATION: (said.consent_personalization, said.consent_personalization_text),
        Purpose.ANALYTICS: (said.consent_analytics, said.consent_analytics_text),
        Purpose.MARKETING: (said.consent_marketing, said.consent_marketing_text),
    }

    def note(purpose: Purpose) -> str:
        grant = answers.get(purpose)
        if grant is not None:
            form = said.consent_granted_on if grant.granted else said.consent_denied_on
            return form.format(date=iso(grant.at)[:10])
        if gpc and purpose is Purpose.MARKETING:
            return said.consent_gpc
        return "" if settings.mode is ConsentMode.OPT_IN else said.consent_unless

    return ConsentView(
        title=text("title", said.consent_title),
        text=text("text", said.consent_text),
        choices=tuple(
            PurposeChoice(
                value=purpose.value,
                label=labels[purpose][0],
                text=text(purpose.value, labels[purpose][1]),
                granted=purpose in profile.granted,
                note=note(purpose),
            )
            for purpose in ASKED
        ),
        version=settings.version,
        next=next,
        gpc=gpc,
    )
