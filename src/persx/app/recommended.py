"""Recommended: what the blocks of a page that recommend show, ranked once they are decided.

Deciding is pure and knows which pipeline a block asks. Here its items are found, block by block:
what one shows the next does not. Who is held out, wants no personalization or has not allowed it
gets what everybody in their place would get: the list of the page as it is where nothing of it is
personal, whatever the page's other blocks show to them. Both are computed in every arm, so that the
visitors who count in the holdout are those for whom it makes a difference, whichever they are
shown.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final, NamedTuple

import msgspec

from persx.app.clicking import Click, link, target_problem, whose
from persx.app.item_language import chain_of, why_in
from persx.app.recommendation_counts import INSTEAD, Origin, Outcome, origin_of, outcome_of
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
from persx.recommend.words import WhyWords, said, why_words

_GENERIC: Final = frozenset({Reason.HOLDOUT, Reason.DISABLED, Reason.ERROR, Reason.INVALID})
"""Who sees a block for one of these reasons is shown nothing of their own."""

_FALLBACKS: Final = frozenset({Reason.NO_MATCH, Reason.NO_CONSENT, Reason.UNKNOWN_VISITOR})
NO_CATEGORIES: Final[Mapping[str, str]] = {}
_TEXT: Final = 300
_TITLE: Final = 200


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """What one block of a page recommended.

    Attributes:
        artifact: Number of the trained pipeline; 0 where nothing is trained.
        personal: Its items follow from what is known of the visitor.
        origins: Where each of its items comes from.
        error: What went wrong in the ranking; empty where nothing did.
    """

    block: str
    pipeline: str
    items: tuple[RecommendedItem, ...]
    artifact: int = 0
    personal: bool = False
    origins: tuple[Origin, ...] = ()
    error: str = ""

    @property
    def outcome(self) -> Outcome:
        """What became of the list."""
        return outcome_of(self.origins, personal=self.personal, failed=bool(self.error))


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
    usual = [_as_usual(page, each, decision.attributes) for each in wanted]
    around = _others([_as_usual(page, each, decision.attributes) for each in decision.decisions])
    # The page without anything personal, and as it would be without a holdout: no arm is read.
    generic = await filling.lists(usual, around)
    personal = await filling.lists(usual, around, personal=True) if known else generic
    differ = {
        each.block
        for each, mine, everybodys in zip(wanted, personal, generic, strict=True)
        if _ids(mine) != _ids(everybodys)
    }
    fixed = [
        everybodys if each.reason in _GENERIC else None
        for each, everybodys in zip(wanted, generic, strict=True)
    ]
    others = _others(decision.decisions)
    shown = await filling.lists(wanted, others, personal=known, fixed=fixed)
    plain = await filling.lists(wanted, others) if known and not all(fixed) else shown
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
        others: Collection[str],
        *,
        personal: bool = False,
        fixed: Sequence[Listed | None] = (),
    ) -> Sequence[Listed]:
        """Return the lists of blocks in their order: what one shows the next does not.

        Args:
            others: What other blocks of the page show.
            personal: They may follow from what is known of the visitor.
            fixed: Lists that are shown as they are, block by block; none where it is asked for.
        """
        shown: set[str] = {self._here, *others} - {""}
        found = []
        for decision, listed in zip_longest(decisions, fixed):
            if listed is None:
                listed = await self._list(decision, frozenset(shown), personal=personal)
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
                found = await recommend(self._services, self._profile, request, plan=self._plan)
            except Exception as error:
                # The page and its other blocks are shown all the same.
                failed = f"{type(error).__name__}: {error}"
        categories = content.get("categories", {})
        items = [
            shown_item(
                each.item,
                self._chain,
                reason_of(each, self._words, self._catalogue, self._chain, categories),
                each.propensity,
            )
            for each in found.items
        ]
        origins = [origin_of(each) for each in found.items]
        taken = {*without, *(each.id for each in items)}
        for id in content.get("instead", ()):
            item = self._catalogue.get(id)
            if len(items) < count and id not in taken and item is not None and item.shown:
                items.append(shown_item(item, self._chain))
                origins.append(Origin(INSTEAD))
                taken.add(id)
        return Listed(
            block=decision.block,
            pipeline=found.pipeline,
            items=self._with_sold(items[:count]),
            artifact=found.artifact,
            personal=personal and found.personal,
            origins=tuple(origins[:count]),
            error=failed,
        )

    def _with_sold(self, items: Sequence[RecommendedItem]) -> tuple[RecommendedItem, ...]:
        sold = sold_products(self._plan, {each.id for each in items}) if items else {}
        return tuple(
            msgspec.structs.replace(each, sold=True) if each.id in sold else each for each in items
        )


def shown_item(
    item: Item, chain: Sequence[str], why: str = "", propensity: float = 1.0
) -> RecommendedItem:
    """Return an item as visitors are shown it.

    Args:
        item: As the catalogue has it.
        chain: The locales whose words apply.
        why: The reason in words.
    """
    category = item.category[-1] if item.category else ""
    item = in_language(item, chain)
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
        propensity=propensity,
    )


def reason_of(
    ranked: Recommendation,
    words: WhyWords,
    catalogue: Catalogue,
    chain: Sequence[str],
    categories: Mapping[str, str] = NO_CATEGORIES,
) -> str:
    """Return in words why an item is there; empty where nothing is known that could be said.

    Args:
        chain: The locales whose words apply to items.
        categories: Category → what visitors read.
    """
    why = ranked.why
    if why.kind is WhyKind.NEW and not (why.text or ranked.item.added):
        # Nobody knows whether it is.
        return ""
    own = categories.get(why.category, "")
    why = why_in(catalogue, why, ranked.item, chain)
    if why.category and own:
        why = msgspec.structs.replace(why, category=own)
    return said(why, words)


def logged_list(listed: Listed) -> LoggedList:
    """Return what the decision log keeps of a list."""
    return LoggedList(
        listed.pipeline,
        tuple(
            LoggedItem(
                each.id, each.title[:_TITLE], each.why[:_TITLE], each.propensity, origin.explored
            )
            for each, origin in zip(listed.items, listed.origins, strict=True)
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
