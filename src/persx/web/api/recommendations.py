"""``/v1/recommendations``: what a pipeline recommends to a visitor, for API clients and pages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from persx.app.asked_lists import AskedList, asked_list
from persx.app.deciding import contextual, current_plan
from persx.app.item_language import chain_of, in_words_of
from persx.app.recommending import RecommendRequest
from persx.app.services import Services
from persx.app.visiting import Visitor
from persx.decide.plan import Plan
from persx.model.decision import Reason
from persx.model.errors import BadInput
from persx.recommend.ranking.rank import MOST
from persx.recommend.result import Recommendation, Why
from persx.recommend.words import WhyWords, said, why_words
from persx.web.api.answers import answers, body, json
from persx.web.api.decide import sender
from persx.web.collect.wire import MAX_ID
from persx.web.keys import key_of
from persx.web.visitors import VISITOR, context_of, is_bot, locale_of, services_of, visitor_of

MOST_IDS: Final = 1_000
"""Ids in `exclude`, or in `only`."""

DEFAULT_COUNT: Final = 8

PARAMETERS: Final = frozenset({
    "pipeline", "item", "count", "exclude", "only", "generic", "anonymousId", "userId", "category",
    "locale", "writeKey", "device",
})  # fmt: skip
"""What an address may ask."""


class RecommendationsRequest(
    msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True
):
    """What ``POST /v1/recommendations`` takes; ``GET`` takes the same in its address.

    `item` is the item whose page it is, by its id or the path of its page. `exclude` are items
    that are on the page already, `only` the only ones that may be shown. `generic` leaves out all
    that is known of the visitor. `context` holds contextual attributes, and ``category``, a path
    joined by ``/``.
    """

    pipeline: str
    item: str = ""
    count: int = DEFAULT_COUNT
    exclude: list[str] = []
    only: list[str] | None = None
    generic: bool = False
    context: dict[str, Any] = {}
    anonymous_id: str = ""
    user_id: str = ""
    write_key: str = ""


class RecommendedItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item that is recommended. `reason` is `why` in words, in the language of the request."""

    id: str
    title: str
    url: str = ""
    image: str = ""
    art: str = ""
    price: float | None = None
    was: float | None = None
    category: tuple[str, ...] = ()
    brand: str = ""
    place: int
    why: Why
    reason: str
    source: str = ""
    score: float = 0.0
    propensity: float


class RecommendationsResponse(msgspec.Struct, frozen=True):
    """What ``/v1/recommendations`` answers.

    `id` is under which it is in the decision log; events that tell of it name it. `artifact` is
    the number of the trained pipeline, 0 where there is none yet: then `untrained` is true, and
    the items are the newest of the catalogue. `personal` tells whether anything that is known of
    the visitor counted, and `reason` why, or why not: ``targeted``, or ``holdout``, ``disabled``,
    ``no_consent``, ``unknown_visitor``. `arms` has the holdout's arm where it makes a difference
    for the visitor: who shows the list sends ``Experiment Viewed`` with it.
    """

    pipeline: str
    items: list[RecommendedItem]
    id: str
    artifact: int
    personal: bool
    untrained: bool
    snapshot: int
    reason: Reason
    arms: Mapping[str, str]


def answer_of(asked: AskedList, words: WhyWords, snapshot: int) -> RecommendationsResponse:
    """Return recommendations as API clients see them."""
    found = asked.found
    return RecommendationsResponse(
        pipeline=found.pipeline,
        items=[_item(each, words) for each in found.items],
        id=found.id,
        artifact=found.artifact,
        personal=found.personal,
        untrained=found.untrained,
        snapshot=snapshot,
        reason=asked.reason,
        arms=asked.arms,
    )


def _item(found: Recommendation, words: WhyWords) -> RecommendedItem:
    item = found.item
    return RecommendedItem(
        id=item.id,
        title=item.title,
        url=item.url,
        image=item.image,
        art=item.art,
        price=item.price,
        was=item.was,
        category=item.category,
        brand=item.brand,
        place=found.place,
        why=found.why,
        reason=said(found.why, words),
        source=found.source,
        score=round(found.score, 6),
        propensity=round(found.propensity, 6),
    )


@answers
async def read_recommendations(request: Request) -> Response:
    """Recommend items to the bearer, or to whom the address names."""
    return await _answered(request, request_in(request.query_params))


@answers
async def ask_recommendations(request: Request) -> Response:
    """Recommend items to the bearer, or to whom the body names; it has room for long lists."""
    return await _answered(request, await body(request, RecommendationsRequest))


async def _answered(request: Request, asked: RecommendationsRequest) -> Response:
    services = services_of(request)
    check_asked(asked)
    visitor, own = _who(request, asked, services)
    plan = current_plan(services)
    found = await asked_list(
        services,
        visitor,
        RecommendRequest(
            pipeline=asked.pipeline,
            count=asked.count,
            anchor=asked.item,
            exclude=tuple(asked.exclude),
            only=None if asked.only is None else tuple(asked.only),
            context=_context(request, plan, asked, own=own),
            generic=asked.generic,
        ),
        plan=plan,
        # Of whom nobody knows again nothing is kept.
        log=not (visitor.new or is_bot(request)),
    )
    locale = asked.context.get("locale")
    locale = locale if isinstance(locale, str) else locale_of(request, plan)
    words = why_words(locale)
    told = in_words_of(found.found, services.catalogue.now, chain_of(plan, locale))
    found = found._replace(found=told)
    return json(
        answer_of(found, words, plan.snapshot.number), headers={"Cache-Control": "no-store"}
    )


def _who(
    request: Request, asked: RecommendationsRequest, services: Services
) -> tuple[Visitor, bool]:
    """Return for whom it is, and whether it is the sender's own browser that asks."""
    keyed = bool(key_of(request.headers) or asked.write_key)
    at_home = request.headers.get("sec-fetch-site") == "same-origin"
    named = bool(asked.anonymous_id or asked.user_id)
    if not keyed and not named and (at_home or VISITOR.name in request.cookies):
        # A page of ours asks for its visitor, who needs no key for what is theirs.
        return visitor_of(request, make=True), True
    found = sender(request, asked, services)
    return found, not named


def _context(
    request: Request, plan: Plan, asked: RecommendationsRequest, *, own: bool
) -> Mapping[str, Any]:
    """Return what the request tells, by itself where the visitor's own browser sent it."""
    said = context_asked(plan, asked)
    if not own:
        return said
    path = asked.item if asked.item.startswith("/") else request.url.path
    return {**context_of(request, plan, path), **said}


def context_asked(plan: Plan, asked: RecommendationsRequest) -> dict[str, Any]:
    """Return what is asked of the context, as far as it can be read."""
    said: dict[str, Any] = contextual(plan, asked.context)
    category = asked.context.get("category")
    if isinstance(category, str) and category:
        said["category"] = category[:MAX_ID]
    return said


def request_in(given: QueryParams, known: Collection[str] = PARAMETERS) -> RecommendationsRequest:
    """Return what an address asks for.

    Raises:
        BadInput: A parameter is none of those that are known, or cannot be read.
    """
    for name in given:
        if name not in known:
            raise BadInput(f"There is no parameter '{name[:40]}'.", value=name)
    if "pipeline" not in given:
        raise BadInput("No pipeline is named.", hint="Send ?pipeline=NAME.")
    count = given.get("count", str(DEFAULT_COUNT))
    if not (count.isascii() and count.isdigit() and len(count) < 6):
        raise BadInput(f"'{count[:40]}' is no number of items.", value=count, hint="Send count=8.")
    return RecommendationsRequest(
        pipeline=given["pipeline"],
        item=given.get("item", ""),
        count=int(count),
        exclude=_listed(given.getlist("exclude")),
        only=_listed(given.getlist("only")) if "only" in given else None,
        generic=given.get("generic", "") in ("1", "true"),
        context={name: given[name] for name in ("category", "locale", "device") if given.get(name)},
        anonymous_id=given.get("anonymousId", ""),
        user_id=given.get("userId", ""),
        write_key=given.get("writeKey", ""),
    )


def _listed(given: list[str]) -> list[str]:
    return [id for each in given for id in each.split(",") if id]


def check_asked(asked: RecommendationsRequest) -> None:
    """Check how much is asked for.

    Raises:
        BadInput: It is too much.
    """
    if not 1 <= asked.count <= MOST:
        raise BadInput(f"A list has 1 to {MOST} items, not {asked.count}.", value=asked.count)
    for name, ids in (("exclude", asked.exclude), ("only", asked.only or [])):
        if len(ids) > MOST_IDS:
            raise BadInput(f"'{name}' has {len(ids):,} ids; {MOST_IDS:,} are allowed.")
    if len(asked.item) > MAX_ID or len(asked.pipeline) > MAX_ID:
        raise BadInput(f"An id is longer than {MAX_ID} characters.")


def routes() -> list[Route]:
    """Return the routes of this file."""
    return [
        Route("/v1/recommendations", read_recommendations, methods=["GET"]),
        Route("/v1/recommendations", ask_recommendations, methods=["POST"]),
    ]
