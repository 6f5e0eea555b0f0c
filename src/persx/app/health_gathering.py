"""Gathering for health: new publications, the lift of each industry, what behaviour adds."""

from __future__ import annotations

import logging
from typing import Final

import msgspec

from persx.app.health_record import Record
from persx.app.recommender_training import last_tried
from persx.app.reports import ReportRequest, report
from persx.app.services import Services
from persx.experiments.readout import Readout
from persx.health.detector import FALSE_ALARMS_A_YEAR
from persx.health.indicator import Lift
from persx.health.scorecard import LayerLift
from persx.health.timeline import Timeline, extended
from persx.model.artifact import RECOMMENDER
from persx.model.attribute import Source
from persx.model.errors import PersxError
from persx.model.question import INDUSTRY
from persx.model.workspace import HOLDOUT, TARGETED, Workspace
from persx.recommend.staleness import staleness
from persx.storage.ports import Store

SNAPSHOTS_A_LOOK: Final = 50

_log = logging.getLogger("persx")


async def extended_timeline(store: Store, timeline: Timeline) -> Timeline:
    """Return the timeline with the publications that are new, a few at a time."""
    if await store.active_number() == timeline.number:
        return timeline
    heads = [each for each in await store.snapshots() if each.number > timeline.number]
    for head in sorted(heads, key=lambda each: each.number)[:SNAPSHOTS_A_LOOK]:
        try:
            snapshot = await store.snapshot(head.number)
            if snapshot is not None:
                timeline = extended(timeline, head.number, head.published, snapshot.workspace)
        except (PersxError, LookupError, ValueError) as error:
            # Another version stored it, or it is damaged: what it held is not known.
            _log.warning("Health passes over snapshot %d: %s", head.number, error)
            timeline = msgspec.structs.replace(timeline, number=head.number)
    return timeline


async def stale_pipelines(services: Services, workspace: Workspace | None) -> dict[str, str]:
    """Return for each pipeline why what it recommends by is stale; empty where it is not.

    Of one that nobody has trained or tried to train yet, nothing is known.
    """
    if workspace is None or not workspace.pipelines:
        return {}
    made = {
        head.name: head.origin.made
        for head in await services.artifacts.heads(RECOMMENDER)
        if head.active
    }
    now = services.clock()
    return {
        name: staleness(pipeline, made.get(name), now)
        for name, pipeline in workspace.pipelines.items()
        if name in made or (await last_tried(services, name)).failed
    }


async def fresh_lifts(services: Services, record: Record, workspace: Workspace) -> Record:
    """Return the record with the lifts of now, by industry, and what behaviour adds.

    The intervals of the report are valid however often they are looked at, so that only the number
    of industries is allowed for: together they err once in ten years at most.
    """
    health, now = services.health, services.clock()
    confidence = 1 - FALSE_ALARMS_A_YEAR / max(len(workspace.industries), 1)
    lifts: dict[str, Lift] = {}
    try:
        # Where nobody is held out there is nothing to compare with, and nothing wrong.
        if workspace.settings.holdout.share > 0:
            readout = await report(services, ReportRequest(name=HOLDOUT, confidence=confidence))
            lifts = _by_industry(readout, workspace)
    except PersxError as error:
        _log.warning("Health has no lifts now: %s", error)
    layers = [
        await _layer(services, key, arm, over) for key, arm, over in behaviour_layers(workspace)
    ]
    health.lifts_take = services.clock() - now
    return msgspec.structs.replace(record, lifts=lifts, layers=tuple(layers), lifts_at=now)


def _by_industry(readout: Readout, workspace: Workspace) -> dict[str, Lift]:
    pli = next((each for each in readout.pli if each.arm == TARGETED), None)
    if pli is None or not readout.metrics:
        return {}
    withheld, metric = tuple(pli.withheld), readout.metrics[0].name
    lifts = {}
    for name, segment in readout.segments.get(INDUSTRY, {}).items():
        arm = segment.arms.get(TARGETED)
        if name not in workspace.industries or arm is None or metric not in arm.metrics:
            continue
        found = arm.metrics[metric]
        own = next((each.withheld for each in segment.pli if each.arm == TARGETED), [])
        # What the report does not quote, because too few have converted, is no alarm either.
        reasons = (
            withheld
            or tuple(own)
            or ((found.reason or "Too few conversions.",) * (found.lift is None))
        )
        lifts[name] = Lift(
            lift=None if reasons else found.lift,
            low=None if reasons else found.low,
            high=None if reasons else found.high,
            withheld=reasons,
        )
    return lifts


def behaviour_layers(workspace: Workspace) -> list[tuple[str, str, str]]:
    """Return experiments with an arm that adds behaviour to another's industry: key, arm, other."""
    behaviour = {
        name
        for name, each in workspace.attributes.items()
        if each.source in (Source.COMPUTED, Source.PREDICTED)
    }
    found = []
    for key, experiment in workspace.experiments.items():
        goes_by = {
            arm.name: set(workspace.strategies[arm.show].attributes)
            for arm in experiment.arms
            if isinstance(arm.show, str) and arm.show in workspace.strategies
        }
        found += [
            (key, arm, over)
            for over, attributes in goes_by.items()
            if attributes == {INDUSTRY}
            for arm, more in goes_by.items()
            if attributes < more and behaviour & more
        ][:1]
    return found


async def _layer(services: Services, key: str, arm: str, over: str) -> LayerLift:
    """Read what an arm of an experiment adds to another: its control, or the layer before it."""
    nothing = LayerLift(experiment=key, arm=arm, over=over)
    try:
        readout = await report(services, ReportRequest(name=key))
    except PersxError as error:
        return msgspec.structs.replace(nothing, withheld=str(error))
    if over == readout.control:
        pli = next((each for each in readout.pli if each.arm == arm), None)
        if pli is None:
            return nothing
        return msgspec.structs.replace(
            nothing, lift=pli.lift, low=pli.low, high=pli.high, withheld=" ".join(pli.withheld)
        )
    layer = next((each for each in readout.layers if (each.arm, each.over) == (arm, over)), None)
    if layer is None or not readout.metrics:
        why = f"The report compares '{arm}' with '{readout.control}', not with '{over}'."
        return msgspec.structs.replace(nothing, withheld=why)
    found = layer.metrics.get(readout.metrics[0].name)
    if layer.withheld or found is None:
        return msgspec.structs.replace(nothing, withheld=" ".join(layer.withheld))
    return msgspec.structs.replace(
        nothing, lift=found.lift, low=found.low, high=found.high, withheld=found.reason
    )
