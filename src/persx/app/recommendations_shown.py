"""Recommendations shown: what a pipeline would recommend to somebody, and why, for the team."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from persx.app.deciding import contextual, current_plan
from persx.app.recommending import RecommendRequest, recommend, recommending_profile
from persx.app.services import Services
from persx.app.use_cases import UseCase
from persx.app.visiting import Visitor
from persx.model.event import IdentityKey, anonymous_key, user_key
from persx.model.item import Touch
from persx.model.visitor import Profile
from persx.recommend.result import Why
from persx.recommend.words import said, why_words


class ShowRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody of the team asks.

    Attributes:
        item: The item whose page it is, by id or path.
        context: Contextual attributes, and ``category``.
    """

    pipeline: str
    anonymous_id: str = ""
    user_id: str = ""
    item: str = ""
    count: int = 8
    generic: bool = False
    context: dict[str, Any] = {}


class ShownItem(msgspec.Struct, frozen=True, kw_only=True):
    """One place: the item, where it comes from, and why it is there; `reason` is that in words."""

    place: int
    id: str
    title: str
    source: str
    score: float
    propensity: float
    why: Why
    reason: str


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What a pipeline would recommend now.

    Attributes:
        touches: What of the visitor counts, oldest first.
        withheld: They have touches that their consent does not cover.
    """

    pipeline: str
    artifact: int
    untrained: bool
    personal: bool
    touches: tuple[Touch, ...]
    withheld: bool
    items: tuple[ShownItem, ...]


async def show(services: Services, request: ShowRequest) -> Shown:
    """Return what a pipeline would recommend now; nothing of it is logged.

    Raises:
        NotFound: There is no such pipeline.
        Unavailable: Nothing is published yet.
    """
    await services.refresh()
    plan = current_plan(services)
    known = bool(request.anonymous_id or request.user_id)
    profile = Profile(storable=False)
    if known:
        visitor = Visitor(anonymous_id=request.anonymous_id, user_id=request.user_id, trusted=True)
        profile = await recommending_profile(services, plan, visitor)
    context = contextual(plan, request.context)
    if isinstance(category := request.context.get("category"), str):
        context["category"] = category
    found = await recommend(
        services,
        profile,
        RecommendRequest(
            pipeline=request.pipeline,
            count=request.count,
            anchor=request.item,
            context=context,
            generic=request.generic,
        ),
        plan=plan,
    )
    words = why_words("en")
    return Shown(
        pipeline=found.pipeline,
        artifact=found.artifact,
        untrained=found.untrained,
        personal=found.personal,
        touches=() if request.generic else profile.touches,
        withheld=bool(profile.withheld),
        items=tuple(
            ShownItem(
                place=each.place,
                id=each.item.id,
                title=each.item.title,
                source=each.source,
                score=each.score,
                propensity=each.propensity,
                why=each.why,
                reason=said(each.why, words),
            )
            for each in found.items
        ),
    )


def _looked(request: ShowRequest, _: Shown) -> list[IdentityKey]:
    if request.user_id:
        return [user_key(request.user_id)]
    return [anonymous_key(request.anonymous_id)] if request.anonymous_id else []


SHOW: Final = UseCase(
    "recommend-show", ShowRequest, Shown, show, notes=lambda *_: (), looked=_looked
)

USE_CASES: Final = (SHOW,)
