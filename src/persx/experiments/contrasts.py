"""Contrasts: layer by layer, and against the best single content that was tried on everybody."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from persx.experiments.comparing import lift_of, metric_readout, sums_of
from persx.experiments.figures import BestSingle, Contrast
from persx.experiments.groups import GroupTable
from persx.experiments.metrics import METRICS
from persx.experiments.plan import ReadoutPlan
from persx.experiments.statistics.interval import Lift, sided


def layer_by_layer(
    plan: ReadoutPlan, everyone: GroupTable, doubts: Sequence[str]
) -> list[Contrast]:
    """Return each layer's arm against the one before it: what that layer adds."""
    found = []
    for before, arm in pairwise(plan.layers):
        withheld = _withheld(plan, everyone, arm, before, doubts)
        found.append(
            Contrast(
                arm=arm,
                over=before,
                metrics={}
                if withheld
                else {
                    metric.name: metric_readout(plan, everyone, arm, before, metric)
                    for metric in plan.metrics
                },
                withheld=withheld,
            )
        )
    return found


def _withheld(
    plan: ReadoutPlan, everyone: GroupTable, arm: str, over: str, doubts: Sequence[str]
) -> list[str]:
    if not plan.metrics:
        return [*doubts, "There is no metric."]
    primary = plan.metrics[0]
    sums = (sums_of(everyone, each, primary) for each in (arm, over))
    too_few = primary.refused or METRICS[primary.kind].too_few(*sums)
    return [*doubts, too_few] if too_few else list(doubts)


def against_best_single(
    plan: ReadoutPlan, everyone: GroupTable, doubts: Sequence[str]
) -> list[BestSingle]:
    """Return each personalized arm against the best arm with one content for everybody.

    Whichever is the best must be beaten, so the lift over it is the smallest of all lifts. Each
    comparison is adjusted for their number (Bonferroni), so that the interval holds although the
    best one was chosen by looking; choosing flatters the single content, never the arm.
    """
    if not plan.metrics or not plan.single:
        return []
    return [
        _against(plan, everyone, arm, doubts) for arm in plan.names if arm not in plan.single
    ]  # fmt: skip


def _against(
    plan: ReadoutPlan, everyone: GroupTable, arm: str, doubts: Sequence[str]
) -> BestSingle:  # fmt: skip
    primary = plan.metrics[0]
    kind = METRICS[primary.kind]
    number = len(plan.single)
    lifts = {
        over: lift_of(
            kind,
            everyone.strata(arm, over, primary.name),
            method=plan.method,
            confidence=1 - (1 - plan.confidence) / number,
        )
        for over in plan.single
    }
    withheld = list(doubts)
    for over, lift in lifts.items():
        reason = primary.refused or kind.too_few(
            *(sums_of(everyone, each, primary) for each in (arm, over))
        )
        if reason or lift.p is None or lift.low is None:
            withheld.append(f"Against “{over}”: {reason or lift.reason}")
    best = min(lifts, key=lambda over: _or_infinite(lifts[over].lift))
    among = list(plan.single)
    if withheld:
        return BestSingle(arm=arm, metric=primary.name, best=best, among=among, withheld=withheld)
    better = max(_one_sided(lift, +1) for lift in lifts.values())
    worse = min(_one_sided(lift, -1) for lift in lifts.values())
    p = min(1.0, number * min(better, worse))
    significant = p < 1 - plan.confidence
    low, high = sided(
        min(lift.low for lift in lifts.values() if lift.low is not None),
        min(math.inf if lift.high is None else lift.high for lift in lifts.values()),
        better=significant and better < worse,
        worse=significant and worse < better,
    )
    return BestSingle(
        arm=arm,
        metric=primary.name,
        best=best,
        among=among,
        lift=lifts[best].lift,
        low=low,
        high=None if math.isinf(high) else high,
        p=p,
    )


def _one_sided(lift: Lift, side: int) -> float:
    """Return p where the arm is on that side of the other one; 1 where it is not."""
    beyond = _or_infinite(lift.lift) * side > 0
    return lift.p if lift.p is not None and beyond else 1.0


def _or_infinite(lift: float | None) -> float:
    return math.inf if lift is None else lift
