"""Mailing: what a block would recommend to somebody now, as a piece of an e-mail to them."""

from __future__ import annotations

from typing import Any

import msgspec

from persx.app.clicking import Click, link
from persx.app.deciding import decide_for, page_plan
from persx.app.plans import current_plan
from persx.app.services import Services
from persx.app.visiting import Visitor
from persx.channels.email_fragment import EmailItem, EmailList, email_fragment
from persx.content.blocks.recommendations import RECOMMENDATIONS, RecommendedItem
from persx.model.errors import BadInput, NotFound, did_you_mean


class MailRequest(msgspec.Struct, frozen=True, kw_only=True):
    """For whom, and what.

    Attributes:
        block: A block that recommends, by name.
        base: Address of the site, which links are completed with.
        locale: The language; the workspace's own unless given.
    """

    user_id: str
    block: str
    base: str
    locale: str = ""


class Mailed(msgspec.Struct, frozen=True, kw_only=True):
    """The piece of HTML, empty where there is nothing to recommend, and the ids of its items."""

    html: str
    items: tuple[str, ...]


async def recommendations_mail(services: Services, request: MailRequest) -> Mailed:
    """Return what a block recommends to a user, for an e-mail to them alone.

    It is decided as on a page: experiments, the holdout and consent hold here too, and the decision
    log has a line of it. A click on an item leads through this server and counts for the user.

    Raises:
        NotFound: There is no such block, or it recommends nothing.
        BadInput: No user is named.
        Unavailable: Nothing is published yet.
    """
    plan = current_plan(services)
    if not request.user_id:
        raise BadInput("No user is named.", hint="Say for whom with 'userId'.")
    wanted = [name for name, each in plan.blocks.items() if each.type == RECOMMENDATIONS.name]
    if request.block not in wanted:
        raise NotFound(
            f"There is no block '{request.block}' that recommends.",
            value=request.block,
            hint=did_you_mean(request.block, wanted),
        )
    locales = {*plan.workspace.locales, plan.workspace.settings.default_locale}
    locale = request.locale if request.locale in locales else ""
    decided = await decide_for(
        services,
        Visitor(user_id=request.user_id, trusted=True),
        plan=plan,
        page=page_plan(plan, "", [request.block]),
        context={"locale": locale or plan.workspace.settings.default_locale},
    )
    (decision,) = decided.decision.decisions
    content: dict[str, Any] = dict(decision.content)
    items = decided.lists[0].items if decided.lists else ()

    def leads(place: int, item: RecommendedItem) -> str:
        if not item.href or not decided.profile.storable:
            return item.href
        click = Click(
            decision=decided.decision.id,
            block=decision.block,
            pipeline=content["pipeline"],
            item=item.id,
            place=place,
            user_id=request.user_id,
        )
        return link(services.signer, click)

    categories = content.get("categories", {})
    html = email_fragment(
        EmailList(
            headline=content.get("headline", ""),
            intro=content.get("intro", ""),
            base=request.base,
            currency=content.get("currency", "EUR"),
            locale=locale or plan.workspace.settings.default_locale,
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
                for place, item in enumerate(items, 1)
            ),
        )
    )
    return Mailed(html=html, items=tuple(each.id for each in items))
