"""Recommended: what the blocks of a page that recommend show, ranked once they are decided.

Deciding is pure and knows which pipeline a block asks. Here its items are found, block by block:
what one shows the next does not. Who is held out, wants no personalization or has not allowed it
gets what everybody in their place would get. Both are computed in every arm, so that the visitors
who count in the holdout are those for whom it makes a difference, whichever they are shown.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from persx.app.clicking import Click, link, target_problem, whose
from persx.app.item_language import chain_of, why_in
from persx.app.recommending import RecommendRequest, recommend
from persx.app.services import Services
from persx.app.shopping import cart_of, sold_products
from persx.app.visiting import Visitor
from persx.content.blocks.product import PRODUCT
from persx.content.blocks.products import PRODUCTS, shelf
from persx.content.blocks.recommendations import (
    RECOMMENDATIONS,
    RecommendedItem,
    with_items,
)
from persx.decide.plan import DEFAULT_CHOICE, PagePlan, Plan
from persx.decide.receipt import LoggedItem, LoggedList
from persx.model.artifact import RECOMMENDER, artifact_key
from persx.model.attribute import Purpose
from persx.model.block_holdout import block_holdout_key
from persx.model.decision import Assignment, Decision, PageDecision, Reason
from persx.model.item import Item, in_language
from persx.model.visitor import Profile
from persx.model.workspace import HOLDOUT
from persx.recommend.catalogue import Catalogue
from persx.recommend.result import Recommendation, Recommendations, WhyKind
from persx.recommend.words import said, why_words

_GENERIC: Final = frozenset({Reason.HOLDOUT, Reason.DISABLED, Reason.ERROR, Reason.INVALID})
"""Who sees a block for one of these reasons is shown nothing of their own."""

_FALLBACKS: Final = frozenset({Reason.NO_MATCH, Reason.NO_CONSENT, Reason.UNKNOWN_VISITOR})
_TEXT: Final = 300
_TITLE: Final = 200


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """What one block of a page recommended.

    Attributes:
        artifact: Number of the trained pipeline; 0 where nothing is trained.
        personal: Its items follow from what is known of the visitor.
        error: What went wrong in the ranking; empty where nothing did.
    """

    block: str
    pipeline: str
    items: tuple[RecommendedItem, ...]
    artifact: int = 0
    personal: bool = False
    error: str = ""


class Ranked(NamedTuple):
    """A page whose blocks are filled: its decision, and what was recommended."""

    decision: PageDecision
    lists: tuple[Listed, ...]


async def with_recommendations(
    services: Services,
    visitor: Visitor,
    plan: Plan,
    page: PagePlan,
    profile: Profile,
    decision: PageDecision,
) -> Ranked:
    """Fill the blocks of a decided page that recommend."""
    wanted = [
        each for each in decision.decisions if each.type == RECOMMENDATIONS.name and each.content
    ]
    if not wanted:
        return Ranked(decision, ())
    catalogue = await services.current_catalogue()
    filling = _Filling(services, visitor, plan, profile, decision.attributes, catalogue)
    known = Purpose.PERSONALIZATION in profile.granted
    may = [known and each.reason not in _GENERIC for each in wanted]
    others = _others(decision.decisions)
    shown = await filling.lists(wanted, may, others)
    usual = [_as_usual(page, each, decision.attributes) for each in wanted]
    nobody = [False] * len(wanted)
    generic = await filling.lists(usual, nobody)
    personal = await filling.lists(usual, [known] * len(wanted)) if known else generic
    differ = {
        each.block
        for each, mine, everybodys in zip(wanted, personal, generic, strict=True)
        if _ids(mine) != _ids(everybodys)
    }
    plain = shown if not any(may) else await filling.lists(wanted, nobody, others)
    filled: dict[str, Decision] = {}
    for each, own, everybodys in zip(wanted, shown, plain, strict=True):
        reason = each.reason
        if own.error:
            reason = Reason.ERROR
        elif reason in _FALLBACKS:
            if own.personal and _ids(own) != _ids(everybodys):
                reason = Reason.TARGETED
            elif not known:
                reason = Reason.NO_CONSENT
            elif not profile.touches:
                reason = Reason.UNKNOWN_VISITOR
            else:
                reason = Reason.NO_MATCH
        filled[each.block] = msgspec.structs.replace(
            each, content=with_items(each.content, own.items), reason=reason
        )
    artifacts = {artifact_key(RECOMMENDER, each.pipeline): each.artifact for each in shown}
    used = {key: number for key, number in artifacts.items() if number}
    failed = {each.block: each.error for each in shown if each.error}
    return Ranked(
        msgspec.structs.replace(
            decision,
            decisions=tuple(filled.get(each.block, each) for each in decision.decisions),
            assignments=_counted(decision.assignments, differ),
            artifacts={**decision.artifacts, **used} if used else decision.artifacts,
            errors={**decision.errors, **failed} if failed else decision.errors,
        ),
        tuple(shown),
    )


def _ids(listed: Listed) -> tuple[str, ...]:
    return tuple(each.id for each in listed.items)


def _others(decisions: Sequence[Decision]) -> frozenset[str]:
    """Return the ids of what blocks show that do not recommend: products and shelves of them."""
    found: set[str] = set()
    for each in decisions:
        if not each.content:
            continue
        if each.type == PRODUCT.name:
            found.add(each.content["id"])
        elif each.type == PRODUCTS.name:
            most = each.content.get("limit", 0) or None
            found.update(product["id"] for product in shelf(each.content)[:most])
    return frozenset(found)


def _as_usual(page: PagePlan, decision: Decision, attributes: Mapping[str, Any]) -> Decision:
    """Return a block's decision as if its default content had been decided."""
    block = next(each for each in page.blocks if each.name == decision.block)
    texts = block.texts.get(str(attributes.get("locale", ""))) or block.texts[""]
    content = texts.contents[DEFAULT_CHOICE]
    if content is decision.content or not content:
        return decision
    return msgspec.structs.replace(decision, content=content)


def _counted(assignments: Sequence[Assignment], differ: Collection[str]) -> tuple[Assignment, ...]:
    """Return the assignments, those of holdouts eligible where a list would be another one."""
    if not differ:
        return tuple(assignments)
    keys = {HOLDOUT, *map(block_holdout_key, differ)}
    return tuple(
        msgspec.structs.replace(each, eligible=True)
        if each.experiment in keys and not each.eligible
        else each
        for each in assignments
    )


class _Filling:
    """Finds the items of one page's blocks; each list is asked for once."""

    def __init__(
        self,
        services: Services,
        visitor: Visitor,
        plan: Plan,
        profile: Profile,
        attributes: Mapping[str, Any],
        catalogue: Catalogue,
    ) -> None:
        self._services, self._visitor, self._plan = services, visitor, plan
        self._profile, self._attributes, self._catalogue = profile, attributes, catalogue
        locale = str(attributes.get("locale") or "")
        self._words, self._chain = why_words(locale), chain_of(plan, locale)
        self._context = {
            name: attributes[name]
            for name in ("device", "locale", "referrer.host", "hour")
            if attributes.get(name) is not None
        }
        here = catalogue.at(str(attributes.get("page.path", "")))
        self._here = here.id if here is not None else ""
        self._cart = [line.id for line in cart_of(plan, profile).lines]
        self._found: dict[tuple[object, ...], Listed] = {}

    async def lists(
        self,
        decisions: Sequence[Decision],
        personal: Sequence[bool],
        others: Collection[str] = (),
    ) -> Sequence[Listed]:
        """Return the lists of blocks in their order: what one shows the next does not.

        Args:
            others: What other blocks of the page show.
        """
        shown: set[str] = {self._here, *others} - {""}
        found = []
        for decision, own in zip(decisions, personal, strict=True):
            listed = await self._list(decision, frozenset(shown), personal=own)
            shown.update(each.id for each in listed.items)
            found.append(listed)
        return found

    async def _list(self, decision: Decision, without: frozenset[str], *, personal: bool) -> Listed:
        key = (decision.block, id(decision.content), without, personal)
        if key not in self._found:
            self._found[key] = await self._ask(decision, without, personal=personal)
        return self._found[key]

    async def _ask(self, decision: Decision, without: frozenset[str], *, personal: bool) -> Listed:
        content = decision.content
        anchor, count = self._here, content.get("count", 4)
        if (kind := content.get("anchor", "page")) != "page":
            anchor = self._cart[-1] if kind == "cart" and self._cart else ""
        if kind == "cart":
            if not self._cart:
                return Listed(block=decision.block, pipeline=content["pipeline"], items=())
            without |= set(self._cart)
        name = content["pipeline"]
        found = Recommendations(pipeline=name, items=(), artifact=0, id="", personal=False)
        failed = ""
        if name in self._plan.pipelines:
            request = RecommendRequest(
                pipeline=name,
                count=count,
                anchor=anchor,
                exclude=tuple(sorted(without)),
                context=self._context,
                generic=not personal,
            )
            try:
                found = await recommend(
                    self._services, self._profile, request, plan=self._plan, log=False
                )
            except Exception as error:
                # The page and its other blocks are shown all the same.
                failed = f"{type(error).__name__}: {error}"
        items = [self._item(each.item, content, each) for each in found.items]
        taken = {*without, *(each.id for each in items)}
        for id in content.get("instead", ()):
            item = self._catalogue.get(id)
            if len(items) < count and id not in taken and item is not None and item.shown:
                items.append(self._item(item, content))
                taken.add(id)
        return Listed(
            block=decision.block,
            pipeline=found.pipeline,
            items=self._with_sold(items[:count]),
            artifact=found.artifact,
            personal=personal and found.personal,
            error=failed,
        )

    def _item(
        self, item: Item, content: Mapping[str, Any], ranked: Recommendation | None = None
    ) -> RecommendedItem:
        category = item.category[-1] if item.category else ""
        why = self._why(ranked, content) if ranked else ""
        item = in_language(item, self._chain)
        return RecommendedItem(
            id=item.id,
            title=item.title or item.id,
            href="" if target_problem(item.url) else item.url,
            text=item.text if len(item.text) <= _TEXT else item.text[:_TEXT].rstrip() + "…",
            category=category,
            category_label=item.category[-1] if item.category else "",
            brand=item.brand,
            price=item.price,
            was=item.was or 0.0,
            image="" if target_problem(item.image) else item.image,
            art=item.art,
            why=why,
            propensity=ranked.propensity if ranked else 1.0,
        )

    def _why(self, ranked: Recommendation, content: Mapping[str, Any]) -> str:
        why = ranked.why
        if why.kind is WhyKind.NEW and not (why.text or ranked.item.added):
            # Nobody knows whether it is.
            return ""
        own = content.get("categories", {}).get(why.category, "")
        why = why_in(self._catalogue, why, ranked.item, self._chain)
        if why.category and own:
            why = msgspec.structs.replace(why, category=own)
        return said(why, self._words)

    def _with_sold(self, items: Sequence[RecommendedItem]) -> tuple[RecommendedItem, ...]:
        sold = sold_products(self._plan, {each.id for each in items}) if items else {}
        return tuple(
            msgspec.structs.replace(each, sold=True) if each.id in sold else each for each in items
        )


def logged_list(listed: Listed) -> LoggedList:
    """Return what the decision log keeps of a list."""
    return LoggedList(
        listed.pipeline,
        tuple(
            LoggedItem(each.id, each.title[:_TITLE], each.why[:_TITLE], each.propensity)
            for each in listed.items
        ),
    )


def links_of(
    services: Services, visitor: Visitor, decision: PageDecision, lists: Sequence[Listed], path: str
) -> Mapping[str, Mapping[str, str]]:
    """Return where the items of a page's blocks are linked to: block → item → path."""
    mine = whose(services.signer, visitor.anonymous_id)
    return {
        listed.block: {
            item.id: link(
                services.signer,
                Click(
                    decision=decision.id,
                    block=listed.block,
                    pipeline=listed.pipeline,
                    item=item.id,
                    place=place,
                    page=path,
                    whose=mine,
                ),
            )
            for place, item in enumerate(listed.items, 1)
            if item.href
        }
        for listed in lists
    }
