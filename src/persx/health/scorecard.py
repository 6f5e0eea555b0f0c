"""The scorecard: the brief's twelve success criteria, none of them met without data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from statistics import median
from typing import Final

import msgspec

from persx.health.counts import Counts
from persx.health.indicator import Known, Ratio
from persx.health.indicators.content import QUARTER, UntouchedVariants
from persx.health.indicators.decisions import FAILED
from persx.health.indicators.visitors import PersonalizationRate
from persx.model.clock import DAY, Millis

TARGET_RATE: Final = 0.8
TARGET_LIFT: Final = 0.15
WEEKS: Final = 4


class Verdict(StrEnum):
    """Whether a criterion is met; `unknown` where nothing tells."""

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "unknown"


class Criterion(msgspec.Struct, frozen=True, kw_only=True):
    """One criterion of success.

    Attributes:
        found: What was found, with numbers, or what is missing to know.
    """

    number: int
    group: str
    text: str
    verdict: Verdict
    found: str
    formula: str
    window: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the scorecard is written from.

    Attributes:
        month: Counts of the last 30 days.
        months: Month (``2026-11``) → the lift as it stood at its end, oldest first.
        reviewed: Of the last four weeks, in which reports were looked at.
        weeks: How many of these weeks something was served.
        tests: Passed and failed walks of synthetic visitors; none where none reported.
    """

    known: Known
    month: Counts
    months: Mapping[str, float] = {}
    reviewed: int = 0
    weeks: int = 0
    tests: tuple[int, int] | None = None


Found = tuple[Verdict, str]
_UNKNOWN, _MET, _MISSED = Verdict.UNKNOWN, Verdict.MET, Verdict.MISSED


def scorecard(evidence: Evidence) -> tuple[Criterion, ...]:
    """Return the twelve criteria."""
    cards = []
    for number, (group, text, formula, window, judge) in enumerate(_CRITERIA, 1):
        verdict, found = judge(evidence)
        cards.append(
            Criterion(
                number=number, group=group, text=text, verdict=verdict, found=found,
                formula=formula, window=window,
            )
        )  # fmt: skip
    return tuple(cards)


def _verdict(met: bool) -> Verdict:
    return _MET if met else _MISSED


def _total(ratios: Mapping[str, Ratio]) -> Ratio:
    return Ratio(
        sum(each.numerator for each in ratios.values()),
        sum(each.denominator for each in ratios.values()),
    )


def _reached(evidence: Evidence) -> Found:
    ratio = _total(PersonalizationRate().read(evidence.month, evidence.known))
    if ratio.value is None:
        return _UNKNOWN, "Nobody with a known industry has come yet."
    told = f"{ratio.value:.1%}: {ratio.numerator:,} of {ratio.denominator:,} visitors."
    return _verdict(ratio.value >= TARGET_RATE), told


def _lifts(evidence: Evidence) -> Found:
    lifts = evidence.known.lifts
    if not lifts:
        return _UNKNOWN, "The holdout's report has no industries yet."
    withheld = [name for name, each in lifts.items() if each.lift is None or each.withheld]
    below = [
        name for name, each in lifts.items()
        if name not in withheld and each.lift is not None and each.lift <= TARGET_LIFT
    ]  # fmt: skip
    if below:
        return _MISSED, f"Not above 15%: {', '.join(below)}."
    if withheld:
        return _UNKNOWN, f"No figure yet: {', '.join(withheld)}."
    unclear = [name for name, each in lifts.items() if (each.low or 0.0) <= 0]
    if unclear:
        return _UNKNOWN, f"The interval still contains 0: {', '.join(unclear)}."
    return _MET, f"All {len(lifts)} industries."


def _errors(evidence: Evidence) -> Found:
    month = evidence.month
    pages = month.pages + month.withheld
    if not pages:
        return _UNKNOWN, "No page has been shown yet."
    failed = sum(n for (_, _, reason), n in month.decisions.items() if reason in FAILED)
    errors = sum(month.errors.values())
    if not failed and not errors:
        return _MET, f"None in {pages:,} pages."
    return _MISSED, f"{failed:,} failed decisions and {errors:,} errors in {pages:,} pages."


def _new_pages(evidence: Evidence) -> Found:
    timeline, now = evidence.known.timeline, evidence.known.now
    new = {name: life for name, life in timeline.pages.items() if now - life.added < QUARTER}
    if not new:
        return _UNKNOWN, "No page was added in the last quarter."
    late = sorted(name for name, life in new.items() if life.personalized != life.added)
    if late:
        return _MISSED, f"Not from day one: {', '.join(late[:6])}{' …' if len(late) > 6 else ''}."
    return _MET, f"All {len(new)} pages that were added."


def _fresh(evidence: Evidence) -> Found:
    ratio = _total(UntouchedVariants().read(evidence.month, evidence.known))
    if ratio.value is None:
        return _UNKNOWN, "There are no variants yet."
    if ratio.numerator:
        return _MISSED, f"{ratio.numerator:,} of {ratio.denominator:,} variants are older."
    return _MET, f"All {ratio.denominator:,} variants."


def _tests(evidence: Evidence) -> Found:
    if evidence.tests is None:
        return _UNKNOWN, "No test has reported to this home."
    passed, failed = evidence.tests
    return _verdict(not failed), f"{passed:,} passed, {failed:,} failed."


def _reviews(evidence: Evidence) -> Found:
    if evidence.weeks < WEEKS:
        return _UNKNOWN, "Something has been served for less than four weeks."
    told = f"Looked at in {evidence.reviewed} of the last {WEEKS} weeks."
    return _verdict(evidence.reviewed >= WEEKS), told


def _months(evidence: Evidence) -> Found:
    if len(evidence.months) < 2:
        return _UNKNOWN, "Two months with a figure are needed."
    (_, before), (month, after) = sorted(evidence.months.items())[-2:]
    return _verdict(after > before), f"{before:+.1%} → {after:+.1%} ({month})."


def _added(evidence: Evidence) -> Found:
    timeline, now = evidence.known.timeline, evidence.known.now
    if not timeline.began or now - timeline.began < QUARTER:
        return _UNKNOWN, "Less than a quarter has passed since the first publication."
    new = [
        name for name, at in [*timeline.industries.items(), *timeline.personas.items()]
        if now - at < QUARTER
    ]  # fmt: skip
    return _verdict(bool(new)), f"New: {', '.join(new)}." if new else "None was added."


def _drafts(_evidence: Evidence) -> Found:
    return _UNKNOWN, "No variant says that a machine drafted it."


def _behaviour(_evidence: Evidence) -> Found:
    return _UNKNOWN, "No experiment compares industry with industry and behaviour."


def _sooner(evidence: Evidence) -> Found:
    now = evidence.known.now
    lives = [life for life in evidence.known.timeline.pages.values() if life.personalized]
    took = [(life.added, life.personalized - life.added) for life in lives]
    recent = [wait for added, wait in took if now - added < QUARTER]
    before = [wait for added, wait in took if now - added >= QUARTER]
    if not recent or not before:
        return _UNKNOWN, "Pages of this quarter and of earlier ones are needed."
    was, is_ = median(before), median(recent)
    return _verdict(is_ < was or is_ == 0), f"{_days(was)} → {_days(is_)}."


def _days(length: Millis | float) -> str:
    days = length / DAY
    return f"{days:.1f} days" if days else "at once"


_WORKING, _IMPROVING = "Personalization is working", "Personalization is improving"
_Row = tuple[str, str, str, str, Callable[[Evidence], Found]]

_CRITERIA: Final[Sequence[_Row]] = (
    (_WORKING, "80%+ of users with industry selection see personalized content",
     "Visitors who saw personalized content ÷ visitors whose industry is known, without held-out "
     "ones and refusals; at least 80%", "30 days", _reached),
    (_WORKING, "PLI > 15% for all industries",
     "Conversion rate personalized ÷ generic − 1 of each industry, from the holdout: above 15%, "
     "and its interval above 0", "since the holdout began", _lifts),
    (_WORKING, "Zero personalization-related errors in production",
     "Decisions that failed + errors of the server + errors of our scripts in browsers; 0",
     "30 days", _errors),
    (_WORKING, "All new pages include personalization from day one",
     "Pages whose first publication has a block with content for an industry ÷ pages that were "
     "added; all", "91 days", _new_pages),
    (_WORKING, "Variants updated at least quarterly",
     "Variants whose content was last changed 91 days ago or earlier; 0", "now", _fresh),
    (_WORKING, "Automated tests prevent regressions",
     "Walks of synthetic visitors that failed; 0, and there were some", "last run", _tests),
    (_WORKING, "Performance metrics reviewed weekly",
     "Weeks in which somebody of the team opened the health page or a report; all four",
     "4 weeks", _reviews),
    (_IMPROVING, "PLI increases month-over-month",
     "The holdout's lift at the end of this month − at the end of the month before; above 0",
     "2 months", _months),
    (_IMPROVING, "New industries/personas added based on data",
     "Industries and personas that were published for the first time; at least one. What they "
     "were based on is for people to say", "91 days", _added),
    (_IMPROVING, "AI-generated variants perform as well as human-written",
     "Lift of drafted ÷ of written variants, in an experiment", "an experiment", _drafts),
    (_IMPROVING, "Behavior-based personalization outperforms industry-only",
     "Lift of an arm with behaviour over one with industry alone, in an experiment",
     "an experiment", _behaviour),
    (_IMPROVING, "Time-to-personalize new pages decreases",
     "Median time from a page's first publication to its first content for an industry: pages of "
     "this quarter against earlier ones", "91 days", _sooner),
)  # fmt: skip
