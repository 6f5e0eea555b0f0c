"""Telling of health: from what is kept to what people and programs are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from persx.app.health_record import ObjectiveRecord, Posted, Record, back
from persx.health.counts import Counts, add
from persx.health.indicator import Evidence, Indicator, Known, Ratio
from persx.health.indicators import INDICATORS
from persx.health.judging import Finding
from persx.health.objectives import objectives
from persx.health.scorecard import Criterion
from persx.health.status import (
    IndicatorStatus,
    ObjectiveStatus,
    Point,
    SentAlert,
    Silence,
    Status,
)
from persx.model.clock import DAY, parse_duration
from persx.model.health import Objective, ObjectiveState

WINDOW: Final = "7d"
"""The window of an indicator that is shown without an objective."""

_SHOWN: Final = 50
_TOLD: Final = ("given up", "unsure")
"""States of a delivery that are told with their reason."""

_ORDER: Final = (ObjectiveState.CONFIRMED, ObjectiveState.WATCH)


def window_of(days: Mapping[str, Counts], today: str, window: str) -> Counts:
    """Return the counts of the days of a window, today included."""
    first = back(today, parse_duration(window) // DAY - 1)
    return add(counts for day, counts in days.items() if first <= day <= today)


def target_words(objective: Objective) -> str:
    """Return an objective's target in words.

    >>> from persx.model.health import Measure
    >>> target_words(Objective(measure=Measure.LATENCY, at_most=0.05))
    'at most 5%'
    """
    side = "at least" if objective.at_least is not None else "at most"
    return f"{side} {round(100 * objective.target, 3):g}%"


def window_words(indicator: Indicator, window: str) -> str:
    """Return over what time an indicator is told; what is counted now has no days.

    >>> window_words(INDICATORS["cell-coverage"], "7d"), window_words(INDICATORS["latency"], "1d")
    ('now', '1d')
    """
    if indicator.evidence is Evidence.FACTS:
        return "now"
    return "since the holdout began" if indicator.evidence is Evidence.INTERVAL else window


def status_of(
    record: Record,
    findings: Mapping[str, Mapping[str, Finding]],
    wholes: Mapping[str, Finding],
    *,
    days: Mapping[str, Counts],
    today: str,
    known: Known,
    silences: tuple[Silence, ...],
    snapshot: int,
    criteria: tuple[Criterion, ...],
) -> Status:
    """Return the status of everything.

    Args:
        record: What is kept.
        findings: Objective → subject → finding.
        wholes: Objective → its finding as a whole.
    """
    wanted = objectives(known.workspace)
    windows = {each.measure: each.window for each in reversed(wanted)}
    return Status(
        at=known.now,
        site=known.workspace.settings.name if known.workspace else "",
        snapshot=snapshot,
        objectives=tuple(
            _objective(
                each, record.objectives[each.name], wholes[each.name], findings[each.name],
                silences, known,
            )
            for each in wanted
        ),
        indicators=tuple(
            _indicator(name, windows.get(INDICATORS[name].name, WINDOW), days, today, known)
            for name in INDICATORS.names
        ),
        criteria=criteria,
        silences=silences,
        alerts=tuple(_sent(each) for each in reversed(record.posted)),
    )  # fmt: skip


def _objective(
    objective: Objective,
    record: ObjectiveRecord,
    whole: Finding,
    findings: Mapping[str, Finding],
    silences: tuple[Silence, ...],
    known: Known,
) -> ObjectiveStatus:
    wrong = sorted(
        (each for each in findings.values() if each.state in _ORDER and each.subject),
        key=lambda each: (_ORDER.index(each.state), -each.denominator, each.subject),
    )
    quiet = [
        each.until
        for each in silences
        if not each.subject and each.covers(objective.name, "", known.now)
    ]
    return ObjectiveStatus(
        name=objective.name,
        measure=objective.measure,
        title=INDICATORS[objective.measure.value].title,
        description=objective.description,
        target=target_words(objective),
        limit=objective.target,
        window=window_words(INDICATORS[objective.measure.value], objective.window),
        finding=whole,
        subjects=tuple(wrong[:_SHOWN]),
        points=tuple(Point(day, value) for day, value in record.points.items()),
        silenced=max(quiet, default=0),
    )


def _indicator(
    name: str, window: str, days: Mapping[str, Counts], today: str, known: Known
) -> IndicatorStatus:
    indicator = INDICATORS[name]
    counts = window_of(days, today, window)
    ratios = indicator.read(counts, known)
    total = Ratio(
        sum(each.numerator for each in ratios.values()),
        sum(each.denominator for each in ratios.values()),
    )
    several = sorted(ratios.items(), key=lambda each: -each[1].denominator)
    value, by = total.value, {subject: ratio.value for subject, ratio in several}
    if indicator.evidence is Evidence.INTERVAL:
        # A lift is no share: lifts of industries do not add up to one.
        by = {subject: each.lift for subject, each in known.lifts.items() if not each.withheld}
        value = min((each for each in by.values() if each is not None), default=None)
    return IndicatorStatus(
        name=indicator.name,
        title=indicator.title,
        formula=indicator.formula,
        window=window_words(indicator, window),
        value=value,
        numerator=total.numerator,
        denominator=total.denominator,
        numerator_of=indicator.numerator,
        denominator_of=indicator.denominator,
        apart=dict(indicator.apart(counts)),
        by={
            subject: each
            for subject, each in list(by.items())[:_SHOWN]
            if subject and each is not None
        },
    )


def _sent(posted: Posted) -> SentAlert:
    return SentAlert(
        id=posted.alert.id,
        at=posted.alert.at,
        title=posted.alert.headline,
        channels={
            name: f"{each.state}: {each.error}" if each.state in _TOLD else each.state
            for name, each in posted.deliveries.items()
        },
    )
