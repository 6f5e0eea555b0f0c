"""Recommending: the items for a visitor, ranked by a pipeline over the catalogue of this moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from persx.app.services import Services
from persx.app.visiting import Visitor, profile_of, with_persona
from persx.decide.plan import Plan
from persx.model.attribute import Value
from persx.model.clock import HOUR, Millis
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


class Listing(NamedTuple):
    """A list, with what it was asked for and what it was ranked with."""

    found: Recommendations
    wanted: Wanted
    prepared: Prepared


async def recommend(
    services: Services, profile: Profile, request: RecommendRequest, *, plan: Plan
) -> Recommendations:
    """Return the items that a pipeline recommends to a visitor now; nothing of it is kept.

    Args:
        profile: What `recommending_profile` returns, or more.
        plan: The one that the page is decided by.

    Raises:
        NotFound: There is no such pipeline.
    """
    return (await listing(services, profile, request, plan)).found


async def listing(
    services: Services,
    profile: Profile,
    request: RecommendRequest,
    plan: Plan,
    *,
    explained: bool = False,
) -> Listing:
    """Return what `recommend` does, with what it was made of.

    Args:
        explained: Tell of each item which rules had a part in its place.

    Raises:
        NotFound: There is no such pipeline.
    """
    pipeline = pipeline_of(plan, request.pipeline)
    now = services.clock()
    catalogue = await services.current_catalogue()
    prepared = services.prepared.of(pipeline, catalogue, services.models.recommenders)
    wanted = _wanted(prepared, plan, profile, request, now, explained=explained)
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
                    tried=each.tried,
                    rules=each.rules,
                    pinned=each.pinned,
                )
            )
    found = Recommendations(
        pipeline=pipeline.name,
        items=tuple(items),
        artifact=prepared.trained.number if prepared.trained is not None else 0,
        id=id,
        personal=not request.generic and is_personal(pipeline, profile),
        untrained=prepared.trained is None,
    )
    return Listing(found, wanted, prepared)


def is_personal(pipeline: PipelinePlan, profile: Profile) -> bool:
    """Tell whether anything that is known of a visitor counts in a pipeline."""
    return bool(profile.touches) or not pipeline.personal.isdisjoint(profile.attributes)


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
    *,
    explained: bool,
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
        explained=explained,
    )


def _draw(pipeline: str, bucketing_id: str, now: Millis) -> Draw:
    """Return what decides which places go to what is tried: the same for a visitor for an hour."""
    start = f"{pipeline}\x1f{bucketing_id}\x1f{now // HOUR}\x1f".encode(errors="replace")

    def draw(place: int) -> float:
        digest = blake2b(start + str(place).encode(), digest_size=8).digest()
        return (int.from_bytes(digest) >> 11) * _SPAN

    return draw
