"""What is learned from: touches of the log, by visitors who allow it, each once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import numpy as np
import pytest

from persx.app.interactions_of_log import Gathered, gather, moment_of
from persx.app.services import Services
from persx.model.clock import DAY, MINUTE
from persx.model.errors import Conflict
from persx.model.event import CONSENT_CHANGED, EventType
from persx.recommend.gathering import MOST_OF_ONE
from persx.recommend.interactions import ACTIONS, DEVICES
from tests.recommend.shop import NOW, files, have, said, shop, tell, viewed

pytestmark = pytest.mark.anyio


async def gathered(services: Services, **more: Any) -> Gathered:
    moment = await moment_of(services)
    more.setdefault("most_megabytes", 100)
    return await gather(services, services.publication.plan, moment, **more)


def told(found: Gathered) -> Counter[tuple[str, str]]:
    """How often each item was touched in which way."""
    data = found.data
    return Counter(
        (data.ids[item], ACTIONS[action].value)
        for item, action in zip(data.items, data.actions, strict=True)
    )


async def test_every_way_to_name_an_item_counts() -> None:
    async with shop() as services:
        await have(services, "shoe", "sock", "hat")
        products = [{"product_id": "shoe"}, {"sku": "sock"}, {"name": "no id"}, "nonsense"]
        await tell(
            services,
            [
                said("ann", "Product Viewed", product_id="shoe"),
                said("ann", "Item Viewed", item_id="sock"),
                said("ann", "Product Added", sku="shoe", product_id=""),
                said("ann", "Order Completed", products=products),
                said("bob", "/p/hat/?size=3#top"),
                said("bob", "/p/unknown"),
                said("bob", "Product Viewed", product_id=12),
                said("bob", "Product Viewed", product_id="/p/hat"),
                said("bob", "Product Viewed", product_id="x" * 201),
                said("bob", "Product Viewed"),
                said("bob", "Something Else", product_id="shoe"),
            ],
        )
        found = await gathered(services)
        assert told(found) == {
            ("shoe", "viewed"): 1,
            ("sock", "viewed"): 1,
            ("shoe", "added"): 1,
            ("shoe", "bought"): 1,
            ("sock", "bought"): 1,
            ("hat", "viewed"): 1,
            ("12", "viewed"): 1,
        }
        assert "12" in found.data.ids
        assert "12" not in found.data.catalogue, "it is learned from, and never shown"
        assert found.data.user_count == 2


async def test_a_page_view_and_what_the_page_says_are_one_touch() -> None:
    async with shop() as services:
        await have(services, "shoe")
        await tell(
            services,
            [
                said("ann", "/p/shoe", ago=60),
                said("ann", "Product Viewed", ago=60, product_id="shoe"),
                said("ann", "Product Viewed", ago=50, product_id="shoe"),
            ],
        )
        assert told(await gathered(services)) == {("shoe", "viewed"): 2}


async def test_order_sessions_and_contexts() -> None:
    async with shop() as services:
        await have(services, "shoe", "sock")
        events = [*viewed("ann", "shoe", "sock", ago=100), *viewed("ann", "shoe", ago=10)]
        await tell(services, [*reversed(events), *viewed("bob", "sock")])
        data = (await gathered(services)).data
        assert (np.diff(data.users) >= 0).all()
        assert sorted(Counter(data.sessions.tolist()).values()) == [1, 1, 2]
        for user in range(2):
            assert (np.diff(data.times[data.users == user]) >= 0).all()
        gaps = np.diff(data.times)
        fresh = (np.diff(data.users) != 0) | (gaps > 30 * MINUTE)
        assert (np.diff(data.sessions) == fresh).all()
        assert set(data.contexts["device"].tolist()) == {DEVICES.index("phone")}
        # It is eleven in Vienna when it is ten in Greenwich, and this was within two hours before.
        assert set(data.contexts["hour"].tolist()) == {9, 10}


async def test_only_who_allows_it_is_learned_from() -> None:
    async with shop(site=files(mode="opt_in")) as services:
        await have(services, "shoe")
        answers = {
            "ann": {"analytics": True, "personalization": True},
            "bob": {"analytics": True, "personalization": False},
            "cid": {"analytics": False, "personalization": True},
        }
        for visitor, purposes in answers.items():
            event = said(visitor, CONSENT_CHANGED, ago=9, purposes=purposes, source="banner")
            await tell(services, [event, *viewed(visitor, "shoe")])
        found = await gathered(services)
        assert told(found) == {("shoe", "viewed"): 1}
        assert found.unwilling == 2
        # Who takes it back is not learned from any more, whatever they did before.
        taken = {"analytics": True, "personalization": False}
        await tell(services, [said("ann", CONSENT_CHANGED, purposes=taken, source="banner")])
        assert told(await gathered(services)) == {}


async def test_bots_are_left_out_and_identities_of_one_person_are_one() -> None:
    async with shop() as services:
        await have(services, "shoe")
        bot = said("bot", "Bot Detected")
        await tell(services, [*viewed("bot", "shoe"), bot])
        for device in ("phone", "laptop"):
            known = msgspec.structs.replace(
                said(device, "Product Viewed", product_id="shoe", ago=9),
                user_id="ann",
                verified=True,
            )
            await tell(services, [*viewed(device, "shoe", ago=600), known])
        found = await gathered(services)
        assert found.data.user_count == 1
        # On both devices at once is once.
        assert told(found) == {("shoe", "viewed"): 2}


async def test_what_is_simulated_is_told() -> None:
    async with shop() as services:
        made_up = [*viewed("ann", "shoe"), said("ann", "/about")]
        await tell(
            services,
            [
                msgspec.structs.replace(each, context={**each.context, "simulated": True})
                for each in made_up
            ],
        )
        await tell(services, viewed("bob", "shoe", "sock"))
        found = await gathered(services)
        assert (found.simulated, len(found.data.users)) == (1, 3), "a page is no item"


async def test_one_visitor_does_not_rule() -> None:
    async with shop() as services:
        many = 50_000
        events = [
            said("ann", "Product Viewed", ago=2 * (many - place), product_id=f"item-{place}")
            for place in range(many)
        ]
        await tell(services, [*events, *viewed("bob", "shoe")])
        data = (await gathered(services)).data
        assert sorted(Counter(data.users.tolist()).values()) == [1, MOST_OF_ONE]
        newest = {f"item-{place}" for place in range(many - MOST_OF_ONE, many)}
        assert newest | {"shoe"} == {data.ids[item] for item in data.items}


async def test_since_as_of_and_sealed_events() -> None:
    async with shop() as services:
        await tell(services, viewed("ann", "old", ago=40 * 24 * 60))
        await tell(services, viewed("ann", "new", ago=24 * 60))
        await services.warehouse.seal()
        moment = await moment_of(services)
        await tell(services, viewed("ann", "later"))
        plan = services.publication.plan
        found = await gather(services, plan, moment, since=NOW - 30 * DAY, most_megabytes=100)
        assert told(found) == {("new", "viewed"): 1}
        assert set(told(await gathered(services))) == {
            ("old", "viewed"), ("new", "viewed"), ("later", "viewed"),
        }  # fmt: skip


async def test_an_empty_log_and_a_catalogue_of_one_item() -> None:
    async with shop() as services:
        data = (await gathered(services)).data
        assert (len(data.users), data.item_count, data.user_count) == (0, 0, 0)
        await have(services, "only")
        data = (await gathered(services)).data
        assert (len(data.users), data.ids) == (0, ["only"])


async def test_what_does_not_fit_is_refused_before_it_is_read() -> None:
    async with shop() as services:
        await tell(services, [each for n in range(200) for each in viewed(f"v{n}", "shoe")])
        with pytest.raises(Conflict, match="would take up to 1 MB, and 0 MB are allowed"):
            await gathered(services, most_megabytes=0)


async def test_page_views_by_type_only() -> None:
    async with shop() as services:
        await have(services, "shoe")
        event = msgspec.structs.replace(said("ann", "/p/shoe"), type=EventType.SCREEN)
        await tell(services, [event])
        assert told(await gathered(services)) == {}
