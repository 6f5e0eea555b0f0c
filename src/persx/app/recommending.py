"""Recommending: the items for a visitor, ranked by a pipeline over the catalogue of this moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec

from persx.app.deciding import current_plan
from persx.app.services import Services
from persx.app.visiting import Visitor, profile_of, with_persona
from persx.decide.plan import Plan
from persx.model.artifact import RECOMMENDER, artifact_key
from persx.model.attribute import Value
from persx.model.clock import HOUR, Millis
from persx.model.decision import DecisionRecord
from persx.model.errors import NotFound, did_you_mean
from persx.model.visitor import Profile
from persx.recommend.query import NOTHING
from persx.recommend.ranking.known import Wanted
from persx.recommend.ranking.picking import Draw
from persx.recommend.ranking.plan import PipelinePlan
from persx.recommend.ranking.prepared import Prepared
from persx.recommend.ranking.rank import rank
from persx.recommend.result import Recommendation, Recommendations

_SPAN: Final = 1 / 2**53


class RecommendRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a pipeline.

    Attributes:
        pipeline: By name.
        count: How many items.
        anchor: Id of the item whose page it is, or the page's path.
        exclude: Ids that are not shown, such as those that are on the page already.
        only: Ids of the only items that may be shown; none for all.
        context: Contextual attributes of the request, and ``category``, a path joined by ``/``.
        generic: Nothing that is known of the visitor counts: all get the same.
    """

    pipeline: str
    count: int = 8
    anchor: str = ""
    exclude: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    context: Mapping[str, Any] = {}
    generic: bool = False


async def recommend(
    services: Services,
    who: Visitor | Profile,
    request: RecommendRequest,
    *,
    plan: Plan | None = None,
    log: bool = True,
) -> Recommendations:
    """Return the items that a pipeline recommends to a visitor now.

    Args:
        who: A visitor, or their profile where it has been assembled with
            `Plan.recommending` already.
        plan: The one that the page is decided by; the served one unless given.
        log: Keep a line of it in the decision log, where the visitor allows storage.

    Raises:
        NotFound: There is no such pipeline.
        Unavailable: Nothing is published yet.
    """
    plan = plan or current_plan(services)
    pipeline = pipeline_of(plan, request.pipeline)
    now = services.clock()
    profile = await recommending_profile(services, plan, who) if isinstance(who, Visitor) else who
    catalogue = await services.current_catalogue()
    prepared = services.prepared.of(pipeline, catalogue, services.models.recommenders)
    wanted = _wanted(prepared, plan, profile, request, now)
    ranked = rank(prepared, wanted)
    id = services.decision_log.new_id(now)
    items = []
    for place, each in enumerate(ranked, start=1):
        item = catalogue.items[each.item]
        if item is not None:
            items.append(
                Recommendation(
                    item=item,
                    score=each.score,
                    source=each.source,
                    why=each.why,
                    propensity=each.propensity,
                    place=place,
                )
            )
    personal = not request.generic and (
        bool(wanted.touches) or not pipeline.personal.isdisjoint(profile.attributes)
    )
    found = Recommendations(
        pipeline=pipeline.name,
        items=tuple(items),
        artifact=prepared.trained.number if prepared.trained is not None else 0,
        id=id,
        personal=personal,
        untrained=prepared.trained is None,
    )
    if log and items and profile.storable:
        services.decision_log.add(_record(found, request, wanted, prepared, plan, profile))
    return found


def pipeline_of(plan: Plan, name: str) -> PipelinePlan:
    """Return a pipeline by name.

    Raises:
        NotFound: There is none of this name.
    """
    found = plan.pipelines.get(name)
    if found is None:
        hint = did_you_mean(name, plan.pipelines)
        if not plan.pipelines:
            hint = "The workspace has none; declare it in pipelines.yaml."
        raise NotFound(f"Unknown pipeline '{name}'.", value=name, hint=hint)
    return found


async def recommending_profile(services: Services, plan: Plan, visitor: Visitor) -> Profile:
    """Return what recommendations need to know of a visitor, their touches among it."""
    now = services.clock()
    profile = await profile_of(
        services, plan, visitor, now, plan.recommending, services.recommended_to
    )
    if any("persona" in each.reads for each in plan.pipelines.values()):
        profile = with_persona(plan, profile, {}, now)
    return profile


def _wanted(
    prepared: Prepared,
    plan: Plan,
    profile: Profile,
    request: RecommendRequest,
    now: Millis,
) -> Wanted:
    catalogue = prepared.catalogue
    anchor = catalogue.code(request.anchor) if request.anchor else NOTHING
    local = datetime.fromtimestamp(now / 1_000, plan.zone)
    context: dict[str, Any] = {"hour": local.hour, **request.context}
    item = catalogue.items[anchor] if anchor != NOTHING else None
    if item is not None and item.category:
        context.setdefault("category", "/".join(item.category))
    attributes: dict[str, Value] = {"weekday": local.isoweekday(), **context}
    if not request.generic:
        attributes = {**profile.attributes, **attributes}
        attributes["identified"] = any(each.startswith("u:") for each in profile.identities)
    tries = profile.storable and not request.generic
    return Wanted(
        count=request.count,
        now=now,
        touches=() if request.generic else profile.touches,
        anchor=anchor,
        exclude=request.exclude,
        only=request.only,
        context=context,
        attributes=attributes,
        draw=_draw(prepared.plan.name, profile.bucketing_id, now) if tries else None,
    )


def _record(
    found: Recommendations,
    request: RecommendRequest,
    wanted: Wanted,
    prepared: Prepared,
    plan: Plan,
    profile: Profile,
) -> DecisionRecord:
    """Return recommendations as they are kept: what was shown and how probable it was.

    With the artifact, the catalogue's revision, the attributes that rules read, and the visitor's
    events up to then, the list can be made again.
    """
    read = prepared.plan.reads
    body: dict[str, object] = {
        "snapshot": plan.snapshot.number,
        "artifacts": {artifact_key(RECOMMENDER, found.pipeline): found.artifact}
        if found.artifact
        else {},
        "attributes": {
            name: value
            for name in sorted(read)
            if (value := wanted.attributes.get(name)) is not None
        },
        "recommended": {
            "pipeline": found.pipeline,
            "catalogue": prepared.catalogue.revision,
            "anchor": request.anchor,
            "context": {name: request.context[name] for name in sorted(request.context)},
            "personal": found.personal,
            "generic": request.generic,
            "items": [
                [each.item.id, each.source, round(each.propensity, 6)] for each in found.items
            ],
        },
    }
    return DecisionRecord(
        id=found.id,
        at=wanted.now,
        bucketing_id=profile.bucketing_id,
        page="",
        snapshot=plan.snapshot.number,
        body=msgspec.json.encode(body).decode(),
    )


def _draw(pipeline: str, bucketing_id: str, now: Millis) -> Draw:
    """Return what decides which places go to what is tried: the same for a visitor for an hour."""
    start = f"{pipeline}\x1f{bucketing_id}\x1f{now // HOUR}\x1f".encode(errors="replace")

    def draw(place: int) -> float:
        digest = blake2b(start + str(place).encode(), digest_size=8).digest()
        return (int.from_bytes(digest) >> 11) * _SPAN

    return draw
