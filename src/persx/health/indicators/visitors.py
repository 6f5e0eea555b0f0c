"""Indicators of visitors: who sees content that was chosen for them, and whether that lasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from persx.health.counts import Counts
from persx.health.indicator import ALL, Evidence, Known, Ratio
from persx.model.health import Measure


class _OfVisitors(msgspec.Struct, frozen=True):
    evidence: Evidence = Evidence.DAYS

    def apart(self, counts: Counts) -> Mapping[str, int]:
        """Return who is left out: held out, refusing, or with nothing kept of them."""
        return {
            "held out": counts.visitors.held,
            "refused personalization or chose generic content": counts.visitors.refused,
            "pages for visitors who allow no storage": counts.withheld,
        }

    def lives(self, subject: str, known: Known) -> bool:
        """Tell whether an industry is still there."""
        return subject == ALL or (
            known.workspace is not None and subject in known.workspace.industries
        )


class PersonalizationRate(_OfVisitors, frozen=True):
    """Of the visitors who said their industry: who saw content that was chosen for them."""

    name: Measure = Measure.PERSONALIZATION_RATE
    title: str = "Personalization rate"
    formula: str = (
        "Visitors who saw personalized content ÷ visitors whose industry is known; each counts "
        "once a day, without held-out ones and those who refused."
    )
    numerator: str = "visitors with a known industry who saw personalized content"
    denominator: str = "visitors with a known industry"

    def read(self, counts: Counts, known: Known) -> Mapping[str, Ratio]:
        """Return the rate by industry."""
        found = counts.visitors
        return {name: Ratio(found.reached.get(name, 0), n) for name, n in found.known.items()}


class VisitorRate(_OfVisitors, frozen=True):
    """Of all visitors: who saw content that was chosen for them."""

    name: Measure = Measure.VISITOR_RATE
    title: str = "Visitor rate"
    formula: str = (
        "Visitors who saw personalized content ÷ all visitors; each counts once a day, without "
        "held-out ones and those who refused."
    )
    numerator: str = "visitors who saw personalized content"
    denominator: str = "visitors"

    def read(self, counts: Counts, known: Known) -> Mapping[str, Ratio]:
        """Return the rate of everybody."""
        return {ALL: Ratio(counts.visitors.personalized, counts.visitors.eligible)}


class SessionCoverage(_OfVisitors, frozen=True):
    """Of all sessions: those with content that was chosen for the visitor."""

    name: Measure = Measure.SESSION_COVERAGE
    title: str = "Session coverage"
    formula: str = (
        "Sessions with personalized content ÷ all sessions, without those of held-out visitors "
        "and of those who refused. Half an hour without a page, or midnight, ends a session."
    )
    numerator: str = "sessions with personalized content"
    denominator: str = "sessions"

    def read(self, counts: Counts, known: Known) -> Mapping[str, Ratio]:
        """Return the rate of all sessions."""
        return {ALL: Ratio(counts.visitors.sessions_personalized, counts.visitors.sessions)}


class Persistence(_OfVisitors, frozen=True):
    """Of the sessions of visitors who had said their industry before: those that still know it."""

    name: Measure = Measure.PERSISTENCE
    title: str = "Persistence"
    formula: str = (
        "Sessions that begin with the industry known ÷ sessions of visitors whose industry was "
        "known in an earlier session of the last 30 days."
    )
    numerator: str = "sessions that begin with the industry known"
    denominator: str = "sessions of visitors whose industry was known before"

    def read(self, counts: Counts, known: Known) -> Mapping[str, Ratio]:
        """Return the rate of all returning sessions."""
        return {ALL: Ratio(counts.visitors.retained, counts.visitors.returning)}


VISITOR_INDICATORS: Final = (
    PersonalizationRate(), SessionCoverage(), VisitorRate(), Persistence()
)  # fmt: skip
