"""The scorecard: the brief's twelve success criteria, none of them met without data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from statistics import median
from typing import Final

import msgspec

from persx.health.counts import Counts
from persx.health.indicator import Known, Lift, Ratio
from persx.health.indicators.content import QUARTER, UntouchedVariants
from persx.health.indicators.decisions import FAILED
from persx.health.indicators.visitors import PersonalizationRate
from persx.health.judging import FEWEST
from persx.health.review.figures import Direction
from persx.health.review.review import Review
from persx.model.clock import DAY, Millis
from persx.model.counting import counted
from persx.model.probe import ProbeReport

TARGET_RATE: Final = 0.8
TARGET_LIFT: Final = 0.15
WEEKS: Final = 4

WALKED_LATELY: Final = 7 * DAY
"""A walk of the probes that is older says nothing of today."""


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


class LayerLift(msgspec.Struct, frozen=True, kw_only=True):
    """What behaviour adds to targeting by industry alone, in one experiment.

    Attributes:
        arm: The arm that goes by behaviour as well.
        over: The arm that goes by industry alone.
        withheld: Why there is no lift.
    """

    experiment: str
    arm: str
    over: str
    lift: float | None = None
    low: float | None = None
    high: float | None = None
    withheld: str = ""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the scorecard is written from.

    Attributes:
        month: Counts of the last 30 days.
        review: Of the last month that is over; none where it was not made.
        reviewed: Of the last four weeks that are over, in which reports were looked at.
        weeks: How many of these weeks something was served.
        walk: The last walk of the probes; none where there was none.
        snapshot: What is served.
        layers: What behaviour adds, experiment by experiment.
    """

    known: Known
    month: Counts
    review: Review | None = None
    reviewed: int = 0
    weeks: int = 0
    walk: ProbeReport | None = None
    snapshot: int = 0
    layers: Sequence[LayerLift] = ()


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
    if ratio.denominator < FEWEST:
        return _UNKNOWN, f"{counted(ratio.denominator, 'visitor')}: too few to tell."
    told = f"{ratio.value:.1%}: {ratio.numerator:,} of {ratio.denominator:,} visitors."
    return _verdict(ratio.value >= TARGET_RATE), told


def _lifts(evidence: Evidence) -> Found:
    known = evidence.known
    names = known.workspace.industries if known.workspace else known.lifts
    lifts = {name: known.lifts.get(name, Lift()) for name in names}
    if not known.lifts:
        return _UNKNOWN, "The holdout's report has no industries yet."
    withheld = [name for name, each in lifts.items() if each.lift is None or each.withheld]
    below = [
        name for name, each in lifts.items()
        if name not in withheld and each.lift is not None and each.lift <= TARGET_LIFT
    ]  # fmt: skip
    if below:
        return _MISSED, f"Not above 15%: {', '.join(below)}."
    if withheld:
        why = next((each.withheld[0] for each in lifts.values() if each.withheld), "")
        return _UNKNOWN, f"No figure yet: {', '.join(withheld)}. {why}".strip()
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
    walk = evidence.walk
    if walk is None:
        return _UNKNOWN, "The probes have not walked the site yet."
    if walk.problem:
        return _UNKNOWN, f"The probes could not walk the site: {walk.problem}"
    if evidence.known.now - walk.at > WALKED_LATELY:
        days = (evidence.known.now - walk.at) // DAY
        return _UNKNOWN, f"The last walk of the probes was {days} days ago."
    if walk.snapshot != evidence.snapshot:
        served = f"snapshot {evidence.snapshot} is served"
        return _UNKNOWN, f"The last walk of the probes saw snapshot {walk.snapshot}, {served}."
    tests = len(walk.cells) + len(walk.checks)
    if not tests:
        return _UNKNOWN, "There is no page that a probe could walk."
    failed = sum(bool(each.faults) for each in walk.cells)
    failed += sum(bool(each.fault) for each in walk.checks)
    if failed:
        return _MISSED, f"{failed:,} of {tests:,} failed, the first: {walk.broken[0]}"
    told = f"{len(walk.cells):,} visits and {len(walk.checks):,} requests for what is missing"
    return _MET, f"All {tests:,}: {told}."


def _reviews(evidence: Evidence) -> Found:
    if evidence.weeks < WEEKS:
        return _UNKNOWN, "Something has been served for less than four weeks."
    told = f"Looked at in {evidence.reviewed} of the last {WEEKS} weeks that are over."
    return _verdict(evidence.reviewed >= WEEKS), told


def _months(evidence: Evidence) -> Found:
    review = evidence.review
    if review is None:
        return _UNKNOWN, "There is no review of the last month."
    was, is_ = review.earlier.lift, review.everybody.lift
    if was is None or is_ is None:
        return _UNKNOWN, review.change.why or "Two months with a figure are needed."
    told = f"{was:+.1%} → {is_:+.1%} ({review.period.title})."
    if review.change.direction is Direction.ROSE:
        return _MET, told
    if review.change.direction is Direction.FELL:
        return _MISSED, told
    return _UNKNOWN, f"{told} {review.change.why}"


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


def _behaviour(evidence: Evidence) -> Found:
    if not evidence.layers:
        return _UNKNOWN, "No experiment compares industry with industry and behaviour."
    told = [each for each in evidence.layers if each.lift is not None and not each.withheld]
    if not told:
        first = evidence.layers[0]
        return _UNKNOWN, f"{first.experiment}: {first.withheld or 'There is no figure yet.'}"
    words = "; ".join(f"{each.experiment}: {each.lift or 0:+.1%}" for each in told)
    if any(each.high is not None and each.high < 0 for each in told):
        return _MISSED, f"{words}."
    if all(each.low is not None and each.low > 0 for each in told):
        return _MET, f"{words}."
    return _UNKNOWN, f"{words}. The interval still contains 0."


def _sooner(evidence: Evidence) -> Found:
    now = evidence.known.now
    # A page without has waited so far: leaving it out would flatter.
    took = [
        (life.added, (life.personalized or now) - life.added)
        for life in evidence.known.timeline.pages.values()
    ]
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
     "Visitors who saw personalized content ÷ visitors whose industry is known, each once a day, "
     f"without held-out ones and refusals; at least 80%, of {FEWEST} or more", "30 days",
     _reached),
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
     "Visits of the probes to every page as every industry, and requests for what is missing, that "
     "failed; 0, and the walk saw what is served now", "last walk, within 7 days", _tests),
    (_WORKING, "Performance metrics reviewed weekly",
     "Weeks in which somebody of the team opened the health page, a report or a review; all four",
     "the last 4 weeks that are over", _reviews),
    (_IMPROVING, "PLI increases month-over-month",
     "Lift of the visitors who entered the holdout in a month − of those of the month before; "
     "above 0 by more than chance makes", "the last 2 months that are over", _months),
    (_IMPROVING, "New industries/personas added based on data",
     "Industries and personas that were published for the first time; at least one. What they "
     "were based on is for people to say", "91 days", _added),
    (_IMPROVING, "AI-generated variants perform as well as human-written",
     "Lift of drafted ÷ of written variants, in an experiment", "an experiment", _drafts),
    (_IMPROVING, "Behavior-based personalization outperforms industry-only",
     "Lift of an arm whose strategy goes by industry and something computed or predicted from "
     "behaviour, over an arm that goes by industry alone; its interval above 0",
     "since the experiment began", _behaviour),
    (_IMPROVING, "Time-to-personalize new pages decreases",
     "Median time from a page's first publication to its first content for an industry, or until "
     "now: pages of this quarter against earlier ones", "91 days", _sooner),
)  # fmt: skip
