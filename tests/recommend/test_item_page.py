"""An item's page in the studio: what was done with it, what stands beside it, why it is not shown.

Figures come from one reading of the last days; nothing that a page shows is about a visitor.
"""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from persx.app.erasing import EraseRequest, erase_one
from persx.app.item_figures import DAYS, KeptFigures
from persx.app.item_listing import ListItems, Shown, Sort, list_items
from persx.app.item_neighbours import Knows, beside_item
from persx.app.services import Services
from persx.app.trainer import train_inside
from persx.model.clock import HOUR
from persx.model.item import Item, ItemId
from persx.storage.items import put
from persx.web.server import create_app
from tests.recommend.shop import NOW, files, have, said, shop, tell, viewed
from tests.staff import make_account, sign_in

pytestmark = pytest.mark.anyio

DAY_MINUTES = 24 * 60
PIPELINES = """
together:
  label: Goes with
  sources: [{recommender: cooccurrence}, {recommender: popularity, fill: true}]
  rules:
    - {do: exclude, when: 'contains(item.tags, "gift")'}
    - {do: include, when: 'item.brand == anchor.brand'}
popular:
  label: What many like
  sources: [{recommender: popularity}]
  price_to: 50
"""


@asynccontextmanager
async def studio(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as client:
        await make_account(services, "vi", "viewer")
        await sign_in(client, "vi")
        yield client


async def page(client: httpx.AsyncClient, path: str, **query: str) -> str:
    answer = await client.get(f"/admin/catalogue{path}", params=query or None)
    assert answer.status_code == 200
    return html.unescape(answer.text)


def section(text: str, id: str) -> str:
    """The words of one section."""
    found = re.search(rf'data-testid="{id}">(.*?)</section>\s*(?:<section class="card"|</main>)',
                      text, re.S)  # fmt: skip
    assert found, id
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


def ordered(visitor: str, *lines: tuple[str, float, int], ago: int = 0) -> Any:
    products = [{"product_id": id, "price": price, "quantity": many} for id, price, many in lines]
    return said(visitor, "Order Completed", ago=ago, products=products)


async def test_figures_are_sums_of_thirty_days_without_bots() -> None:
    async with shop() as services:
        await have(services, "shoe", "sock")
        in_list = {"block": "home", "pipeline": "popular", "items": ["shoe", "sock"]}
        await tell(
            services,
            [
                *viewed("ann", "shoe", "shoe"),
                # The page of the same view, as sites send both.
                said("ann", "/p/shoe", ago=2),
                said("bob", "/p/shoe?colour=red", ago=3 * DAY_MINUTES),
                said("bob", "Product Added", product_id="shoe"),
                ordered("bob", ("shoe", 20.0, 2), ("sock", 5.0, 1)),
                said("cy", "Recommendations Viewed", **in_list),
                said("di", "Recommendations Viewed", **in_list),
                said("di", "Recommendation Clicked", item_id="shoe", **in_list),
                *viewed("bot", "shoe"),
                said("bot", "Bot Detected"),
                *viewed("old", "shoe", ago=31 * DAY_MINUTES),
                # What is no order, no list and no item counts nothing, and breaks nothing.
                said("eve", "Order Completed", products="x"),
                said("eve", "Order Completed", products=[{"product_id": "shoe", "price": "x"}, 7]),
                ordered("eve", ("shoe", 9e99, 1), ("sock", -5.0, 1), ("sock", 1.0, -3)),
                said("eve", "Order Completed", products=[{"product_id": "sock", "price": "nan"}]),
                said("eve", "Recommendations Viewed", items="shoe"),
                said("eve", "Recommendations Viewed", items=[{"a": 1}, None]),
                said("eve", "Product Viewed", product_id="x" * 5_000),
            ],
        )
        figures = await services.item_figures.current(services)
        assert figures is not None
        shoe, sock = figures.of("shoe"), figures.of("sock")
        assert (shoe.views, shoe.added, shoe.orders, shoe.pieces) == (3, 1, 3, 4.0)
        assert (shoe.revenue, shoe.shown, shoe.clicks) == (40.0, 2, 1)
        assert shoe.days == (*[0] * (DAYS - 4), 1, 0, 0, 2)
        assert [(each.block, each.pipeline, each.shown, each.clicks) for each in shoe.where] == [
            ("home", "popular", 2, 1)
        ]
        assert (sock.views, sock.orders, sock.revenue, sock.shown, sock.clicks) == (0, 3, 5.0, 2, 0)
        assert figures.of("no such item").views == 0


async def test_one_reading_serves_many_pages_until_somebody_is_erased() -> None:
    async with shop() as services:
        await have(services, "shoe")
        await tell(services, viewed("ann", "shoe"))
        first = await services.item_figures.current(services)
        await tell(services, viewed("bob", "shoe"))
        assert await services.item_figures.current(services) is first
        services.clock = lambda: NOW + HOUR
        later = await services.item_figures.current(services)
        assert later is not None
        assert later.views("shoe") == 2
        await erase_one(services, EraseRequest(anonymous="ann", claimed=True))
        after = await services.item_figures.current(services)
        assert after is not None
        assert after.views("shoe") == 1


async def test_who_does_not_wait_is_told_that_it_is_counted() -> None:
    async with shop() as services:
        await have(services, "shoe")
        assert await KeptFigures().current(services, patience=0) is None


async def test_items_are_sorted_and_found_by_what_was_done_with_them() -> None:
    async with shop() as services, studio(services) as client:
        await have(services, "a", "b", "c", "d")
        await tell(
            services, [*viewed("ann", "c", "c", "b"), ordered("ann", ("b", 1.0, 1))]
        )  # fmt: skip

        async def ids(**asked: Any) -> list[str]:
            found = await list_items(services, ListItems(**asked))
            return [each.item.id for each in found.items]

        assert await ids(sort=Sort.VIEWS) == ["c", "b", "a", "d"]
        assert await ids(sort=Sort.ORDERS) == ["b", "a", "c", "d"]
        assert await ids(show=Shown.UNVIEWED) == ["a", "d"]
        assert await ids(sort=Sort.VIEWS, skip=1, limit=2) == ["b", "a"]
        text = await page(client, "", sort="views")
        assert re.findall(r'catalogue/item\?id=(\w)"', text) == ["c", "b", "a", "d"]
        assert "2 views" in text
        assert "1 view, 1 order" in text
        assert re.findall(r'item\?id=(\w)"', await page(client, "", show="unviewed")) == ["a", "d"]
        await tell(services, viewed("bob", "a", "d"))
        services.item_figures = KeptFigures()
        assert "was viewed in the last 30 days" in await page(client, "", show="unviewed")


async def test_neighbours_reasons_and_what_keeps_an_item_out() -> None:
    async with shop(site=files(PIPELINES)) as services, studio(services) as client:
        await have(services, "shoe", "sock", brand="Wren", price=40.0)
        await have(services, "gift", brand="Wren", price=80.0, tags=("gift",))
        for who in ("ann", "bob", "cy"):
            await tell(services, viewed(who, "shoe", "sock", "gift"))
        before = {each.pipeline: each for each in await beside_item(services, ItemId("shoe"))}
        assert before["together"].knows is Knows.NOTHING_YET
        for name in ("together", "popular"):
            await train_inside(services, name)
        together, popular = await beside_item(services, ItemId("shoe"))
        assert together.pipeline == "together"
        assert (together.anchored, together.knows) == (True, Knows.TRAINED)
        assert [(each.item.id, each.reason) for each in together.items] == [
            ("sock", "Often viewed with shoe")
        ]
        assert popular.open
        assert not popular.anchored
        text = await page(client, "/item", id="shoe")
        beside = section(text, "beside")
        assert "Goes with" in beside
        assert "Often viewed with shoe" in beside
        assert "The same beside every item: What many like" in beside
        where = section(text, "where")
        assert "learned from, number 1" in where
        # Which brand the page's item has is only known there.
        assert "It depends on the visitor or the page: rule 2: item.brand == anchor.brand" in where
        where = section(await page(client, "/item", id="gift"), "where")
        assert 'Rule 1 excludes it: contains(item.tags, "gift")' in where
        assert "It costs more than the pipeline allows" in where
        await have(services, "late", brand="Wren", price=9.0)
        await put(services.items, [Item(id=ItemId("sock"), title="sock", hidden=True,
                                        available=False)])  # fmt: skip
        late, _ = await beside_item(services, ItemId("late"))
        assert late.knows is Knows.WAITING
        where = section(await page(client, "/item", id="sock"), "where")
        assert "It is hidden. It is sold out." in where
        assert "No pipeline shows anything here" in await page(client, "/item", id="shoe")


async def test_a_pipeline_that_fails_is_told_beside_the_others() -> None:
    async with shop(site=files(PIPELINES)) as services, studio(services) as client:
        await have(services, "shoe", "sock")
        real = services.prepared.of

        def failing(plan: Any, catalogue: Any, trained: Any) -> Any:
            found = real(plan, catalogue, trained)
            if plan.name == "together":
                object.__setattr__(found, "newest", None)
            return found

        services.prepared.of = failing  # type: ignore[method-assign]
        text = await page(client, "/item", id="shoe")
        assert "It cannot be ranked: " in section(text, "beside")
        assert "What many like" in text


async def test_an_item_without_anything_and_a_site_without_pipelines() -> None:
    async with shop(site=files("")) as services, studio(services) as client:
        long = "A very " + "long" * 60 + " title"
        await put(services.items, [Item(id=ItemId("x"), title=long)])
        text = await page(client, "/item", id="x")
        assert 'data-testid="beside"' not in text
        figures = section(text, "figures")
        assert "Views 0" in figures
        assert "Revenue" not in figures


async def test_pages_are_linked_both_ways_and_survive_items_that_go() -> None:
    async with shop() as services, studio(services) as client:
        await have(services, *(f"i{n:03}" for n in range(110)))
        text = await page(client, "", page="2")
        assert re.findall(r'rel="(prev|next)"', text) == ["prev", "next"]
        assert "Page 2 of 3" in text
        for wrong in ("99", "-1", "x", "1" * 40):
            text = await page(client, "", page=wrong)
            assert "Page 3 of 3" in text if wrong == "99" else "Page 1 of 3" in text
