"""What personalization is worth, as the overview shows it: the holdout's report in one figure."""

from __future__ import annotations

import logging
from typing import Final

import msgspec
from starlette.requests import Request

from persx.app.recent_reports import recent_report
from persx.app.reports import ReportRequest
from persx.experiments import wording
from persx.experiments.guardrails import guardrails
from persx.experiments.readout import Guard, Pli, Readout, Standing
from persx.model.workspace import HOLDOUT
from persx.web.visitors import services_of

_log = logging.getLogger("persx")

PATIENCE: Final = 4.0
"""Seconds that the overview waits for a reading; then it shows what is kept, if anything is."""

_LEAST: Final = -0.9
_MOST: Final = 3.0
_MARGIN: Final = 2.0


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """Where the interval, the estimate, 0 and the target are, in per cent of the width."""

    low: float
    high: float
    at: float
    zero: float
    target: float | None


class ArmFigure(msgspec.Struct, frozen=True, kw_only=True):
    """An arm: its visitors, and how many of them converted."""

    name: str
    visitors: int
    rate: str
    detail: str


class IndustryFigure(msgspec.Struct, frozen=True, kw_only=True):
    """The lift among the visitors of one industry.

    Attributes:
        interval: Adjusted for the number of industries; or why there is none.
        pooled: The lift with what the other industries tell.
        standing: What is said of the target, once it can be told.
    """

    name: str
    lift: str
    interval: str
    verdict: str
    pooled: str = ""
    standing: str = ""


class LiftView(msgspec.Struct, frozen=True, kw_only=True):
    """The figure, or why there is none.

    Attributes:
        note: Why nothing can be said now; empty where there is a report.
        withheld: Why the report gives no figure, in its own words.
        meaning: The figure in a sentence.
        verdict: ``better``, ``worse`` or ``unclear``.
        standing: ``reached``, ``not reached`` or ``cannot be told yet``.
        harmed: Guardrails that are harmed, in words.
        as_of: When the data were read, and the newest snapshot that they belong to.
    """

    target: str = ""
    standing: str = ""
    as_of: str = ""
    note: str = ""
    metric: str = ""
    lift: str = ""
    interval: str = ""
    meaning: str = ""
    verdict: str = "unclear"
    withheld: tuple[str, ...] = ()
    harmed: tuple[str, ...] = ()
    arms: tuple[ArmFigure, ...] = ()
    industries: tuple[IndustryFigure, ...] = ()
    scale: Scale | None = None


async def lift_view(request: Request, industries: tuple[str, ...]) -> LiftView:
    """Return the lift for the overview; whatever goes wrong becomes a note."""
    try:
        readout = await recent_report(
            services_of(request), ReportRequest(name=HOLDOUT), patience=PATIENCE
        )
    except Exception:
        # The overview shows much else, and stays useful without this figure.
        _log.exception("The lift of the holdout could not be computed")
        return LiftView(note="The report could not be computed; the server's log says why.")
    if readout is None:
        return LiftView(note="The report is still being computed. Load this page again soon.")
    return of_readout(readout, industries)


def of_readout(readout: Readout, industries: tuple[str, ...]) -> LiftView:
    """Arrange the holdout's report."""
    if not readout.pli:
        return LiftView(note="The holdout has no goal: name one in settings.yaml.")
    (pli, *_) = readout.pli
    primary = readout.metrics[0]
    arms = tuple(
        ArmFigure(
            name=name,
            visitors=arm.n,
            rate=wording.rate(primary.kind, arm.metrics[primary.name].rate),
            detail=wording.per_visitors(
                primary.kind, arm.metrics[primary.name].total, arm.metrics[primary.name].n
            ),
        )
        for name, arm in readout.arms.items()
    )
    harmed = tuple(
        f"{each.label} {each.figure}"
        for each in guardrails(readout)
        if each.arm == pli.arm and each.guard is Guard.HARMED
    )
    target = "" if pli.target is None else wording.percent(pli.target)
    as_of = pli.as_of[:16].replace("T", " ") + " UTC"
    if pli.snapshot is not None:
        as_of += f", snapshot {pli.snapshot}"
    if pli.withheld or pli.lift is None or pli.low is None:
        return LiftView(
            target=target,
            as_of=as_of,
            metric=primary.label,
            withheld=tuple(pli.withheld),
            harmed=harmed,
            arms=arms,
        )
    verdict, meaning = _meaning(pli, pli.low, pli.high)
    return LiftView(
        target=target,
        standing=pli.standing.value if pli.standing else "",
        as_of=as_of,
        metric=primary.label,
        lift=wording.signed_percent(pli.lift),
        interval=wording.interval(pli.low, pli.high),
        meaning=meaning,
        verdict=verdict,
        harmed=harmed,
        arms=arms,
        industries=_industries(readout, pli, industries),
        scale=_scale(pli.low, pli.lift, pli.high, pli.target),
    )


def _meaning(pli: Pli, low: float, high: float | None) -> tuple[str, str]:
    target = "" if pli.target is None else wording.percent(pli.target)
    if low > 0 and pli.standing is Standing.REACHED:
        return "better", f"The target of {target} is reached: the whole interval lies above it."
    if low > 0 and pli.standing is Standing.NOT_REACHED:
        return "better", f"Personalized pages do better, by less than the target of {target}."
    if low > 0 and target:
        return "better", f"Personalized pages do better; {target} is within the interval."
    if low > 0:
        return "better", "Personalized pages do better."
    if high is not None and high < 0:
        return "worse", "Personalized pages do worse. The report shows where."
    return "unclear", "No difference is shown yet: the interval contains 0."


def _industries(
    readout: Readout, pli: Pli, industries: tuple[str, ...]
) -> tuple[IndustryFigure, ...]:
    segments = readout.segments.get("industry", {})
    return tuple(
        _industry(name, own)
        for name in industries
        if name in segments
        for own in segments[name].pli
        if own.arm == pli.arm
    )


def _industry(name: str, pli: Pli) -> IndustryFigure:
    adjusted = pli.adjusted
    if pli.withheld or adjusted is None:
        # The full reason stands in the report.
        reason = next(iter(pli.withheld), "").partition(":")[0]
        return IndustryFigure(name=name, lift="–", interval=reason, verdict="undefined")
    return IndustryFigure(
        name=name,
        lift=wording.signed_percent(pli.lift),
        interval=wording.interval(adjusted.low, adjusted.high),
        verdict=wording.said(adjusted.low, adjusted.high).value,
        pooled="" if pli.pooled is None else wording.signed_percent(pli.pooled.lift),
        standing=""
        if pli.standing is Standing.OPEN
        else wording.standing(pli.target, pli.standing),
    )


def _scale(low: float, at: float, high: float | None, target: float | None) -> Scale:
    top = _MOST if high is None else high
    left = max(min(low, -0.05), _LEAST)
    right = min(max(top, (target or 0.0) + 0.1), _MOST)

    def x(lift: float) -> float:
        share = (min(max(lift, left), right) - left) / (right - left)
        return round(_MARGIN + share * (100 - 2 * _MARGIN), 2)

    return Scale(
        low=x(low), high=x(top), at=x(at), zero=x(0.0), target=None if target is None else x(target)
    )
