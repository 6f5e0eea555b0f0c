"""Asked lists: what a pipeline recommends to somebody who asks for it by name, not in a block.

Consent and the holdout hold here as on a page: who is held out, wants generic content or has not
allowed personalization gets what everybody gets in their place. What was answered is counted, and
kept as a line of the decision log, where the visitor allows storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from persx.app.plans import current_plan
from persx.app.recommendation_counts import Outcome, origin_of, outcome_of
from persx.app.recommending import (
    Listing,
    RecommendRequest,
    is_personal,
    listing,
    pipeline_of,
    recommending_profile,
)
from persx.app.services import Services
from persx.app.visiting import Visitor
from persx.decide.held_out import holdout_assignment, is_held_out
from persx.decide.list_receipt import LoggedAnswer, LoggedPlace
from persx.decide.plan import NO_ARMS, Plan
from persx.model.artifact import RECOMMENDER, artifact_key
from persx.model.attribute import Purpose
from persx.model.decision import Assignment, DecisionRecord, Reason
from persx.model.visitor import Profile
from persx.recommend.result import Recommendations
from persx.visitors.preferences import GENERIC_CONTENT


class AskedList(NamedTuple):
    """What was recommended, and on what terms.

    Attributes:
        reason: Why these items: `targeted` where what is known of the visitor counted, else what
            stood against it.
        arms: The holdout's arm, where what is known of the visitor makes a difference for them.
        profile: Of whom it is for.
    """

    found: Recommendations
    reason: Reason
    arms: Mapping[str, str]
    profile: Profile


async def asked_list(
    services: Services,
    visitor: Visitor,
    request: RecommendRequest,
    *,
    plan: Plan | None = None,
    log: bool = True,
) -> AskedList:
    """Return the items that a pipeline recommends to a visitor now.

    Args:
        plan: The served one unless given.
        log: Keep a line of it in the decision log, where the visitor allows storage.

    Raises:
        NotFound: There is no such pipeline.
        Unavailable: Nothing is published yet.
    """
    plan = plan or current_plan(services)
    pipeline = pipeline_of(plan, request.pipeline)
    profile = await recommending_profile(services, plan, visitor)
    unwanted = request.generic or profile.attributes.get(GENERIC_CONTENT) is True
    # Whom it could make a difference for counts, in either arm: two lists would cost as much again.
    eligible = not unwanted and is_personal(pipeline, profile)
    arm = None if unwanted else holdout_assignment(plan, profile, eligible=eligible)
    held = is_held_out(arm)
    if held or unwanted:
        request = msgspec.structs.replace(request, generic=True)
    counts = services.metrics.recommendations
    try:
        done = await listing(services, profile, request, plan, explained=log and profile.storable)
    except Exception:
        counts.add(pipeline.name, Outcome.ERROR)
        raise
    origins = [origin_of(each) for each in done.found.items]
    counts.add(pipeline.name, outcome_of(origins, personal=done.found.personal), origins)
    reason = _reason(done.found, profile, unwanted=unwanted, held=held)
    if log and done.found.items and profile.storable:
        services.decision_log.add(_line(done, request, plan, profile, reason, arm))
    arms = {arm.experiment: arm.arm} if arm is not None and eligible else NO_ARMS
    return AskedList(done.found, reason, arms, profile)


def _reason(found: Recommendations, profile: Profile, *, unwanted: bool, held: bool) -> Reason:
    if unwanted:
        return Reason.DISABLED
    if held:
        return Reason.HOLDOUT
    if found.personal:
        return Reason.TARGETED
    allowed = Purpose.PERSONALIZATION in profile.granted
    return Reason.UNKNOWN_VISITOR if allowed else Reason.NO_CONSENT


def _line(
    done: Listing,
    request: RecommendRequest,
    plan: Plan,
    profile: Profile,
    reason: Reason,
    arm: Assignment | None,
) -> DecisionRecord:
    """Return recommendations as they are kept: what was shown, why, and how probable it was.

    With the artifact, the catalogue's revision, the attributes that rules read, and the visitor's
    events up to then, the list can be made again.
    """
    found, wanted, prepared = done
    body: dict[str, object] = {
        "snapshot": plan.snapshot.number,
        "artifacts": {artifact_key(RECOMMENDER, found.pipeline): found.artifact}
        if found.artifact
        else {},
        "attributes": {
            name: value
            for name in sorted(prepared.plan.reads)
            if (value := wanted.attributes.get(name)) is not None
        },
        "assignments": [] if arm is None else [arm],
        "recommended": LoggedAnswer(
            pipeline=found.pipeline,
            catalogue=prepared.catalogue.revision,
            anchor=request.anchor,
            context={name: request.context[name] for name in sorted(request.context)},
            personal=found.personal,
            generic=request.generic,
            reason=reason,
            allowed=Purpose.PERSONALIZATION in profile.granted,
            items=tuple(
                LoggedPlace(
                    each.item.id,
                    each.source,
                    round(each.propensity, 6),
                    each.tried,
                    each.why,
                    each.rules,
                )
                for each in found.items
            ),
        ),
    }
    return DecisionRecord(
        id=found.id,
        at=wanted.now,
        bucketing_id=profile.bucketing_id,
        page="",
        snapshot=plan.snapshot.number,
        body=msgspec.json.encode(body).decode(),
    )
