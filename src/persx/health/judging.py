"""Judging: an objective's state from what is new and from what was before; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from persx.health.counts import Counts
from persx.health.detector import (
    SUSPICION,
    Detector,
    Trials,
    advance,
    evidence,
    likely_rate,
    recover,
    threshold,
)
from persx.health.indicator import ALL, Evidence, Indicator, Known, Lift, Ratio
from persx.model.clock import DAY, MINUTE, SECOND, Millis
from persx.model.health import Objective, ObjectiveState

SLOT: Final = 10 * MINUTE
"""A stretch of time that is good or bad as a whole."""

STEPS: Final[Mapping[Evidence, Millis]] = {
    Evidence.TRIALS: SECOND,
    Evidence.SLOTS: SLOT // 2,
    Evidence.DAYS: DAY // 2,
}
"""Evidence may begin anew once a step: so many steps a year are allowed for."""

BAD_SLOTS: Final = 0.05
"""The share of bad stretches of time that is still right."""

FEWEST: Final = 20
"""Below so many cases a share is not compared with its target."""

FEWEST_ERRORS: Final = 3
"""A stretch of time with fewer is never bad."""

_LEAST, _MOST = 0.001, 0.95


class SubjectRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one subject of an objective, such as a block and an industry.

    Attributes:
        since: When its state began.
        broken: The rate that was likely when it was confirmed; 0 where it is not.
        recovering: Log evidence that it is right again.
    """

    state: ObjectiveState = ObjectiveState.UNKNOWN
    since: Millis = 0
    detector: Detector = Detector()
    broken: float = 0.0
    recovering: float = 0.0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """An objective's state, or one subject's of it, as it is told.

    Attributes:
        value: The share, or the lift; none where there is none.
        why: What the state rests on, in a sentence.
    """

    subject: str = ALL
    state: ObjectiveState
    since: Millis
    value: float | None = None
    numerator: int = 0
    denominator: int = 0
    why: str = ""


def misses(objective: Objective, value: float) -> bool:
    """Tell whether a value is on the wrong side of the target."""
    if objective.at_least is not None:
        return value < objective.at_least
    return value > objective.target


def trials(objective: Objective, ratio: Ratio, at: Millis) -> Trials:
    """Return a ratio as trials, of which those against the objective are bad."""
    if objective.at_least is not None:
        return Trials(ratio.denominator - ratio.numerator, ratio.denominator, at)
    return Trials(min(ratio.numerator, ratio.denominator), ratio.denominator, at)


def limit_of(objective: Objective, kind: Evidence) -> float:
    """Return the rate of bad trials that is still right."""
    if kind is Evidence.SLOTS:
        return BAD_SLOTS
    bad = 1 - objective.at_least if objective.at_least is not None else objective.target
    return min(max(bad, _LEAST), _MOST)


def slot_trials(objective: Objective, indicator: Indicator, slot: Counts, known: Known) -> Trials:
    """Return a finished stretch of time as one trial; none where too little happened in it."""
    ratio = indicator.read(slot, known).get(ALL, Ratio(0, 0))
    if ratio.value is None or ratio.denominator < FEWEST:
        return Trials(0, 0)
    bad = misses(objective, ratio.value) and ratio.numerator >= FEWEST_ERRORS
    return Trials(int(bad), 1, known.now)


def judge(
    objective: Objective,
    indicator: Indicator,
    records: Mapping[str, SubjectRecord],
    *,
    new: Mapping[str, Sequence[Trials]],
    window: Mapping[str, Ratio],
    known: Known,
) -> dict[str, tuple[SubjectRecord, Finding]]:
    """Return the record and the finding of every subject.

    Args:
        objective: What is wanted.
        indicator: What is measured.
        records: What was found before.
        new: Trials since then, by subject, oldest first.
        window: What the indicator says of the objective's window, by subject.
        known: What else is known.
    """
    told = known.lifts if indicator.evidence is Evidence.INTERVAL else {}
    kept = {
        name: record
        for name, record in records.items()
        if indicator.lives(name, known) and (name in window or name in told or record.broken)
    }
    subjects = {*kept, *new, *window, *told}
    found = {}
    for name in sorted(subjects):
        record = kept.get(name, SubjectRecord(since=known.now))
        ratio = window.get(name, Ratio(0, 0))
        if indicator.evidence is Evidence.INTERVAL:
            state, why, value = _by_interval(objective, known.lifts.get(name), record.state)
            after = msgspec.structs.replace(record, state=state)
        elif indicator.evidence is Evidence.FACTS:
            state, why, value = _by_fact(objective, ratio)
            after = msgspec.structs.replace(record, state=state)
        else:
            after = record
            for trial in new.get(name, ()):
                after = _advanced(objective, indicator, after, trial, len(subjects))
            state, why = _by_evidence(objective, indicator, after, ratio)
            after, value = msgspec.structs.replace(after, state=state), ratio.value
        if state is not record.state:
            after = msgspec.structs.replace(after, since=known.now)
        finding = Finding(
            subject=name,
            state=state,
            since=after.since,
            value=value,
            numerator=ratio.numerator,
            denominator=ratio.denominator,
            why=why,
        )
        found[name] = (after, finding)
    return found


def _advanced(
    objective: Objective,
    indicator: Indicator,
    record: SubjectRecord,
    trial: Trials,
    watched: int,
) -> SubjectRecord:
    """Return a record with what is new: evidence against it, or where it is broken, for it."""
    if not trial.total:
        return record
    limit, step = limit_of(objective, indicator.evidence), STEPS[indicator.evidence]
    if record.broken:
        score = recover(record.recovering, trial, limit, record.broken)
        if score >= SUSPICION:
            return msgspec.structs.replace(
                record, broken=0.0, recovering=0.0, detector=Detector(stepped=trial.at)
            )
        return msgspec.structs.replace(record, recovering=score)
    detector = advance(record.detector, trial, limit, step)
    broken = 0.0
    if evidence(detector) >= threshold(365 * DAY / step, watched):
        broken = likely_rate(detector, limit)
    return msgspec.structs.replace(record, detector=detector, broken=broken, recovering=0.0)


def _by_evidence(
    objective: Objective, indicator: Indicator, record: SubjectRecord, ratio: Ratio
) -> tuple[ObjectiveState, str]:
    if record.broken:
        return (
            ObjectiveState.CONFIRMED,
            "Confirmed: chance would say so less than once in ten years.",
        )
    if evidence(record.detector) >= SUSPICION:
        return ObjectiveState.WATCH, "There is some evidence; this may be wrong."
    if ratio.value is None:
        return ObjectiveState.UNKNOWN, f"There were no {indicator.denominator}."
    if indicator.evidence is not Evidence.TRIALS and misses(objective, ratio.value):
        if ratio.denominator < FEWEST:
            few = f"{ratio.denominator} {indicator.denominator} are too few to tell."
            return ObjectiveState.UNKNOWN, few
        return ObjectiveState.WATCH, "The target is missed in the window; this may be chance."
    return ObjectiveState.OK, ""


def _by_fact(objective: Objective, ratio: Ratio) -> tuple[ObjectiveState, str, float | None]:
    if ratio.value is None:
        return ObjectiveState.UNKNOWN, "There is nothing to count.", None
    if misses(objective, ratio.value):
        return ObjectiveState.CONFIRMED, "Counted, not estimated.", ratio.value
    return ObjectiveState.OK, "", ratio.value


def _by_interval(
    objective: Objective, lift: Lift | None, before: ObjectiveState
) -> tuple[ObjectiveState, str, float | None]:
    if lift is None or lift.lift is None or lift.withheld:
        why = " ".join(lift.withheld) if lift else ""
        return ObjectiveState.UNKNOWN, why or "There is no figure yet.", None
    if lift.high is not None and lift.high < objective.target:
        return ObjectiveState.CONFIRMED, "The whole interval lies below the target.", lift.lift
    if lift.lift < objective.target:
        # An interval that moves about the target shall not wake people each time.
        if before is ObjectiveState.CONFIRMED:
            why = "Confirmed before; it is over when the estimate reaches the target."
            return ObjectiveState.CONFIRMED, why, lift.lift
        why = "The estimate lies below the target, the interval reaches above it."
        return ObjectiveState.WATCH, why, lift.lift
    return ObjectiveState.OK, "", lift.lift


_ORDER: Final = (
    ObjectiveState.CONFIRMED, ObjectiveState.WATCH, ObjectiveState.OK, ObjectiveState.UNKNOWN
)  # fmt: skip


def whole(
    findings: Mapping[str, Finding], since: Mapping[ObjectiveState, Millis], now: Millis
) -> Finding:
    """Return an objective's finding from those of its subjects: the worst one's state.

    Args:
        findings: By subject; none means that nothing is known.
        since: The state that it had, and since when.
        now: Epoch milliseconds.
    """
    state = next(
        (each for each in _ORDER if any(found.state is each for found in findings.values())),
        ObjectiveState.UNKNOWN,
    )
    told = [found for found in findings.values() if found.state is state]
    total = Ratio(
        sum(each.numerator for each in findings.values()),
        sum(each.denominator for each in findings.values()),
    )
    value = total.value
    if value is None:
        values = [each.value for each in told if each.value is not None]
        value = min(values, default=None)
    return Finding(
        state=state,
        since=since.get(state, now),
        value=value,
        numerator=total.numerator,
        denominator=total.denominator,
        why=told[0].why if told else "Nothing of it has happened yet.",
    )
