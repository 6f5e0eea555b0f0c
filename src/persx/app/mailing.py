"""Mailing: what a block or a pipeline recommends to somebody, as a piece of an e-mail to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from persx.app.asked_lists import asked_list
from persx.app.clicking import Click, link
from persx.app.deciding import decide_for, page_plan
from persx.app.item_language import chain_of
from persx.app.plans import current_plan
from persx.app.recommended import NO_CATEGORIES, reason_of, shown_item
from persx.app.recommending import RecommendRequest
from persx.app.services import Services
from persx.app.visiting import Visitor
from persx.channels.email_fragment import EmailItem, EmailList, email_fragment
from persx.content.blocks.recommendations import RECOMMENDATIONS, RecommendedItem
from persx.decide.plan import Plan
from persx.model.errors import BadInput, NotFound, did_you_mean
from persx.recommend.words import why_words


class MailRequest(msgspec.Struct, frozen=True, kw_only=True):
    """For whom, and what: a block, or what is asked of a pipeline.

    Attributes:
        block: A block that recommends, by name.
        asked: What is asked of a pipeline, in place of a block.
        headline: What is said above a pipeline's items; a block says its own.
        currency: Of a pipeline's items; a block says its own.
        base: Address of the site, which links are completed with.
        locale: The language; the workspace's own unless given.
    """

    user_id: str
    block: str = ""
    asked: RecommendRequest | None = None
    headline: str = ""
    currency: str = "EUR"
    base: str
    locale: str = ""


class Mailed(msgspec.Struct, frozen=True, kw_only=True):
    """The piece of HTML, empty where there is nothing to recommend, and the ids of its items."""

    html: str
    items: tuple[str, ...]


class _Piece(NamedTuple):
    """A list to be mailed.

    Attributes:
        click: What a click on any of its items says.
        counted: Clicks may be counted.
        content: The fields of a block's content that say how it is shown.
    """

    items: tuple[RecommendedItem, ...]
    click: Click
    counted: bool
    content: Mapping[str, Any]


async def recommendations_mail(services: Services, request: MailRequest) -> Mailed:
    """Return what a block or a pipeline recommends to a user, for an e-mail to them alone.

    It is decided as on a page: experiments, the holdout and consent hold here too, and the decision
    log has a line of it. A click on an item leads through this server and counts for the user.

    Raises:
        NotFound: There is no such block or pipeline, or the block recommends nothing.
        BadInput: No user is named, or not exactly one of block and pipeline.
        Unavailable: Nothing is published yet.
    """
    plan = current_plan(services)
    if not request.user_id:
        raise BadInput("No user is named.", hint="Say for whom with 'userId'.")
    if bool(request.block) is (request.asked is not None):
        raise BadInput("It is a block that recommends, or a pipeline.", hint="Name one of them.")
    known = {*plan.workspace.locales, plan.workspace.settings.default_locale}
    locale = request.locale if request.locale in known else plan.workspace.settings.default_locale
    if request.asked is None:
        piece = await _of_block(services, plan, request, locale)
    else:
        piece = await _of_pipeline(services, plan, request, request.asked, locale)
    content = piece.content

    def leads(place: int, item: RecommendedItem) -> str:
        if not item.href or not piece.counted:
            return item.href
        click = msgspec.structs.replace(piece.click, item=item.id, place=place)
        return link(services.signer, click)

    categories = content.get("categories", NO_CATEGORIES)
    html = email_fragment(
        EmailList(
            headline=content.get("headline", ""),
            intro=content.get("intro", ""),
            base=request.base,
            currency=content.get("currency", "EUR"),
            locale=locale,
            items=tuple(
                EmailItem(
                    title=item.title,
                    link=leads(place, item),
                    image=item.image,
                    category=categories.get(item.category, item.category_label or item.category),
                    price=item.price if content.get("show_price", True) else None,
                    was=item.was,
                    why=item.why if content.get("show_why", True) else "",
                )
                for place, item in enumerate(piece.items, 1)
            ),
        )
    )
    return Mailed(html=html, items=tuple(each.id for each in piece.items))


async def _of_block(services: Services, plan: Plan, request: MailRequest, locale: str) -> _Piece:
    wanted = [name for name, each in plan.blocks.items() if each.type == RECOMMENDATIONS.name]
    if request.block not in wanted:
        raise NotFound(
            f"There is no block '{request.block}' that recommends.",
            value=request.block,
            hint=did_you_mean(request.block, wanted),
        )
    decided = await decide_for(
        services,
        Visitor(user_id=request.user_id, trusted=True),
        plan=plan,
        page=page_plan(plan, "", [request.block]),
        context={"locale": locale},
    )
    (decision,) = decided.decision.decisions
    content: dict[str, Any] = dict(decision.content)
    return _Piece(
        items=decided.lists[0].items if decided.lists else (),
        click=Click(
            decision=decided.decision.id,
            block=decision.block,
            pipeline=content.get("pipeline", ""),
            item="",
            place=0,
            user_id=request.user_id,
        ),
        counted=decided.profile.storable,
        content=content,
    )


async def _of_pipeline(
    services: Services, plan: Plan, request: MailRequest, asked: RecommendRequest, locale: str
) -> _Piece:
    asked = msgspec.structs.replace(asked, context={**asked.context, "locale": locale})
    visitor = Visitor(user_id=request.user_id, trusted=True)
    done = await asked_list(services, visitor, asked, plan=plan)
    words, chain, catalogue = why_words(locale), chain_of(plan, locale), services.catalogue.now
    return _Piece(
        items=tuple(
            shown_item(each.item, chain, reason_of(each, words, catalogue, chain), each.propensity)
            for each in done.found.items
        ),
        click=Click(
            decision=done.found.id,
            block="",
            pipeline=done.found.pipeline,
            item="",
            place=0,
            user_id=request.user_id,
        ),
        counted=done.profile.storable,
        content={"headline": request.headline, "currency": request.currency},
    )
