"""Indicators of decisions: content that fails, industries that fall to default, fallbacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from persx.health.counts import Counts
from persx.health.indicator import ALL, Evidence, Known, Ratio
from persx.model.decision import Reason
from persx.model.health import Measure

_DOT: Final = " · "
FAILED: Final = (Reason.ERROR, Reason.INVALID)
FALLBACKS: Final = (
    Reason.NO_MATCH, Reason.NO_CONSENT, Reason.UNKNOWN_VISITOR, Reason.INVALID, Reason.ERROR
)  # fmt: skip
SERVED: Final = (Reason.TARGETED, Reason.LEARNED)
FELL: Final = (Reason.NO_MATCH, Reason.UNKNOWN_VISITOR, Reason.INVALID, Reason.ERROR)
"""Default content for a visitor whose industry is known and may be used."""


def subject(block: str, industry: str) -> str:
    """Return what a block and an industry are called.

    >>> subject("home-hero", "")
    'home-hero · industry not known'
    """
    return f"{block}{_DOT}{industry or 'industry not known'}"


class _OfDecisions(msgspec.Struct, frozen=True):
    evidence: Evidence = Evidence.TRIALS

    def apart(self, counts: Counts) -> Mapping[str, int]:
        """Return the decisions that are left out, by their reasons."""
        return {
            "held out": _of(counts, Reason.HOLDOUT),
            "refused personalization": _of(counts, Reason.NO_CONSENT),
            "chose generic content": _of(counts, Reason.DISABLED),
        }

    def lives(self, subject: str, known: Known) -> bool:
        """Tell whether a block is still there."""
        block, _, _ = subject.partition(_DOT)
        return subject == ALL or (known.workspace is not None and block in known.workspace.blocks)


def _of(counts: Counts, *reasons: Reason) -> int:
    return sum(n for (_, _, reason), n in counts.decisions.items() if reason in reasons)


class VariantFailures(_OfDecisions, frozen=True):
    """Of the decisions that were to show something: those whose content could not be shown."""

    name: Measure = Measure.VARIANT_FAILURES
    title: str = "Content that fails"
    formula: str = (
        "Decisions with the reason error or invalid ÷ decisions, by block and industry; without "
        "held-out visitors."
    )
    numerator: str = "decisions whose content could not be shown"
    denominator: str = "decisions"

    def read(self, counts: Counts, known: Known) -> Mapping[str, Ratio]:
        """Return the share by block and industry."""
        failed: dict[str, int] = {}
        total: dict[str, int] = {}
        blocks = known.workspace.blocks if known.workspace else {}
        for (block, industry, reason), n in counts.decisions.items():
            if reason == Reason.HOLDOUT or block not in blocks:
                continue
            name = subject(block, industry)
            total[name] = total.get(name, 0) + n
            if reason in FAILED:
                failed[name] = failed.get(name, 0) + n
        return {name: Ratio(failed.get(name, 0), n) for name, n in total.items()}


class IndustryFallbacks(_OfDecisions, frozen=True):
    """Where a block has content for an industry: decisions that show its visitors the default."""

    name: Measure = Measure.INDUSTRY_FALLBACKS
    title: str = "Industries that fall to default"
    formula: str = (
        "Decisions with default content for visitors of an industry ÷ decisions for them, in "
        "blocks that have, or had, content for it; without held-out visitors, refusals and "
        "arms that say default. The visitor's industry is known, so none is expected."
    )
    numerator: str = (
        "decisions with default content although there is, or was, content of their own"
    )
    denominator: str = "decisions for visitors of the industry in such blocks"

    def read(self, counts: Counts, known: Known) -> Mapping[str, Ratio]:
        """Return the share by block and industry, of what the timeline expects."""
        fell: dict[str, int] = {}
        total: dict[str, int] = {}
        expected = set(known.timeline.covered)
        for (block, industry, reason), n in counts.decisions.items():
            if (block, industry) not in expected or reason not in (*SERVED, *FELL):
                continue
            name = subject(block, industry)
            total[name] = total.get(name, 0) + n
            if reason in FELL:
                fell[name] = fell.get(name, 0) + n
        return {name: Ratio(fell.get(name, 0), n) for name, n in total.items()}

    def lives(self, subject: str, known: Known) -> bool:
        """Tell whether content is still expected: nobody opted out, and the block is there."""
        block, _, industry = subject.partition(_DOT)
        return (block, industry) in known.timeline.covered


class FallbackRate(_OfDecisions, frozen=True):
    """Of all decisions: those that show default content, by reason."""

    name: Measure = Measure.FALLBACK_RATE
    title: str = "Fallback rate"
    formula: str = (
        "Decisions with default content, by reason ÷ decisions without held-out visitors."
    )
    numerator: str = "decisions that fell back to default content"
    denominator: str = "decisions"

    def read(self, counts: Counts, known: Known) -> Mapping[str, Ratio]:
        """Return the share of all decisions."""
        total = sum(counts.decisions.values()) - _of(counts, Reason.HOLDOUT)
        return {ALL: Ratio(_of(counts, *FALLBACKS), total)}

    def apart(self, counts: Counts) -> Mapping[str, int]:
        """Return how many there were of each reason, and who was held out."""
        return {
            **{f"reason {each.value}": _of(counts, each) for each in FALLBACKS},
            "held out": _of(counts, Reason.HOLDOUT),
        }


DECISION_INDICATORS: Final = (FallbackRate(), VariantFailures(), IndustryFallbacks())
