"""The served catalogue: what was acknowledged counts with the next request."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from persx.app.home import open_home
from persx.app.live_catalogue import PIECE, LiveCatalogue
from persx.app.starting import load_demo
from persx.app.workspace_items import workspace_items
from persx.decide.plan import Plan
from persx.model.item import Item, ItemId
from persx.storage.backends import open_storage
from persx.storage.items import put, remove


def item(id: str, **facts: Any) -> Item:
    return Item(id=ItemId(id), title=id, **facts)


async def demo_plan(name: str) -> Plan:
    async with open_home(None) as services:
        await load_demo(services, name)
        assert services.publication.plan is not None
        return services.publication.plan


def test_the_next_look_sees_what_was_written() -> None:
    async def scenario() -> None:
        async with open_storage(None, store="memory") as storage:
            items, live = storage.items, LiveCatalogue()
            assert len(await live.current(items, None)) == 0
            await put(items, [item("a"), item("b")])
            first = await live.current(items, None)
            assert first.shown.tolist() == [True, True]
            assert await live.current(items, None) is first, "nothing changed"
            await put(items, [item("a", available=False)])
            assert (await live.current(items, None)).shown.tolist() == [False, True]
            await put(items, [item("a"), item("b", hidden=True)])
            assert (await live.current(items, None)).shown.tolist() == [True, False]
            await remove(items, [ItemId("a")])
            last = await live.current(items, None)
            assert last.get("a") is None
            assert not last.shown.any()
            assert first.shown.tolist() == [True, True], "who holds one keeps it"

    asyncio.run(scenario())


def test_what_another_opening_of_the_home_wrote_is_seen(tmp_path: Path) -> None:
    """Two backends on one file: the reader has its own connection, as another process has."""

    async def scenario() -> None:
        async with open_storage(tmp_path) as writer, open_storage(tmp_path) as reader:
            live = LiveCatalogue()
            await put(writer.items, [item("a")])
            assert (await live.current(reader.items, None)).shown.tolist() == [True]
            await put(writer.items, [item("a", hidden=True)])
            assert (await live.current(reader.items, None)).shown.tolist() == [False]

    asyncio.run(scenario())


def test_many_items_come_in_pieces_and_all_come() -> None:
    async def scenario() -> None:
        async with open_storage(None, store="memory") as storage:
            many = [item(f"i{n}", price=float(n)) for n in range(PIECE * 5 + 3)]
            await put(storage.items, many)
            live = LiveCatalogue()
            found, same = await asyncio.gather(
                live.current(storage.items, None), live.current(storage.items, None)
            )
            assert found is same
            assert len(found) == len(many)
            assert found.columns.price[found.code("i2501")] == 2501.0

    asyncio.run(scenario())


def test_products_of_the_shop_are_items() -> None:
    plan = asyncio.run(demo_plan("shop"))
    items = workspace_items(plan)
    storm = items[ItemId("storm")]
    assert (storm.title, storm.price, storm.was, storm.category, storm.art, storm.url) == (
        "Storm Jacket", 159.9, 189.9, ("Apparel",), "jacket", "/products/storm",
    )  # fmt: skip
    assert storm.text.startswith("Seams taped")
    products = {id for id, each in items.items() if each.attributes["kind"] == "product"}
    assert len(products) == 36


def test_posts_and_test_ideas_of_the_demo_are_items() -> None:
    plan = asyncio.run(demo_plan("persx_ai"))
    items = workspace_items(plan)
    post = items[ItemId("blog/consent-first")]
    assert post.title == "Consent first, and good pages for those who decline"
    assert (post.category[-1], post.url) == ("Privacy", "/blog/consent-first")
    assert "Healthcare" in post.tags
    assert "who decides" in post.text
    posts = [each for each in items.values() if each.attributes["kind"] == "article"]
    assert len(posts) == 6
    assert len(items) == 6 + 30, "cards that only lead somewhere are none"
    idea = items[ItemId("test-ideas-list/delivery-date-beside-the-price")]
    assert idea.url == "/blog/cart-abandonment#delivery-date-beside-the-price"
    assert "Shopify" in idea.tags
    ideas = [each for each in items if each.startswith("test-ideas-list/")]
    assert len(ideas) == 30


def test_kept_items_lie_over_those_of_the_workspace() -> None:
    async def scenario() -> None:
        plan = await demo_plan("shop")
        async with open_storage(None, store="memory") as storage:
            live = LiveCatalogue()
            await put(storage.items, [Item(id=ItemId("storm"), hidden=True), item("own")])
            found = await live.current(storage.items, plan)
            storm = found.get("storm")
            assert storm is not None
            assert (storm.title, storm.hidden, storm.price) == ("Storm Jacket", True, 159.9)
            assert found.snapshot == plan.snapshot.number
            await remove(storage.items, [ItemId("storm")])
            storm = (await live.current(storage.items, plan)).get("storm")
            assert storm is not None
            assert storm.shown
            bare = await live.current(storage.items, None)
            assert list(bare.present()) == ["own"]

    asyncio.run(scenario())


def test_a_new_publication_is_taken_up() -> None:
    async def scenario() -> None:
        shop, site = await demo_plan("shop"), await demo_plan("persx_ai")
        async with open_storage(None, store="memory") as storage:
            live = LiveCatalogue()
            await put(storage.items, [Item(id=ItemId("storm"), price=1.0, title="Mine")])
            storm = (await live.current(storage.items, shop)).get("storm")
            assert storm == msgspec.structs.replace(
                workspace_items(shop)[ItemId("storm")], price=1.0, title="Mine"
            )
            found = await live.current(storage.items, site)
            assert found.get("storm") == Item(id=ItemId("storm"), price=1.0, title="Mine")
            assert found.get("drizzle") is None
            assert found.at("/blog/consent-first") is not None

    asyncio.run(scenario())
