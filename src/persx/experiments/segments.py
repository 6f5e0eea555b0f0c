"""Segments: each one raw, adjusted for their number, and pooled with its attribute's others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

import msgspec

from persx.experiments.comparing import lift_of, meant, metric_readout, pli_of, standing
from persx.experiments.doubts import check_splits, small_p
from persx.experiments.figures import (
    Adjusted,
    ArmReadout,
    Estimate,
    MetricReadout,
    SegmentReadout,
)
from persx.experiments.groups import GroupTable
from persx.experiments.metrics import METRICS
from persx.experiments.plan import MetricPlan, Observed, ReadoutPlan
from persx.experiments.statistics.discoveries import Discovery, discoveries
from persx.experiments.statistics.interval import Lift
from persx.experiments.statistics.pooling import pooled

Table = Mapping[str, GroupTable]
"""The groups of each value of an attribute."""


def read_segments(
    plan: ReadoutPlan,
    observed: Observed,
    attributes: Mapping[str, Table],
    doubts: Sequence[str],
) -> dict[str, dict[str, SegmentReadout]]:
    """Return the readout of every segment.

    Args:
        attributes: Attribute → value → groups.
        doubts: Why no figure of the experiment should be quoted; segments' neither.
    """
    splits = check_splits(
        plan,
        {
            (attribute, value): {
                arm: table.visitors(arm, observed.epoch) for arm in plan.names
            }
            for attribute, values in attributes.items()
            for value, table in values.items()
        },
    )  # fmt: skip
    found: dict[str, dict[str, SegmentReadout]] = {}
    for attribute, values in attributes.items():
        metrics = {
            metric.name: _metric(plan, attribute, values, metric, doubted=bool(doubts))
            for metric in plan.metrics
        }
        found[attribute] = {}
        for value, table in values.items():
            srm = splits[attribute, value]
            arms = {
                arm: ArmReadout(
                    n=table.visitors(arm),
                    metrics={name: each[value, arm] for name, each in metrics.items()},
                )
                for arm in plan.names
            }
            own = list(doubts)
            if srm.mismatch and not srm.assumed:
                own.append(
                    "Among these visitors the arms' counts do not fit their planned shares "
                    f"({small_p(srm.p)}, corrected for the number of segments)."
                )
            found[attribute][value] = SegmentReadout(
                arms=arms,
                srm=srm,
                pli=[
                    pli_of(
                        plan,
                        table,
                        arm,
                        arms[arm].metrics[plan.metrics[0].name],
                        own,
                        as_of=observed.as_of,
                        snapshot=observed.snapshot,
                    )
                    for arm in plan.names[1:]
                    if plan.metrics
                ],
            )
    return found


def _metric(
    plan: ReadoutPlan, attribute: str, values: Table, metric: MetricPlan, *, doubted: bool
) -> dict[tuple[str, str], MetricReadout]:
    """Return a metric in all segments of an attribute, by value and arm.

    A target counts as reached where the adjusted interval says so.
    """
    kind = METRICS[metric.kind]

    @cache
    def lift(value: str, arm: str, confidence: float) -> Lift:
        if metric.refused:
            return Lift(reason=metric.refused)
        strata = values[value].strata(arm, plan.control, metric.name)
        return lift_of(kind, strata, method=plan.method, confidence=confidence)

    adjusted = _adjusted(plan, values, lift)
    together = {arm: _pooled(plan, values, metric, arm) for arm in plan.names[1:]}
    found = {}
    for value, table in values.items():
        target = meant(plan, metric, attribute=attribute, value=value)
        for arm in plan.names:
            if arm == plan.control:
                raw = metric_readout(plan, table, arm, plan.control, metric)
            else:
                known = lift(value, arm, plan.confidence)
                raw = metric_readout(plan, table, arm, plan.control, metric, known)
                discovery = adjusted[value, arm]
                told = not doubted and discovery.p_adjusted is not None
                low, high = (discovery.lift.low, discovery.lift.high) if told else (None, None)
                raw = msgspec.structs.replace(
                    raw,
                    adjusted=None
                    if discovery.p_adjusted is None
                    else Adjusted(
                        low=discovery.lift.low,
                        high=discovery.lift.high,
                        p=discovery.p_adjusted,
                        found=discovery.found,
                    ),
                    pooled=together[arm].get(value),
                    target=target,
                    standing=standing(target, low, high),
                )
            found[value, arm] = raw
    return found


def _adjusted(
    plan: ReadoutPlan, values: Table, lift: Callable[[str, str, float], Lift]
) -> dict[tuple[str, str], Discovery]:
    """Adjust the intervals of all segments of an attribute: they do not overlap."""

    def compare(value: str, arm: str, *, confidence: float) -> Lift:
        return lift(value, arm, confidence)

    return discoveries(
        {
            (value, arm): partial(compare, value, arm)
            for value in values
            for arm in plan.names[1:]
        },
        confidence=plan.confidence,
    )  # fmt: skip


def _pooled(
    plan: ReadoutPlan, values: Table, metric: MetricPlan, arm: str
) -> dict[str, Estimate]:  # fmt: skip
    """Pool the segments in which there is something to compare; others would only be guessed."""
    if metric.refused:
        return {}
    kind = METRICS[metric.kind]
    effects = {
        value: kind.effect(
            table.strata(arm, plan.control, metric.name), confidence=plan.confidence
        )
        for value, table in values.items()
    }  # fmt: skip
    told = {
        value: each
        for value, each in effects.items()
        if each.variance < float("inf") and each.raw.p is not None
    }
    if len(told) < 2:
        return {}
    return {
        value: Estimate(
            lift=each.pooled.lift, low=each.pooled.low, high=each.pooled.high, p=each.pooled.p
        )
        for value, each in pooled(told, confidence=plan.confidence).segments.items()
    }
