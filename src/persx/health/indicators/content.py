"""Indicators of content: how much of it is there, how old it is, and what it is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from persx.health.counts import Counts
from persx.health.indicator import Evidence, Known, Ratio
from persx.model.clock import DAY
from persx.model.health import Measure
from persx.workspace.coverage import coverage

QUARTER: Final = 91 * DAY
_NOBODY: Final[Mapping[str, int]] = {}


class _OfContent(msgspec.Struct, frozen=True):
    evidence: Evidence = Evidence.FACTS

    def apart(self, counts: Counts) -> Mapping[str, int]:
        """Return nothing."""
        return _NOBODY

    def lives(self, subject: str, known: Known) -> bool:
        """Tell whether the block or industry is still there."""
        workspace = known.workspace
        return workspace is not None and (
            subject in workspace.blocks or subject in workspace.industries
        )


class CellCoverage(_OfContent, frozen=True):
    """Of all blocks times industries: where there is content for the industry."""

    name: Measure = Measure.CELL_COVERAGE
    title: str = "Cell coverage"
    formula: str = (
        "Cells (a block and an industry) with content of their own ÷ cells that want some, in "
        "what is served now. Found by deciding, not by name."
    )
    numerator: str = "cells with content of their own"
    denominator: str = "cells that did not opt out"

    def read(self, counts: Counts, known: Known) -> Mapping[str, Ratio]:
        """Return the coverage by industry."""
        covered: dict[str, int] = {}
        wanted: dict[str, int] = {}
        for cell in coverage(known.workspace) if known.workspace else ():
            if not cell.opted_out:
                wanted[cell.industry] = wanted.get(cell.industry, 0) + 1
                covered[cell.industry] = covered.get(cell.industry, 0) + bool(cell.variant)
        return {name: Ratio(covered[name], n) for name, n in wanted.items()}


class UntouchedVariants(_OfContent, frozen=True):
    """Of all variants: those whose content is a quarter old."""

    name: Measure = Measure.UNTOUCHED_VARIANTS
    title: str = "Variants untouched for a quarter"
    formula: str = "Variants whose content was last changed 91 days ago or earlier ÷ variants."
    numerator: str = "variants whose content is a quarter old"
    denominator: str = "variants in what is served now"

    def read(self, counts: Counts, known: Known) -> Mapping[str, Ratio]:
        """Return the share by block."""
        old: dict[str, int] = {}
        total: dict[str, int] = {}
        for (block, _), touched in known.timeline.variants.items():
            total[block] = total.get(block, 0) + 1
            old[block] = old.get(block, 0) + (known.now - touched.at >= QUARTER)
        return {name: Ratio(old[name], n) for name, n in total.items()}


class StalePipelines(_OfContent, frozen=True):
    """Of all pipelines: those that recommend by what is too old, or by nothing."""

    name: Measure = Measure.STALE_PIPELINES
    title: str = "Stale recommendations"
    formula: str = (
        "Pipelines whose training is older than twice their `every`, or has failed from the first "
        "÷ pipelines that were trained, or tried."
    )
    numerator: str = "pipelines that recommend by what is too old, or by nothing"
    denominator: str = "pipelines in what is served now, once there was something to learn"

    def read(self, counts: Counts, known: Known) -> Mapping[str, Ratio]:
        """Return for each pipeline whether it is stale."""
        return {name: Ratio(int(bool(why)), 1) for name, why in known.pipelines.items()}

    def lives(self, subject: str, known: Known) -> bool:
        """Tell whether the pipeline is still there."""
        return known.workspace is not None and subject in known.workspace.pipelines


class LiftByIndustry(_OfContent, frozen=True):
    """What personalization is worth, by industry: the holdout's readout."""

    name: Measure = Measure.LIFT
    title: str = "Lift (PLI) by industry"
    formula: str = (
        "Conversion rate of personalized ÷ of generic − 1, since the holdout began, from its "
        "report. Its intervals may be looked at as often as wanted, and allow for the number of "
        "industries."
    )
    numerator: str = "conversion rate of visitors with personalized content"
    denominator: str = "conversion rate of held-out visitors"
    evidence: Evidence = Evidence.INTERVAL

    def read(self, counts: Counts, known: Known) -> Mapping[str, Ratio]:
        """Return nothing: a lift is no share, and comes with an interval (`Known.lifts`)."""
        return {}


CONTENT_INDICATORS: Final = (
    CellCoverage(),
    UntouchedVariants(),
    StalePipelines(),
    LiftByIndustry(),
)
