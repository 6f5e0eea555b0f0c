"""Known then: what rules and segments are told of the past is what was known at that moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from persx.app.interactions_of_log import Gathered, gather, moment_of
from persx.app.known_then import Past, known_then, past_of
from persx.app.services import Services
from persx.app.withdrawals import note_withdrawal
from persx.decide.plan import Plan
from persx.model.attribute import Purpose
from persx.model.clock import MINUTE
from persx.model.event import Event, EventType, anonymous_key
from persx.recommend.evaluation.moments import Moment
from tests.recommend.shop import NOW, files, have, said, shop, tell

pytestmark = pytest.mark.anyio

SITE = {
    **files("""
known:
  sources: [{recommender: popularity}]
  rules:
    - {do: exclude, when: 'item.price > 100'}
    - {do: boost, when: 'contains(seen, item.category_path) and plan == "gold"'}
    - {do: bury, when: 'in_audience("english")'}
    - {do: boost, when: 'persona == "Collector" and hour > 3 and identified'}
    - {do: exclude, when: 'account.tier == "free"'}
    - {do: boost, when: 'item.brand == anchor.brand and weekday < 6'}
"""),
    "attributes.yaml": """
plan: {type: string, source: declared, purpose: personalization, label: Plan}
mails: {type: boolean, source: declared, purpose: marketing, label: Mails}
account.tier: {type: string, source: declared, purpose: personalization, label: Tier}
seen:
  type: strings
  source: computed
  purpose: personalization
  label: Seen
  compute: {kind: distinct, event: Product Viewed, property: category}
views:
  type: number
  source: computed
  purpose: personalization
  label: Views
  compute: {kind: count, event: Product Viewed}
""",
    "audiences.yaml": """
gold: {when: 'plan == "gold"'}
english: {when: 'locale == "en"'}
""",
    "personas.yaml": """
Collector: {behaviour: ['views >= 3'], description: Looks at much.}
""",
}


def looks(visitor: str, item: str, ago: int, **properties: Any) -> Event:
    return said(visitor, "Product Viewed", ago=ago, product_id=item, **properties)


def told(visitor: str, ago: int, *, user: str = "", **traits: Any) -> Event:
    return msgspec.structs.replace(
        said(visitor, "", ago=ago),
        type=EventType.IDENTIFY,
        name=None,
        user_id=user or None,
        verified=bool(user),
        traits=traits,
    )


@asynccontextmanager
async def at_work(*events: Event, mode: str = "opt_out") -> AsyncIterator[tuple[Services, Plan]]:
    settings = files(mode=mode)["settings.yaml"]
    async with shop(site={**SITE, "settings.yaml": settings}) as services:
        await have(services, "a", "b", "c")
        await tell(services, events)
        plan = services.publication.plan
        assert plan is not None
        yield services, plan


async def read(services: Services, plan: Plan) -> tuple[Gathered, Past]:
    gathered = await gather(services, plan, await moment_of(services), most_megabytes=50)
    return gathered, past_of(plan, plan.pipelines["known"])


async def then(services: Services, plan: Plan, *ago: int, user: int = 0) -> list[Moment]:
    gathered, past = await read(services, plan)
    found = []
    for each in ago:
        case = Moment(NOW - each * MINUTE, (), ("c",), {"hour": 9}, user=user)
        found += await known_then(
            services, plan, past, gathered.data, [case], gathered.moment.events
        )
    return found


async def test_what_came_later_is_not_known_yet() -> None:
    async with at_work(
        told("ann", 100, plan="free"),
        looks("ann", "a", 90, category="Hats"),
        looks("ann", "b", 80, category="Bags"),
        told("ann", 50, plan="gold"),
        looks("ann", "c", 40, category="Hats"),
    ) as (services, plan):
        moments = (110, 85, 80, 45, 0)
        at = dict(zip(moments, await then(services, plan, *moments), strict=True))
        known = {ago: case.attributes for ago, case in at.items()}
        assert {ago: each.get("plan") for ago, each in known.items()} == {
            110: None, 85: "free", 80: "free", 45: "gold", 0: "gold",
        }  # fmt: skip
        # The touch of that very moment is what is asked for.
        assert {ago: each.get("views") for ago, each in known.items()} == {
            110: 0, 85: 1, 80: 1, 45: 2, 0: 3,
        }  # fmt: skip
        assert known[85]["seen"] == ["Hats"]
        assert known[45]["seen"] == ["Bags", "Hats"]
        assert {ago: case.audiences for ago, case in at.items() if case.audiences} == {
            45: ("gold",), 0: ("gold",),
        }  # fmt: skip
        assert [case.persona for case in at.values()] == ["", "", "", "", "Collector"]
        assert known[0]["weekday"] == 2, "as the clocks of the shop's zone say"
        assert known[0]["hour"] == 9
        assert known[0]["identified"] is False


async def test_devices_that_belong_together_are_one_visitor() -> None:
    async with at_work(
        looks("phone", "a", 90),
        told("phone", 70, user="ann", plan="gold"),
        told("desk", 60, user="ann"),
        looks("desk", "b", 50),
        looks("bob", "b", 50),
    ) as (services, plan):
        gathered, _ = await read(services, plan)
        assert gathered.data.user_count == 2
        bob = int(gathered.data.users[gathered.data.times == NOW - 50 * MINUTE][0])
        found = [
            [
                (
                    case.attributes.get("plan"),
                    case.attributes["views"],
                    case.attributes["identified"],
                )
                for case in await then(services, plan, 80, 40, user=user)
            ]
            for user in (0, 1)
        ]
        assert [(None, 1, False), ("gold", 2, True)] in found
        assert [(None, 0, False), (None, 1, False)] in found
        assert bob in (0, 1)


async def test_what_was_not_allowed_is_not_known() -> None:
    agreed = said(
        "ann", "Consent Changed", 200, purposes={"analytics": True, "personalization": True}
    )
    more = said("ann", "Consent Changed", 60, purposes={"marketing": True})
    async with at_work(
        agreed, told("ann", 100, plan="gold", mails=True), more, looks("ann", "a", 50),
        mode="opt_in",
    ) as (services, plan):  # fmt: skip
        before, after = [case.attributes for case in await then(services, plan, 80, 40)]
        assert (before.get("plan"), before.get("mails")) == ("gold", None)
        assert (after.get("plan"), after.get("mails")) == ("gold", True)


async def test_what_was_withdrawn_stays_unknown() -> None:
    async with at_work(
        told("ann", 100, plan="gold"),
        said("ann", "Consent Changed", 60, purposes={"personalization": False}),
        said("ann", "Consent Changed", 30, purposes={"personalization": True}),
        looks("ann", "a", 25),
        told("ann", 20, plan="free"),
    ) as (services, plan):
        at = NOW - 60 * MINUTE
        await note_withdrawal(services, anonymous_key("ann"), {Purpose.PERSONALIZATION}, at)
        known = [case.attributes.get("plan") for case in await then(services, plan, 80, 22, 10)]
        assert known == [None, None, "free"]


async def test_rules_that_read_what_nobody_knows_are_left_out_and_told() -> None:
    async with at_work() as (services, plan):
        _, past = await read(services, plan)
        assert [each.rule.when for each in past.plan.rules] == [
            each.rule.when
            for place, each in enumerate(plan.pipelines["known"].rules)
            if place not in (2, 4)
        ]
        assert past.plan.pipeline.rules == tuple(each.rule for each in past.plan.rules)
        assert [(each.rule, each.do, each.unknown) for each in past.left_out] == [
            (2, "bury", ("locale",)),
            (4, "exclude", ("account.tier",)),
        ]
        assert (past.audiences, past.unknown_audiences) == (("gold",), ("english",))
        assert past.persona
        assert plan.pipelines["known"].rules[2].rule.do == "bury", "what serves stays as it is"


async def test_of_whom_nothing_is_asked_nothing_is_read() -> None:
    async with at_work() as (services, plan):
        gathered, past = await read(services, plan)
        assert await known_then(services, plan, past, gathered.data, [], 0) == []
