"""Indicators of the service: errors on the server and in browsers, and how fast answers are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from persx.health.counts import SLOW_SECONDS, Counts
from persx.health.indicator import ALL, Evidence, Known, Ratio
from persx.model.health import Measure

BROWSER: Final = "browser"


class _OfService(msgspec.Struct, frozen=True):
    evidence: Evidence = Evidence.SLOTS

    def lives(self, subject: str, known: Known) -> bool:
        """Tell that the service is always there."""
        return True


class ServerErrors(_OfService, frozen=True):
    """Errors of the server, most of which no visitor saw, against the pages it decided."""

    name: Measure = Measure.SERVER_ERRORS
    title: str = "Server errors"
    formula: str = "Errors of the server ÷ pages and sets of blocks that were decided."
    numerator: str = "errors of the server"
    denominator: str = "pages and sets of blocks decided for people"

    def read(self, counts: Counts, known: Known) -> Mapping[str, Ratio]:
        """Return errors a page."""
        errors = sum(n for place, n in counts.errors.items() if place != BROWSER)
        return {ALL: Ratio(errors, counts.pages + counts.withheld)}

    def apart(self, counts: Counts) -> Mapping[str, int]:
        """Return how many there were of each place."""
        return {place: n for place, n in counts.errors.items() if place != BROWSER and n}


class BrowserErrors(_OfService, frozen=True):
    """Errors of our scripts in visitors' browsers, as pages report them."""

    name: Measure = Measure.BROWSER_ERRORS
    title: str = "Browser errors"
    formula: str = (
        "Errors of our own scripts that pages reported ÷ pages that were decided. Whoever wants "
        "can report one, but no more than pages are shown."
    )
    numerator: str = "errors of our own scripts that pages reported"
    denominator: str = "pages and sets of blocks decided for people"

    def read(self, counts: Counts, known: Known) -> Mapping[str, Ratio]:
        """Return errors a page."""
        return {ALL: Ratio(counts.errors.get(BROWSER, 0), counts.pages + counts.withheld)}

    def apart(self, counts: Counts) -> Mapping[str, int]:
        """Return nothing: what other sites' scripts do is not counted at all."""
        return {}


class Latency(_OfService, frozen=True):
    """Of all answers: those that took too long."""

    name: Measure = Measure.LATENCY
    title: str = "Slow answers"
    formula: str = (
        f"Answers that took longer than {SLOW_SECONDS * 1000:.0f} ms ÷ answers to visitors."
    )
    numerator: str = f"answers that took longer than {SLOW_SECONDS * 1000:.0f} ms"
    denominator: str = "answers to visitors: pages, decisions, exposures"

    def read(self, counts: Counts, known: Known) -> Mapping[str, Ratio]:
        """Return the share of slow answers."""
        return {ALL: Ratio(counts.slow, counts.answered)}

    def apart(self, counts: Counts) -> Mapping[str, int]:
        """Return nothing."""
        return {}


SERVICE_INDICATORS: Final = (ServerErrors(), BrowserErrors(), Latency())
