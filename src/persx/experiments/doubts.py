"""Doubts: why no figure of an experiment should be quoted now, and what else is to be said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from persx.experiments.figures import Consent, SegmentReadout
from persx.experiments.plan import Method, Observed, ReadoutPlan
from persx.experiments.statistics.proportions import lift
from persx.experiments.statistics.shares import always_valid_lift
from persx.experiments.statistics.srm import ALARM, RatioCheck, sample_ratio
from persx.experiments.statistics.srm_many import Split, sample_ratio_by, sequential_sample_ratio
from persx.model.clock import DAY, HOUR, Millis, iso
from persx.model.counting import counted

WEEK: Final = 7 * DAY - HOUR
"""Seven days; the week in which clocks go forward is an hour shorter."""

CONTAMINATION_ALARM: Final = 0.01
"""From this share of visitors in two arms on, the comparison is blurred."""

Key = TypeVar("Key")


def check_split(plan: ReadoutPlan, visitors: Mapping[str, int]) -> RatioCheck:
    """Return whether visitor counts fit the planned weights, as often as the method looks."""
    if plan.method is Method.FIXED:
        return sample_ratio(visitors, plan.weights, assumed=plan.weights_assumed)
    found = sequential_sample_ratio([Split(visitors, plan.weights)])
    return msgspec.structs.replace(found, assumed=plan.weights_assumed)


def check_splits(
    plan: ReadoutPlan, visitors: Mapping[Key, Mapping[str, int]]
) -> dict[Key, RatioCheck]:
    """Return the same for each segment, corrected for their number."""
    if plan.method is Method.FIXED:
        checks = sample_ratio_by(visitors, plan.weights)
        return {
            key: msgspec.structs.replace(check, assumed=plan.weights_assumed)
            for key, check in checks.items()
        }
    checks = {key: check_split(plan, counts) for key, counts in visitors.items()}
    ordered = sorted((check.p, place) for place, check in enumerate(checks.values()) if check.p)
    corrected, largest = {}, 0.0
    # Holm's correction; a sequential p is valid at every look, and so is the corrected one.
    for rank, (p, place) in enumerate(ordered):
        largest = corrected[place] = max(largest, min(1.0, p * (len(ordered) - rank)))
    return {
        key: msgspec.structs.replace(check, p=corrected[place], mismatch=corrected[place] < ALARM)
        if place in corrected
        else check
        for place, (key, check) in enumerate(checks.items())
    }


def check_consent(
    plan: ReadoutPlan, visitors: Mapping[str, int], withdrawn: Mapping[str, int]
) -> Consent:
    """Return whether visitors of all arms took their consent back alike."""
    counts = {arm: min(withdrawn.get(arm, 0), n) for arm, n in visitors.items()}
    compare = always_valid_lift if plan.method is Method.ALWAYS_VALID else lift
    control = plan.control
    values = [
        found.p
        for arm, n in visitors.items()
        if arm != control
        and (found := compare(counts[arm], n, counts[control], visitors[control])).p is not None
    ]
    p = min(1.0, min(values) * len(values)) if values else None
    return Consent(withdrawn=counts, p=p, differs=p is not None and p < ALARM)


def is_early(plan: ReadoutPlan, observed: Observed) -> bool:
    """Tell whether a readout that is planned for one look is looked at before it."""
    start = observed.first_exposure
    return bool(plan.horizon) and (start is None or observed.as_of - start < plan.horizon)


def _length(time: Millis) -> str:
    return counted(time // DAY, "day") if time % DAY == 0 else counted(time // HOUR, "hour")


def doubts(
    plan: ReadoutPlan, observed: Observed, srm: RatioCheck, consent: Consent, visitors: int
) -> list[str]:
    """Return why no figure of this experiment should be quoted now."""
    found = []
    if srm.mismatch and not srm.assumed:
        found.append(
            f"The arms' visitor counts do not fit their planned shares ({small_p(srm.p)}): "
            "some visitors were lost or counted twice. Find out why before reading any lift."
        )
    if visitors and observed.contaminated / visitors > CONTAMINATION_ALARM:
        found.append(
            f"{observed.contaminated:,} of {counted(visitors, 'visitor')} seen in more than one "
            "arm."
        )
    if consent.differs:
        said = ", ".join(f"{n:,} in “{arm}”" for arm, n in consent.withdrawn.items())
        found.append(
            f"Visitors of the arms took their consent back in different shares ({said}; "
            f"{small_p(consent.p)}): those who are still counted are no longer alike."
        )
    start = observed.first_exposure
    if is_early(plan, observed):
        end = "" if start is None else f", on {iso(start + plan.horizon)[:10]}"
        found.append(
            f"It is looked at once, {_length(plan.horizon)} after the first visitor entered{end}: "
            "whoever looks earlier and stops finds what is not there."
        )
    if plan.source == "live" and (start is None or observed.as_of - start < WEEK):
        found.append(
            "A whole week has not passed since the first visitor entered: "
            "days of the week differ, so wait for seven."
        )
    return found


def small_p(p: float | None) -> str:
    """Write a p-value that is small, never as 0."""
    return f"p = {p:.1e}" if p is not None and p >= 1e-99 else "p < 1e-99"


def notes(
    plan: ReadoutPlan,
    observed: Observed,
    srm: RatioCheck,
    consent: Consent,
    epochs: Sequence[int],
    segments: Mapping[str, Mapping[str, SegmentReadout]],
) -> list[str]:
    """Return what is to be said beside the figures."""
    found = []
    if srm.assumed and srm.mismatch:
        found.append(
            f"The arms are not equally large ({small_p(srm.p)}). If they were planned so, "
            "something is wrong; if not, state the planned shares with --weight ARM=SHARE."
        )
    for arm, n in srm.left_out.items():
        found.append(f"Arm '{arm}' has weight 0 but {counted(n, 'visitor')} from earlier.")
    if observed.contaminated:
        rule = "; each counts with the arm of its first exposure" if plan.source == "live" else ""
        found.append(f"{counted(observed.contaminated, 'unit')} seen in more than one arm{rule}.")
    if withdrawn := sum(consent.withdrawn.values()):
        found.append(
            f"{counted(withdrawn, 'visitor')} took a consent back after they entered: "
            "since then they saw default content, or were no longer counted."
        )
    if len(epochs) > 1:
        found.append(
            f"{len(epochs)} epochs: lifts are stratified by epoch, "
            "so they are not the quotient of the totals shown."
        )
    found += [
        f"{attribute} '{value}': the arms' visitor counts do not fit their planned shares."
        for attribute, values in segments.items()
        for value, segment in values.items()
        if segment.srm.mismatch and not segment.srm.assumed
    ]
    comparisons = sum(map(len, segments.values())) * (len(plan.names) - 1) * len(plan.metrics)
    if comparisons > 1:
        found.append(
            f"{comparisons} segment comparisons. Each interval is also adjusted for the number of "
            "segments of its attribute, and each lift also pooled with theirs: of those that are "
            f"found by the adjusted intervals, at most {1 - plan.confidence:.0%} are so by chance."
        )
    return found
