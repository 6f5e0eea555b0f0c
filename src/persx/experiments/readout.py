"""The readout: from aggregates of arms and segments to lifts with intervals, pure."""

from __future__ import annotations

import msgspec

from persx.experiments import doubts as doubting
from persx.experiments.comparing import meant, metric_readout, pli_of, standing
from persx.experiments.contrasts import against_best_single, layer_by_layer
from persx.experiments.figures import Adjusted as Adjusted
from persx.experiments.figures import ArmReadout as ArmReadout
from persx.experiments.figures import BestSingle as BestSingle
from persx.experiments.figures import Consent as Consent
from persx.experiments.figures import Contrast as Contrast
from persx.experiments.figures import Difference as Difference
from persx.experiments.figures import Estimate as Estimate
from persx.experiments.figures import Guard as Guard
from persx.experiments.figures import MetricHeading as MetricHeading
from persx.experiments.figures import MetricReadout as MetricReadout
from persx.experiments.figures import Pli as Pli
from persx.experiments.figures import Readout as Readout
from persx.experiments.figures import SegmentReadout as SegmentReadout
from persx.experiments.figures import Standing as Standing
from persx.experiments.groups import GroupTable
from persx.experiments.metrics import METRICS
from persx.experiments.plan import Method as Method
from persx.experiments.plan import MetricPlan as MetricPlan
from persx.experiments.plan import Observed as Observed
from persx.experiments.plan import ReadoutPlan as ReadoutPlan
from persx.experiments.segments import read_segments
from persx.model.clock import iso


def read_out(plan: ReadoutPlan, observed: Observed) -> Readout:
    """Analyse an experiment.

    What is planned for one look has intervals for many until then: whoever looks at its rows
    earlier is not to be misled by them either.

    Visitors of arms that the plan does not know are left out. Where there are several epochs,
    each metric kind combines the epochs' comparisons, never their totals: a moved split must not
    look like an effect.

    Raises:
        NotFound: A metric's kind is not registered.
    """
    plan = refusing(plan, observed)
    if doubting.is_early(plan, observed):
        plan = msgspec.structs.replace(plan, method=Method.ALWAYS_VALID)
    headings = [
        MetricHeading(
            name=metric.name,
            kind=metric.kind,
            label=metric.label or metric.name,
            rate_label=METRICS[metric.kind].rate_label,
            better=metric.better,
            margin=metric.margin,
        )
        for metric in plan.metrics
    ]
    everyone, attributes = _tables(plan, observed)
    visitors = {name: everyone.visitors(name) for name in plan.names}
    srm = doubting.check_split(
        plan, {name: everyone.visitors(name, observed.epoch) for name in plan.names}
    )
    consent = doubting.check_consent(plan, visitors, observed.withdrawn)
    doubts = doubting.doubts(plan, observed, srm, consent, sum(visitors.values()))
    arms = {name: _arm(plan, everyone, name, doubted=bool(doubts)) for name in plan.names}
    segments = read_segments(plan, observed, attributes, doubts)
    return Readout(
        experiment=plan.experiment,
        source=plan.source,
        control=plan.control,
        comparator=plan.comparator,
        confidence=plan.confidence,
        method=plan.method,
        metrics=headings,
        arms=arms,
        segments=segments,
        pli=[
            pli_of(
                plan,
                everyone,
                name,
                arms[name].metrics[plan.metrics[0].name],
                doubts,
                as_of=observed.as_of,
                snapshot=observed.snapshot,
            )
            for name in plan.names[1:]
            if plan.metrics
        ],
        srm=srm,
        contaminated=observed.contaminated,
        consent=consent,
        layers=layer_by_layer(plan, everyone, doubts),
        best_single=against_best_single(plan, everyone, doubts),
        epochs=everyone.epochs,
        as_of=iso(observed.as_of),
        first_exposure=None if observed.first_exposure is None else iso(observed.first_exposure),
        snapshot=observed.snapshot,
        notes=[
            *observed.notes,
            *doubting.notes(plan, observed, srm, consent, everyone.epochs, segments),
        ],
    )


def refusing(plan: ReadoutPlan, observed: Observed) -> ReadoutPlan:
    """Return the plan with what the data forbid said of its metrics."""
    return msgspec.structs.replace(
        plan,
        metrics=[
            msgspec.structs.replace(each, refused=observed.refused.get(each.name, ""))
            for each in plan.metrics
        ],
    )


def _tables(
    plan: ReadoutPlan, observed: Observed
) -> tuple[GroupTable, dict[str, dict[str, GroupTable]]]:
    everyone = GroupTable()
    attributes: dict[str, dict[str, GroupTable]] = {}
    for group in observed.groups:
        if group.arm not in plan.weights and group.arm != plan.control:
            continue
        if not group.attribute:
            everyone.add(group)
        else:
            values = attributes.setdefault(group.attribute, {})
            values.setdefault(group.segment, GroupTable()).add(group)
    return everyone, attributes


def _arm(plan: ReadoutPlan, everyone: GroupTable, name: str, *, doubted: bool) -> ArmReadout:
    metrics = {}
    for metric in plan.metrics:
        found = metric_readout(plan, everyone, name, plan.control, metric)
        if name != plan.control:
            target = meant(plan, metric)
            low, high = (None, None) if doubted else (found.low, found.high)
            found = msgspec.structs.replace(
                found, target=target, standing=standing(target, low, high)
            )
        metrics[metric.name] = found
    return ArmReadout(n=everyone.visitors(name), metrics=metrics)
