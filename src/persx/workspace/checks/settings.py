"""Settings: zone, default locale, holdout, weights of the persona score, lives of cookies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from persx.model.attribute import Purpose
from persx.model.clock import HOUR, parse_duration
from persx.model.errors import BadInput, Fault, did_you_mean
from persx.model.workspace import ConsentSettings, PersonaSettings, RetentionSettings
from persx.visitors.consent import ASKED, LONGEST
from persx.workspace.checks.schedules import is_zone
from persx.workspace.checks.subject import Subject
from persx.workspace.checks.texts import check_texts
from persx.workspace.layout import SETTINGS
from persx.workspace.names import LOCALE

LARGEST_HOLDOUT: Final = 0.9
LONGEST_COOKIE_DAYS: Final = 400
"""Browsers keep no cookie longer."""

LONGEST_WAIT_DAYS: Final = 3_650
MOST_QUESTIONS: Final = 10

TEXTS: Final = ("tagline", "footer")
"""Fields that visitors read, and that `locales` may say in another language."""

CONSENT_TEXTS: Final = ("title", "text", *(purpose.value for purpose in ASKED))
"""The same, of the question of consent."""


def check_settings(subject: Subject) -> Iterator[Fault]:
    """Yield the faults of the settings."""
    settings = subject.workspace.settings

    def fault(path: str, message: str, value: Any, hint: str = "") -> Fault:
        return subject.fault(SETTINGS, "", path, message, value=value, hint=hint)

    if not is_zone(settings.zone):
        yield fault(
            "zone",
            f"'{settings.zone}' is not a time zone.",
            settings.zone,
            "Write an IANA zone such as Europe/Vienna.",
        )
    locales = subject.names("locales")
    if locales and not subject.has("locales", settings.default_locale):
        yield fault(
            "default_locale",
            f"There is no locale '{settings.default_locale}'.",
            settings.default_locale,
            did_you_mean(settings.default_locale, locales),
        )
    elif problem := LOCALE.problem(settings.default_locale):
        yield fault("default_locale", f"Not a locale: {problem}.", settings.default_locale)
    yield from check_texts(subject, SETTINGS, "", settings.locales, TEXTS)
    share = settings.holdout.share
    if not 0 <= share <= LARGEST_HOLDOUT:
        yield fault(
            "holdout.share",
            f"The holdout's share is between 0 and {LARGEST_HOLDOUT}.",
            share,
            "Write 0.1 for one visitor in ten.",
        )
    if not settings.holdout.seed:
        yield fault("holdout.seed", "A seed is not empty.", settings.holdout.seed)
    yield from subject.unknown(SETTINGS, "", "holdout.goals", "goals", settings.holdout.goals)
    yield from subject.repeated(SETTINGS, "", "holdout.goals", settings.holdout.goals)
    yield from _personas(subject, settings.personas)
    yield from _consent(subject, settings.consent)
    if settings.smallest_audience < 0:
        yield fault(
            "smallest_audience",
            "The smallest audience is 0 or more.",
            settings.smallest_audience,
            "Write 50, or 0 to be never warned.",
        )
    yield from _retention(subject, settings.retention)
    for field in ("visitor_cookie_days", "industry_cookie_days"):
        days = getattr(settings, field)
        if not 1 <= days <= LONGEST_COOKIE_DAYS:
            yield fault(field, f"A cookie lives 1 to {LONGEST_COOKIE_DAYS} days.", days)
    if not 0 <= settings.questions_per_session <= MOST_QUESTIONS:
        yield fault(
            "questions_per_session",
            f"A session has 0 to {MOST_QUESTIONS} questions.",
            settings.questions_per_session,
            "Write 2, or 0 to ask nothing by itself.",
        )
    for field in ("reask_days", "drift_days", "question_rest_days"):
        days = getattr(settings, field)
        if not 0 <= days <= LONGEST_WAIT_DAYS:
            yield fault(field, f"Write a number of days, 0 to {LONGEST_WAIT_DAYS}.", days)


def _consent(subject: Subject, consent: ConsentSettings) -> Iterator[Fault]:
    def fault(path: str, message: str, value: Any, hint: str = "") -> Fault:
        return subject.fault(SETTINGS, "", f"consent.{path}", message, value=value, hint=hint)

    if not 1 <= len(consent.version) <= LONGEST:
        yield fault(
            "version",
            f"A version has 1 to {LONGEST} characters.",
            consent.version,
            "Name the text, such as 2026-11; it is kept with every answer.",
        )
    if not 1 <= consent.days <= LONGEST_COOKIE_DAYS:
        yield fault("days", f"A cookie lives 1 to {LONGEST_COOKIE_DAYS} days.", consent.days)
    for category, purposes in consent.categories.items():
        asked = [purpose for purpose in purposes if purpose in ASKED]
        if not asked and Purpose.NECESSARY not in purposes:
            yield fault(
                f"categories.{category}",
                "The category stands for no purpose.",
                category,
                f"Write one or more of {', '.join(purpose.value for purpose in ASKED)}.",
            )
    yield from check_texts(
        subject, SETTINGS, "", consent.locales, CONSENT_TEXTS, place="consent.locales"
    )


def _retention(subject: Subject, retention: RetentionSettings) -> Iterator[Fault]:
    given = {
        **{f"events.{kind}": keep for kind, keep in retention.events.items()},
        "decisions": retention.decisions,
        "rejected": retention.rejected,
    }
    for field, keep in given.items():
        try:
            if keep is None or parse_duration(keep) >= HOUR:
                continue
            message, hint = "Nothing can be kept for less than an hour.", "Write 1h, or more."
        except BadInput as error:
            message, hint = error.message, error.hint
        yield subject.fault(SETTINGS, "", f"retention.{field}", message, value=keep, hint=hint)


def _personas(subject: Subject, personas: PersonaSettings) -> Iterator[Fault]:
    weights = {
        field: getattr(personas, field) for field in ("industry", "goals", "tools", "behaviour")
    }
    for field, weight in weights.items():
        if weight < 0:
            yield subject.fault(
                SETTINGS, "", f"personas.{field}", "A weight is 0 or more.", value=weight
            )
    if sum(max(weight, 0) for weight in weights.values()) <= 0:
        yield subject.fault(SETTINGS, "", "personas", "The weights add up to 0.")
    if not 0 <= personas.threshold <= 1:
        yield subject.fault(
            SETTINGS,
            "",
            "personas.threshold",
            "The threshold is between 0 and 1.",
            value=personas.threshold,
        )
